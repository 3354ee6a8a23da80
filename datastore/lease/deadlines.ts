import type { Lease } from './book.ts';

export interface Item {
  readonly lease: Lease;
  readonly at: number;
}

/**
 * When to look at which lease next: a binary heap. A deadline that has moved away is found out, and entered again, when its old entry comes up,
 * so a renewal costs nothing here. An entry counts only if it says what the lease's `scheduledAt` says.
 */
export class Deadlines {
  #heap: Item[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the first entry comes up; Infinity: none. */
  get first(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  push(lease: Lease, at: number): void {
    const heap = this.#heap;
    const item = { lease, at };
    let i = heap.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Item;
      if (above.at <= at) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = item;
  }

  /** Takes out the first entry; there must be one. */
  pop(): Item {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error('no deadline left');
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Lets go of all entries but those that count. */
  keep(lives: (item: Item) => boolean): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter(lives).sort((a, b) => a.at - b.at);
  }

  #sink(item: Item): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.at < (heap[child] as Item).at) child++;
      const below = heap[child] as Item;
      if (below.at >= item.at) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = item;
  }
}
