/** What tests of workers run: a module for `Workers.run`. */
import { writeFileSync } from 'node:fs';
import { asWorker } from '../host/workers.ts';

/** Writes its process id, then does what it is told. */
export interface WorkerTask {
  readonly file: string;
  readonly then: 'end' | 'throw' | 'stay';
}

await asWorker(async (data) => {
  const { file, then } = data as WorkerTask;
  writeFileSync(file, String(process.pid));
  if (then === 'throw') throw new Error('it went wrong');
  if (then === 'stay') await new Promise((resolve) => setTimeout(resolve, 1 << 30));
});
