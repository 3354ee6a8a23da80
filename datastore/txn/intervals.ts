import type { Key } from '../replica/types.ts';
import type { KeyRange } from '../keyspace/types.ts';

/** null: without end. */
interface Interval {
  readonly start: Key;
  readonly end: Key | null;
}

/** A set of keys, as ranges. Sorted and merged when it is asked, so that long lists of deletions cost no square. */
export class IntervalSet {
  #intervals: Interval[] = [];
  #merged = true;

  add(range: KeyRange): void {
    const end = range.end === undefined ? range.start + '\0' : range.end === '\0' ? null : range.end;
    if (end !== null && end <= range.start) return;
    this.#intervals.push({ start: range.start, end });
    this.#merged = false;
  }

  union(other: IntervalSet): void {
    if (other.#intervals.length === 0) return;
    this.#intervals.push(...other.#intervals);
    this.#merged = false;
  }

  has(key: Key): boolean {
    if (!this.#merged) this.#merge();
    const intervals = this.#intervals;
    let low = 0;
    let high = intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (intervals[middle]!.start <= key) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return false;
    const { end } = intervals[low - 1]!;
    return end === null || key < end;
  }

  #merge(): void {
    const sorted = this.#intervals.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    const merged: Interval[] = [];
    for (const interval of sorted) {
      const last = merged[merged.length - 1];
      if (last === undefined || (last.end !== null && last.end < interval.start)) merged.push(interval);
      else if (last.end !== null && (interval.end === null || interval.end > last.end)) merged[merged.length - 1] = { start: last.start, end: interval.end };
    }
    this.#intervals = merged;
    this.#merged = true;
  }
}
