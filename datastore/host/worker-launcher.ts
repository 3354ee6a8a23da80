/** The entry point of the process that starts workers (workers.ts). It imports as little as it can: it is there for as long as the replica is. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { WORKER_DATA } from './workers.ts';
import type { Ended, Order } from './workers.ts';

/** So much of what a worker writes to stderr is told. */
const COMPLAINT_BYTES = 2_000;

const workers = new Map<number, ChildProcess>();

function start(id: number, module: string, data: string): void {
  const worker = fork(module, [], { env: { ...process.env, [WORKER_DATA]: data }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  workers.set(id, worker);
  let complaint = '';
  worker.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString('utf8')).slice(-COMPLAINT_BYTES)));
  const end = (problem: string | null): void => {
    if (workers.delete(id) && process.connected) process.send?.({ id, problem } satisfies Ended);
  };
  worker.once('error', (error) => end(error.message));
  worker.once('close', (code, signal) => end(code === 0 ? null : `a worker ended with ${signal ?? `code ${code}`}: ${complaint.trim()}`));
}

process.on('message', (order: Order) => {
  if ('abort' in order) workers.get(order.id)?.kill('SIGKILL');
  else start(order.id, order.module, order.data);
});
process.once('disconnect', () => {
  for (const worker of workers.values()) worker.kill('SIGKILL');
  process.exit(0);
});
// A terminal tells the whole group; the replica decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
