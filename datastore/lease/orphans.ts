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
  /** With when to look; what was suspected first comes first. */
  readonly #suspects = new Map<bigint, number>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: OrphanOptions) {
    this.#options = options;
  }

  /** Keys of this lease may be orphans, now or in a moment. */
  suspect(id: bigint): void {
    if (this.#stopped || this.#suspects.has(id)) return;
    const delay = limits.lease_orphan_ms + (this.#options.slot() & 7) * limits.lease_takeover_step_ms;
    this.#suspects.set(id, this.#options.clock.monotonicMs() + delay);
    if (this.#timer === null) this.#later(delay);
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
    const now = clock.monotonicMs();
    for (const [id, due] of this.#suspects) {
      if (due > now) return this.#later(due - now);
      if (clock.monotonicMs() > now + limits.slice_ms) break;
      if (!exists(id)) {
        const keys = [...keysOfLease(id)].sort();
        try {
          if (keys.length > 0) commit(keys.map(deleteKey));
        } catch {
          return this.#later(limits.lease_retry_ms); // It cannot write now.
        }
      }
      this.#suspects.delete(id);
    }
    if (this.#suspects.size > 0) this.#later(limits.lease_expire_pause_ms);
  }
}
