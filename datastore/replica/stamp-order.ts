import { compareStamps } from './types.ts';
import type { Stamp } from './types.ts';

/** Merges runs into the order of stamps, one at a time: sorting all at once would block for as long as there is much of it. */
export class StampOrder<T> {
  readonly #stampOf: (item: T) => Stamp;
  /** A heap by each run's next item. */
  readonly #heap: { readonly run: readonly T[]; at: number }[] = [];

  constructor(stampOf: (item: T) => Stamp) {
    this.#stampOf = stampOf;
  }

  /** Adds a run; it is sorted here, so it had better be short. */
  add(items: readonly T[]): void {
    if (items.length === 0) return;
    const run = [...items].sort((a, b) => compareStamps(this.#stampOf(a), this.#stampOf(b)));
    this.#heap.push({ run, at: 0 });
    let child = this.#heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#less(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  next(): T | undefined {
    const top = this.#heap[0];
    if (top === undefined) return undefined;
    const item = top.run[top.at++];
    if (top.at >= top.run.length) {
      const last = this.#heap.pop()!;
      if (this.#heap.length > 0) this.#heap[0] = last;
    }
    this.#sink();
    return item;
  }

  #sink(): void {
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) if (child < this.#heap.length && this.#less(child, least)) least = child;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #less(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a]!, this.#heap[b]!];
    return compareStamps(this.#stampOf(x.run[x.at]!), this.#stampOf(y.run[y.at]!)) < 0;
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = x;
  }
}
