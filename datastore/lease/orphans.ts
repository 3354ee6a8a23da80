import type { Clock, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Key, Write } from '../replica/types.ts';
import { deleteKey } from './record.ts';

export interface OrphanOptions {
  readonly clock: Clock;
  readonly slot: () => number;
  readonly exists: (id: bigint) => boolean;
  readonly keysOfLease: (id: bigint) => Iterable<Key>;
  readonly commit: (writes: readonly Write[]) => void;
}

/**
 * Deletes keys that bear a lease that is no more: one replica put them while another, not knowing, let the lease end. Every replica sees
 * them; they wait for different times, so that usually one of them does it, and a second deletion does no harm.
 */
export class Orphans {
  readonly #options: OrphanOptions;
  readonly #suspects = new Set<bigint>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: OrphanOptions) {
    this.#options = options;
  }

  /** Keys of this lease may be orphans, now or in a moment. */
  suspect(id: bigint): void {
    this.#suspects.add(id);
    if (this.#timer !== null || this.#stopped) return;
    this.#later(limits.lease_orphan_ms + (this.#options.slot() & 7) * limits.lease_takeover_step_ms);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = null;
      this.#sweep();
    });
  }

  #sweep(): void {
    const { clock, exists, keysOfLease, commit } = this.#options;
    const end = clock.monotonicMs() + limits.slice_ms;
    for (const id of this.#suspects) {
      if (clock.monotonicMs() > end) break;
      if (!exists(id)) {
        const keys = [...keysOfLease(id)].sort();
        try {
          if (keys.length > 0) commit(keys.map(deleteKey));
        } catch {
          break; // It cannot write now: again later.
        }
      }
      this.#suspects.delete(id);
    }
    if (this.#suspects.size > 0) this.#later(limits.lease_retry_ms);
  }
}
