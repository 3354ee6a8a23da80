/**
 * Loaded into a replica by NODE_OPTIONS=--import: the longest turn of its event loop in milliseconds of CPU time. Event-loop delay on a machine that
 * does other work besides says mostly how long the process was not running.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['EDGESTORE_TURNS'];
if (file !== undefined && isMainThread && process.argv.includes('serve')) {
  let last = process.threadCpuUsage();
  let longest: number[] = [];
  const look = (): void => {
    const now = process.threadCpuUsage();
    const ms = (now.user - last.user + now.system - last.system) / 1_000;
    last = now;
    if (ms > 5) longest.push(ms);
  };
  setInterval(look, 1).unref();
  setInterval(() => {
    if (longest.length > 10_000) longest = longest.sort((a, b) => b - a).slice(0, 1_000);
    // Whole, or not at all, for whoever reads it meanwhile.
    writeFileSync(`${file}.${process.pid}.new`, JSON.stringify(longest.sort((a, b) => b - a).slice(0, 20)));
    renameSync(`${file}.${process.pid}.new`, `${file}.${process.pid}`);
    last = process.threadCpuUsage();
  }, 200).unref();
}
