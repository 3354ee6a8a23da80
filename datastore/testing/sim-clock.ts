/**
 * Time that a test drives. Nothing happens until the test says so (`run`, `until`); what is due at the same virtual
 * moment happens in the order in which it was asked for. Between any two events all promises settle.
 */
import type { Clock, Timer } from '../host/host.ts';

interface Event {
  readonly at: number;
  readonly sequence: number;
  fn: (() => void) | null;
}

const earlier = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

/** Lets every promise settle that can without a further event. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The same for who uses nothing of the event loop but promises, and a good deal cheaper: a tick that was asked for by a promise's continuation
 * comes when no continuation is left. Now and then the loop has its turn, so that the rest of the process lives on.
 */
const TICKS_PER_TURN = 256;
let ticks = 0;
const settleByTick = (): Promise<void> => (++ticks % TICKS_PER_TURN === 0 ? settle() : new Promise((resolve) => process.nextTick(resolve)));

/**
 * Time passes in steps of 1/1024 ms, so that sums and differences of times are exact, and a delay that is not 0 takes time: otherwise a timer
 * set for what is left of a deadline, one rounding error, would fire at once for ever.
 */
const STEPS_PER_MS = 1_024;
const onGrid = (ms: number): number => Math.max(0, Math.ceil(ms * STEPS_PER_MS)) / STEPS_PER_MS;

export class SimClock implements Clock {
  #now = 0;
  #sequence = 0;
  /** A binary heap: the earliest event first. */
  readonly #heap: Event[] = [];
  readonly #wallStart: number;
  readonly #settle: () => Promise<void>;

  /** @param promisesOnly nothing is driven by this clock that waits for the event loop itself (I/O, other threads) */
  constructor(wallStartMs = 1_700_000_000_000, promisesOnly = false) {
    this.#wallStart = wallStartMs;
    this.#settle = promisesOnly ? settleByTick : settle;
  }

  wallMs(): number {
    return this.#wallStart + this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  after(delayMs: number, fn: () => void): Timer {
    const event: Event = { at: this.#now + onGrid(delayMs), sequence: this.#sequence++, fn };
    this.#push(event);
    return { cancel: () => void (event.fn = null) };
  }

  soon(fn: () => void): void {
    this.after(0, fn);
  }

  /** The clock of one machine: its wall clock may be wrong, and it can be stopped (a crash: none of its timers fires any more). */
  machine(wallSkewMs = 0): MachineClock {
    return new MachineClock(this, wallSkewMs);
  }

  /** Lets `ms` milliseconds pass. An exception in a timer ends the run with it. */
  async run(ms: number): Promise<void> {
    const end = this.#now + onGrid(ms);
    await this.#settle();
    while (this.#heap[0] !== undefined && this.#heap[0].at <= end) await this.#step();
    this.#now = end;
  }

  /** Lets time pass until `done()`, checked after each event. @returns the milliseconds it took. @throws if it is not done `withinMs`. */
  async until(done: () => boolean, withinMs: number): Promise<number> {
    const start = this.#now;
    await this.#settle();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > start + withinMs) throw new Error(`not done within ${withinMs} ms of virtual time`);
      await this.#step();
    }
    return this.#now - start;
  }

  /** Waits for a promise that needs time to pass. @throws what it rejects with, or if it is pending after `withinMs`. */
  async wait<T>(promise: Promise<T>, withinMs: number): Promise<T> {
    let settled = false;
    promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    await this.until(() => settled, withinMs);
    return promise;
  }

  async #step(): Promise<void> {
    const event = this.#pop();
    this.#now = event.at;
    if (event.fn === null) return;
    const fn = event.fn;
    event.fn = null;
    fn();
    await this.#settle();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!earlier(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && earlier(heap[child + 1] as Event, heap[child] as Event)) child++;
        if (!earlier(heap[child] as Event, last)) break;
        heap[i] = heap[child] as Event;
        i = child;
      }
      heap[i] = last;
    }
    return first;
  }
}

export class MachineClock implements Clock {
  readonly #time: SimClock;
  wallSkewMs: number;
  #halted = false;

  constructor(time: SimClock, wallSkewMs: number) {
    this.#time = time;
    this.wallSkewMs = wallSkewMs;
  }

  wallMs(): number {
    return this.#time.wallMs() + this.wallSkewMs;
  }

  monotonicMs(): number {
    return this.#time.monotonicMs();
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#time.after(delayMs, () => {
      if (!this.#halted) fn();
    });
  }

  soon(fn: () => void): void {
    this.after(0, fn);
  }

  /** The machine dies: nothing that it had planned happens. */
  halt(): void {
    this.#halted = true;
  }
}
