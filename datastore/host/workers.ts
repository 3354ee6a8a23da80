/**
 * Work apart from the serving thread, in a process of its own: what it allocated goes back to the system when it ends. (A thread's
 * buffers come from the same allocator as everybody's: after a few snapshots the serving process held 400 MiB that nobody used.)
 *
 * The processes are started by a launcher, a small process that is started before there is anything in memory: to start one, the system copies the
 * tables of all memory that the starting process has, 25 ms in which a replica with 100 MB of values would answer nobody, and 40 ms with 800.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Workers {
  /**
   * Runs a module in a process of its own that calls `asWorker`, with `data` (as JSON), until it ends. Rejects with what it throws, or when
   * `signal` fires; it has ended then.
   */
  run(module: URL, data: unknown, signal: AbortSignal): Promise<void>;
}

/** To the launcher. `abort`: end it, if it still runs. */
export type Order =
  | { readonly id: number; readonly module: string; readonly data: string }
  | { readonly id: number; readonly abort: true };

/** From the launcher, once a worker has ended. `problem`: null if it did its work. */
export interface Ended {
  readonly id: number;
  readonly problem: string | null;
}

/** Where a worker finds its data: in its environment. */
export const WORKER_DATA = 'EDGESTORE_WORKER_DATA';

export class NodeWorkers implements Workers {
  #launcher: ChildProcess | null = null;
  #ids = 0;
  readonly #waiting = new Map<number, (problem: string | null) => void>();

  /** Starts the launcher: to be made while this process is small. */
  constructor() {
    this.#launch();
  }

  run(module: URL, data: unknown, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const id = ++this.#ids;
      const abort = (): void => this.#order({ id, abort: true });
      this.#waiting.set(id, (problem) => {
        this.#waiting.delete(id);
        signal.removeEventListener('abort', abort);
        if (signal.aborted) reject(signal.reason as Error);
        else if (problem !== null) reject(new Error(problem));
        else resolve();
      });
      signal.addEventListener('abort', abort);
      this.#order({ id, module: fileURLToPath(module), data: JSON.stringify(data) });
    });
  }

  /** The launcher ends with this process, or when this is called; so do the workers. */
  close(): void {
    if (this.#launcher?.connected === true) this.#launcher.disconnect();
  }

  #order(order: Order): void {
    (this.#launcher ?? this.#launch()).send(order, (error) => {
      if (error !== null) this.#waiting.get(order.id)?.(`no worker could be started: ${error.message}`);
    });
  }

  #launch(): ChildProcess {
    const launcher = fork(fileURLToPath(new URL('./worker-launcher.ts', import.meta.url)), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    launcher.on('message', ({ id, problem }: Ended) => this.#waiting.get(id)?.(problem));
    const lost = (why: string): void => {
      if (this.#launcher !== launcher) return;
      this.#launcher = null;
      for (const end of [...this.#waiting.values()]) end(`the process that starts workers has ended: ${why}`);
    };
    launcher.once('error', (error) => lost(error.message));
    // Its workers end when they have lost it, a moment later than this.
    launcher.once('exit', (code, signal) => lost(signal ?? `code ${code}`));
    // Nobody stays for its sake.
    launcher.unref();
    launcher.channel?.unref();
    return (this.#launcher = launcher);
  }
}

/** In a process that `Workers.run` started: does `work` with its data, and ends. */
export async function asWorker(work: (data: unknown) => Promise<void>): Promise<void> {
  // Nobody waits for an orphan's work, and the next process to own the folder must not meet it.
  const orphaned = (): void => process.exit(1);
  process.once('disconnect', orphaned);
  await work(JSON.parse(process.env[WORKER_DATA] ?? 'null'));
  process.off('disconnect', orphaned);
  // The channel would keep this process alive.
  process.disconnect();
}
