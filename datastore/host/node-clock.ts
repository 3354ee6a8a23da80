import type { Clock } from './host.ts';

/** The machine's clocks and Node's timers. Timers never keep the process alive. */
export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon(fn) {
    setImmediate(fn);
  },
};
