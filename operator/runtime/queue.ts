/**
 * A work queue, as client-go's: a key that is added while it waits is there once; one that is added while it is worked on is worked on again afterwards,
 * never by two workers at a time. What failed comes back after a time that doubles.
 *
 *     add ──► dirty, waiting ──take──► processing ──done──► (dirty meanwhile? waiting again)
 *                   ▲                      │
 *                   └── retry (5 ms × 2^n, at most 1000 s), addAfter ◄┘
 */
import type { Clock, Timer } from '../../datastore/host/host.ts';

export const RETRY_FIRST_MS = 5;
export const RETRY_MAX_MS = 1_000_000;

/** For metrics. */
export interface QueueObserver {
  added(): void;
  retried(): void;
  depth(items: number): void;
  /** @param waited_ms between `add` and `take` */
  taken(waited_ms: number): void;
  worked(ms: number): void;
}

const nobody: QueueObserver = { added() {}, retried() {}, depth() {}, taken() {}, worked() {} };

export class WorkQueue {
  readonly #clock: Clock;
  readonly #observer: QueueObserver;
  #waiting: string[] = [];
  readonly #dirty = new Map<string, number>();
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { readonly at_ms: number; readonly timer: Timer }>();
  readonly #takers: ((key: string | null) => void)[] = [];
  readonly #idle: (() => void)[] = [];
  #closed = false;

  constructor(clock: Clock, observer: QueueObserver = nobody) {
    this.#clock = clock;
    this.#observer = observer;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.set(key, this.#clock.monotonicMs());
    this.#observer.added();
    if (!this.#processing.has(key)) this.#push(key);
  }

  /** Of several times for a key the earliest counts. */
  addAfter(key: string, delay_ms: number): void {
    if (this.#closed) return;
    if (delay_ms <= 0) return this.add(key);
    const at_ms = this.#clock.monotonicMs() + delay_ms;
    const before = this.#later.get(key);
    if (before !== undefined && before.at_ms <= at_ms) return;
    before?.timer.cancel();
    const timer = this.#clock.after(delay_ms, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { at_ms, timer });
  }

  /** After a failure. Returns in how many ms. */
  retry(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delay_ms = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures, 30));
    this.#observer.retried();
    this.addAfter(key, delay_ms);
    return delay_ms;
  }

  /** After a success: its failures are forgotten. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; null when the queue is closed. Whoever takes it says `done` when it is. */
  take(): Promise<string | null> {
    const key = this.#waiting.shift();
    if (key !== undefined) return Promise.resolve(this.#begin(key));
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#takers.push((taken) => resolve(taken === null ? null : this.#begin(taken))));
  }

  done(key: string): void {
    const begun = this.#processing.get(key);
    this.#processing.delete(key);
    if (begun !== undefined) this.#observer.worked(this.#clock.monotonicMs() - begun);
    if (this.#dirty.has(key)) this.#push(key);
    this.#checkIdle();
  }

  /** Nothing comes in any more, nobody gets anything any more. Resolves when what is being worked on is done. */
  drain(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    this.#dirty.clear();
    this.#waiting = [];
    for (const taker of this.#takers.splice(0)) taker(null);
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#checkIdle();
    });
  }

  #push(key: string): void {
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker(key);
    this.#waiting.push(key);
    this.#observer.depth(this.#waiting.length);
  }

  #begin(key: string): string {
    const now = this.#clock.monotonicMs();
    this.#observer.taken(now - (this.#dirty.get(key) ?? now));
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    this.#observer.depth(this.#waiting.length);
    return key;
  }

  #checkIdle(): void {
    if (this.#closed && this.#processing.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
