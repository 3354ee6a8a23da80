/**
 * Work apart from the serving thread, in a process of its own: what it allocated goes back to the system when it ends. (A thread's
 * buffers come from the same allocator as everybody's: after a few snapshots the serving process held 400 MiB that nobody used.)
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Workers {
  /**
   * Runs a module in a process of its own that calls `asWorker`, with `data` (as JSON), until it ends. Rejects with what it throws, or when
   * `signal` fires; it has ended then.
   */
  run(module: URL, data: unknown, signal: AbortSignal): Promise<void>;
}

const DATA = 'EDGESTORE_WORKER_DATA';

export const nodeWorkers: Workers = {
  run(module, data, signal) {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const child = fork(fileURLToPath(module), [], { env: { ...process.env, [DATA]: JSON.stringify(data) }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
      let complaint = '';
      child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString('utf8')).slice(-2_000)));
      const abort = (): void => void child.kill('SIGKILL');
      signal.addEventListener('abort', abort);
      const end = (problem: string | null): void => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) reject(signal.reason as Error);
        else if (problem !== null) reject(new Error(problem));
        else resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('close', (code, ended) => end(code === 0 ? null : `a worker ended with ${ended ?? `code ${code}`}: ${complaint.trim()}`));
    });
  },
};

/** In a process that `Workers.run` started: does `work` with its data, and ends. */
export async function asWorker(work: (data: unknown) => Promise<void>): Promise<void> {
  // Nobody waits for an orphan's work, and the next process to own the folder must not meet it.
  const orphaned = (): void => process.exit(1);
  process.once('disconnect', orphaned);
  await work(JSON.parse(process.env[DATA] ?? 'null'));
  process.off('disconnect', orphaned);
  // The channel would keep this process alive.
  process.disconnect();
}
