import { limits } from '../limits.ts';

interface Entry {
  clock: number;
  /** When the first frame of the entry was made. */
  atMs: number;
  /** Sums over everything up to and including this entry. */
  records: number;
  bytes: number;
}

/**
 * Own frames that not every peer has reported as durable, with their age: what replication lag and unacknowledged bytes are computed from.
 * Bounded: when there are too many, neighbours become one entry (age of the older, so that lag is never understated).
 */
export class Unacked {
  #entries: Entry[] = [];
  #records = 0;
  #bytes = 0;
  /** The last entry before the first that is kept. */
  #forgotten: Entry = { clock: 0, atMs: 0, records: 0, bytes: 0 };

  /** Another log begins. Frames of the one before count no more: anti-entropy brings them. */
  begin(): void {
    this.#entries = [];
    this.#forgotten = { clock: 0, atMs: 0, records: this.#records, bytes: this.#bytes };
  }

  /** A frame after which the own log stands at `clock`. */
  add(clock: number, records: number, bytes: number, nowMs: number): void {
    this.#records += records;
    this.#bytes += bytes;
    this.#entries.push({ clock, atMs: nowMs, records: this.#records, bytes: this.#bytes });
    if (this.#entries.length > limits.unacked_entries) this.#thin();
  }

  /** What a peer that holds the own log up to `clock` has not. */
  beyond(clock: number, nowMs: number): { records: number; bytes: number; ageMs: number } {
    const index = this.#firstAfter(clock);
    const first = this.#entries[index];
    if (first === undefined) return { records: 0, bytes: 0, ageMs: 0 };
    const before = this.#entries[index - 1] ?? this.#forgotten;
    return { records: this.#records - before.records, bytes: this.#bytes - before.bytes, ageMs: nowMs - first.atMs };
  }

  /** The oldest entry that a peer which holds the own log up to `clock` has not. */
  oldest(clock: number): { readonly clock: number; readonly atMs: number } | null {
    return this.#entries[this.#firstAfter(clock)] ?? null;
  }

  /** Every peer holds the log up to `clock`. */
  forget(clock: number): void {
    const index = this.#firstAfter(clock);
    if (index === 0) return;
    this.#forgotten = this.#entries[index - 1] as Entry;
    this.#entries.splice(0, index);
  }

  #firstAfter(clock: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#entries[mid] as Entry).clock > clock) high = mid;
      else low = mid + 1;
    }
    return low;
  }

  #thin(): void {
    const thinned: Entry[] = [];
    for (let i = 0; i < this.#entries.length; i += 2) {
      const a = this.#entries[i] as Entry;
      const b = this.#entries[i + 1];
      thinned.push(b === undefined ? a : { ...b, atMs: a.atMs });
    }
    this.#entries = thinned;
  }
}
