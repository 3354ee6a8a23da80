import type { Key } from '../replica/types.ts';

/** A half-open interval of keys; `end` null: without end. Compared by identity of bounds. */
export interface Interval {
  readonly start: Key;
  readonly end: Key | null;
}

interface Node<T extends Interval> {
  readonly item: T;
  readonly priority: number;
  /** The greatest end in this subtree; null: one of them has none. */
  maxEnd: Key | null;
  left: Node<T> | null;
  right: Node<T> | null;
}

/**
 * A set of intervals that answers "which contain this key" in O(log n + matches × log n), whatever the number of intervals that do not.
 *
 * A treap ordered by (start, end) where each node knows the greatest end below it. Own code because the libraries for it keep numbers only, or
 * rebuild from scratch; sets of prefixes would do for etcd's usual watchers but not for arbitrary ranges.
 * Priorities only balance: they come from a fixed sequence, so a run can be repeated.
 */
export class IntervalTree<T extends Interval> {
  #root: Node<T> | null = null;
  #sequence = 0x9e3779b9;
  size = 0;

  /** The item with exactly these bounds. */
  get(start: Key, end: Key | null): T | undefined {
    let node = this.#root;
    while (node !== null) {
      const order = compare(start, end, node.item);
      if (order === 0) return node.item;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Adds an item whose bounds are not in the set. */
  add(item: T): void {
    this.#root = insert(this.#root, { item, priority: this.#priority(), maxEnd: item.end, left: null, right: null });
    this.size++;
  }

  /** Removes the item with these bounds; it must be there. */
  delete(item: T): void {
    this.#root = remove(this.#root, item);
    this.size--;
  }

  /** Calls `visit` for every interval that contains `key`, by start. */
  stab(key: Key, visit: (item: T) => void): void {
    if (this.#root !== null) stab(this.#root, key, visit);
  }

  #priority(): number {
    let x = this.#sequence;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#sequence = x;
    return x;
  }
}

function compare(start: Key, end: Key | null, item: Interval): number {
  if (start !== item.start) return start < item.start ? -1 : 1;
  if (end === item.end) return 0;
  if (end === null) return 1;
  return item.end === null || end < item.end ? -1 : 1;
}

const later = (a: Key | null, b: Key | null): Key | null => (a === null || b === null ? null : a < b ? b : a);

function update<T extends Interval>(node: Node<T>): Node<T> {
  let end = node.item.end;
  if (node.left !== null) end = later(end, node.left.maxEnd);
  if (node.right !== null) end = later(end, node.right.maxEnd);
  node.maxEnd = end;
  return node;
}

function insert<T extends Interval>(node: Node<T> | null, added: Node<T>): Node<T> {
  if (node === null) return added;
  const order = compare(added.item.start, added.item.end, node.item);
  if (order === 0) throw new Error('interval is in the tree already');
  if (order < 0) {
    const left = insert(node.left, added);
    node.left = left;
    if (left.priority > node.priority) {
      node.left = left.right;
      left.right = update(node);
      return update(left);
    }
  } else {
    const right = insert(node.right, added);
    node.right = right;
    if (right.priority > node.priority) {
      node.right = right.left;
      right.left = update(node);
      return update(right);
    }
  }
  return update(node);
}

function remove<T extends Interval>(node: Node<T> | null, item: T): Node<T> | null {
  if (node === null) throw new Error('interval is not in the tree');
  const order = compare(item.start, item.end, node.item);
  if (order === 0) return join(node.left, node.right);
  if (order < 0) node.left = remove(node.left, item);
  else node.right = remove(node.right, item);
  return update(node);
}

/** One tree of two, where all of `left` comes before all of `right`. */
function join<T extends Interval>(left: Node<T> | null, right: Node<T> | null): Node<T> | null {
  if (left === null) return right;
  if (right === null) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return update(left);
  }
  right.left = join(left, right.left);
  return update(right);
}

function stab<T extends Interval>(node: Node<T>, key: Key, visit: (item: T) => void): void {
  if (node.maxEnd !== null && node.maxEnd <= key) return;
  if (node.left !== null) stab(node.left, key, visit);
  if (node.item.start > key) return;
  if (node.item.end === null || key < node.item.end) visit(node.item);
  if (node.right !== null) stab(node.right, key, visit);
}
