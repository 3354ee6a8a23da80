/** Workers that take keys from a queue and reconcile them, level-based: what is to be done is worked out from what is, never from what happened. */
import type { Logger } from '../../datastore/host/log.ts';
import type { WorkQueue } from './queue.ts';

export interface ReconcileResult {
  /** Look again after so many ms. */
  readonly again_ms?: number;
}

export interface ControllerObserver {
  working(workers: number): void;
  reconciled(result: 'success' | 'error' | 'requeue_after', ms: number): void;
}

export interface ControllerOptions {
  readonly queue: WorkQueue;
  readonly workers: number;
  readonly reconcile: (key: string) => Promise<ReconcileResult>;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly observer?: ControllerObserver;
}

/** Failures of that many in a row are worth a warning: before that, they are races that the next try settles. */
const WARN_MS = 100;

export class Controller {
  readonly #options: ControllerOptions;
  #workers: Promise<void>[] = [];
  #working = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  run(): void {
    this.#workers = Array.from({ length: this.#options.workers }, () => this.#work());
  }

  /** No more is begun. Resolves when what is under way is done. */
  async drain(): Promise<void> {
    await this.#options.queue.drain();
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const { queue, reconcile, log, nowMs, observer } = this.#options;
    for (;;) {
      const key = await queue.take();
      if (key === null) return;
      observer?.working(++this.#working);
      const from = nowMs();
      try {
        const { again_ms } = await reconcile(key);
        queue.forget(key);
        observer?.reconciled(again_ms === undefined ? 'success' : 'requeue_after', nowMs() - from);
        if (again_ms !== undefined) queue.addAfter(key, again_ms);
      } catch (error) {
        const again_ms = queue.retry(key);
        observer?.reconciled('error', nowMs() - from);
        log[again_ms > WARN_MS ? 'warn' : 'info']('reconciling failed; trying again', { key, again_ms, error });
      } finally {
        observer?.working(--this.#working);
        queue.done(key);
      }
    }
  }
}
