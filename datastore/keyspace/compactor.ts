import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Key } from '../replica/types.ts';
import type { Entry } from './entry.ts';
import type { History } from './history.ts';

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/** How many changes are walked between two looks at the clock. */
const STEP = 128;

/**
 * Frees what a compaction made unreachable, in slices. It walks the changes up to the compacted revision, never the keys: only a
 * key that changed can have anything to forget.
 *
 * The changes *at* the compacted revision stay in the history, as in etcd: a watch may start exactly there.
 */
export class Compactor {
  readonly #clock: Pick<Clock, 'soon' | 'monotonicMs'>;
  readonly #history: History;
  readonly #entry: (key: Key) => Entry | undefined;
  readonly #forget: (entry: Entry) => void;
  readonly #freed: (bytes: number) => void;
  #target = -1;
  /** Physically done up to here. */
  #done = -1;
  /** Absolute position in the history up to which keys have been visited. */
  #position = 0;
  #running = false;
  #stopped = false;
  #waiters: Waiter[] = [];

  constructor(
    clock: Pick<Clock, 'soon' | 'monotonicMs'>,
    history: History,
    entry: (key: Key) => Entry | undefined,
    forget: (entry: Entry) => void,
    freed: (bytes: number) => void,
  ) {
    this.#clock = clock;
    this.#history = history;
    this.#entry = entry;
    this.#forget = forget;
    this.#freed = freed;
  }

  compact(revision: number): void {
    this.#target = revision;
    if (!this.#running) this.#schedule();
  }

  /** Resolves when everything up to the revision is freed, or when the compactor is stopped. */
  async physically(revision: number): Promise<void> {
    if (this.#done >= revision || this.#target < revision || this.#stopped) return;
    await new Promise<void>((resolve) => this.#waiters.push({ revision, resolve }));
  }

  /** Does all that is left, now. */
  finish(): void {
    while (this.#done < this.#target) this.#slice(Infinity);
  }

  stop(): void {
    this.#stopped = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  #schedule(): void {
    this.#running = true;
    this.#clock.soon(() => {
      this.#running = false;
      if (this.#stopped || this.#done >= this.#target) return;
      this.#slice(this.#clock.monotonicMs() + limits.slice_ms);
      if (this.#done < this.#target) this.#schedule();
    });
  }

  #slice(until: number): void {
    const target = this.#target;
    const history = this.#history;
    let position = Math.max(this.#position, history.start);
    const end = history.position(target + 1);
    while (position < end) {
      const stop = Math.min(end, position + STEP);
      for (; position < stop; position++) {
        const entry = this.#entry(history.at(position).key);
        if (entry === undefined) continue;
        this.#freed(entry.compact(target));
        if (entry.empty) this.#forget(entry);
      }
      if (until !== Infinity && this.#clock.monotonicMs() >= until) break;
    }
    this.#position = position;
    // The changes at the target itself are kept; they are visited again by the next compaction.
    const keep = Math.min(position, history.position(target));
    history.trim(keep);
    this.#position = position < end ? position : keep;
    if (position < end) return;
    this.#done = target;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.revision > target);
    for (const waiter of waiting) if (waiter.revision <= target) waiter.resolve();
  }
}
