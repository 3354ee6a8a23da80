import type { Version } from './version.ts';

/**
 * The changes in the order they were made, deletions included: what watchers read and what a compaction walks.
 * Positions are absolute (they do not move when the front is trimmed), so that a slow reader can hold one.
 */
export class History {
  #items: Version[] = [];
  /** Trimmed items that still lie in `#items`. */
  #offset = 0;
  /** Absolute position of `#items[0]`. */
  #base = 0;

  get start(): number {
    return this.#base + this.#offset;
  }
  get end(): number {
    return this.#base + this.#items.length;
  }

  append(version: Version): void {
    this.#items.push(version);
  }

  /** Puts a version where another of the last revision stands; null: nothing. */
  replaceLast(old: Version, version: Version | null): void {
    const index = this.#items.lastIndexOf(old);
    if (index >= this.#offset) this.#items.splice(index, 1, ...(version === null ? [] : [version]));
  }

  at(position: number): Version {
    return this.#items[position - this.#base]!;
  }

  /** The position of the first change at or after a revision. */
  position(revision: number): number {
    const items = this.#items;
    let high = items.length;
    // Nearly always the very end is asked for.
    if (high === this.#offset || items[high - 1]!.modRevision < revision) return this.end;
    let low = this.#offset;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (items[middle]!.modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return this.#base + low;
  }

  /** Forgets everything before a position. Amortised constant cost per item. */
  trim(position: number): void {
    const items = this.#items;
    for (let i = this.#offset, to = position - this.#base; i < to; i++) {
      // Lets go of the bytes now, not when the array is cut.
      items[i] = undefined as unknown as Version;
    }
    this.#offset = Math.max(this.#offset, position - this.#base);
    if (this.#offset > 1024 && this.#offset * 2 > items.length) {
      this.#items = items.slice(this.#offset);
      this.#base += this.#offset;
      this.#offset = 0;
    }
  }
}
