/** Work on another thread. */
import { Worker, workerData as ownData } from 'node:worker_threads';

export interface Workers {
  /**
   * Runs a module on a thread of its own with `data` as its `workerData`, until it ends. Rejects with what it throws, or when `signal`
   * fires; it has ended then.
   */
  run(module: URL, data: unknown, signal: AbortSignal): Promise<void>;
}

export const nodeWorkers: Workers = {
  run(module, data, signal) {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const worker = new Worker(module, { workerData: data, execArgv: process.execArgv.filter((arg) => !arg.startsWith('--input-type')) });
      const abort = (): void => void worker.terminate();
      signal.addEventListener('abort', abort);
      let failure: Error | undefined;
      worker.on('error', (error: Error) => (failure = error));
      worker.on('exit', (code) => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) reject(signal.reason as Error);
        else if (failure !== undefined) reject(failure);
        else if (code !== 0) reject(new Error(`a worker ended with code ${code}`));
        else resolve();
      });
    });
  },
};

/** On a thread that `Workers.run` started: its data. */
export const workerData = (): unknown => ownData;
