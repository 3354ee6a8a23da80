/**
 * Loaded into a replica by NODE_OPTIONS=--import: the long turns of its event loop in milliseconds of CPU time, and what V8's collections took of each: those since the
 * last time, written to EDGESTORE_TURNS.PID at a SIGUSR2.
 * Event-loop delay on a machine that does other work besides says mostly how long the process was not running.
 *
 * Of a collection its start and duration are told, a moment after it was, so turn and collection find each other when they are written down.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** One turn: when it ended (since the epoch), its CPU time, the collections in it by the wall clock, in milliseconds. */
export interface Turn {
  readonly at: number;
  readonly ms: number;
  gc: number;
}

/** Shorter ones are not of interest. */
const LEAST_MS = 5;

const file = process.env['EDGESTORE_TURNS'];
if (file !== undefined && isMainThread && process.argv.includes('serve')) {
  let last = process.threadCpuUsage();
  let lastAt = performance.now();
  let turns: (Turn & { readonly from: number })[] = [];
  const look = (): void => {
    const now = process.threadCpuUsage();
    const at = performance.now();
    const ms = (now.user - last.user + now.system - last.system) / 1_000;
    if (ms > LEAST_MS) turns.push({ from: lastAt, at, ms, gc: 0 });
    last = now;
    lastAt = at;
  };
  let collections: { readonly startTime: number; readonly duration: number }[] = [];
  new PerformanceObserver((list) => void collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  setInterval(look, 1).unref();
  // A turn of its own, and not written down before somebody asks: the disk may be busy.
  process.on('SIGUSR2', () => {
    for (const { startTime, duration } of collections) {
      const turn = turns.find(({ from, at }) => from <= startTime && startTime < at);
      if (turn !== undefined) turn.gc += duration;
    }
    collections = [];
    // Whole, or not at all, for whoever reads it meanwhile.
    writeFileSync(`${file}.${process.pid}.new`, JSON.stringify(turns.map((turn) => ({ ...turn, at: performance.timeOrigin + turn.at }))));
    renameSync(`${file}.${process.pid}.new`, `${file}.${process.pid}`);
    turns = [];
    last = process.threadCpuUsage();
    lastAt = performance.now();
  });
}
