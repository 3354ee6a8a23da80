/**
 * The keys in order, and how many of them count: a B+ tree whose nodes know how many of the keys below them count, so that the number of those in a
 * range is found without walking it. etcd tells with every range how many keys it has, whatever the limit.
 *
 * A node's first key is a bound only in a leaf: what is below everything in a branch lies in its first child.
 */
import type { Key } from '../replica/types.ts';

/** How many items a node has at most; fewer than a quarter of it, and it is joined with a neighbour if that leaves room. */
const ITEMS_MAX = 64;
const ITEMS_FEW = ITEMS_MAX / 4;
const ITEMS_JOINED = (ITEMS_MAX * 3) / 4;

/** What stands in the index. Whoever changes `counts` of one that has a `leaf` says so by `recount`. */
export interface Indexed {
  readonly key: Key;
  readonly counts: boolean;
  leaf: Leaf<Indexed> | null;
}

interface Node {
  parent: Branch | null;
  counting: number;
  readonly keys: Key[];
}

export interface Leaf<T> extends Node {
  readonly entries: T[];
}

interface Branch extends Node {
  readonly children: (Branch | Leaf<Indexed>)[];
}

type Any = Branch | Leaf<Indexed>;

const isLeaf = (node: Any): node is Leaf<Indexed> => 'entries' in node;
const newLeaf = (): Leaf<Indexed> => ({ parent: null, counting: 0, keys: [], entries: [] });
const newBranch = (): Branch => ({ parent: null, counting: 0, keys: [], children: [] });

/** The first index whose key is at least this. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child of a branch in which a key belongs. */
function childOf(keys: readonly Key[], key: Key): number {
  let low = 1;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** One that is in the index counts from now on, or no more. */
export function recount(leaf: Leaf<Indexed> | null, by: 1 | -1): void {
  for (let node: Any | null = leaf; node !== null; node = node.parent) node.counting += by;
}

export class KeyIndex<T extends Indexed> {
  #root: Any = newLeaf();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Key): T | undefined {
    const leaf = this.#leafOf(key);
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? (leaf.entries[at] as T) : undefined;
  }

  /** Takes in a key that is not there. */
  add(entry: T): void {
    const leaf = this.#leafOf(entry.key);
    const at = lowerBound(leaf.keys, entry.key);
    leaf.keys.splice(at, 0, entry.key);
    leaf.entries.splice(at, 0, entry);
    entry.leaf = leaf;
    this.#size++;
    if (entry.counts) recount(leaf, 1);
    // Keys that come in order leave full leaves behind them.
    if (leaf.entries.length > ITEMS_MAX) this.#split(leaf, at === leaf.entries.length - 1 ? at : leaf.entries.length >>> 1);
  }

  delete(entry: T): void {
    const { leaf } = entry;
    if (leaf === null) return;
    const at = lowerBound(leaf.keys, entry.key);
    leaf.keys.splice(at, 1);
    leaf.entries.splice(at, 1);
    entry.leaf = null;
    this.#size--;
    if (entry.counts) recount(leaf, -1);
    if (leaf.entries.length < ITEMS_FEW) this.#shrunk(leaf);
  }

  /** All from `start` to before `end` (undefined: to the end), ascending, until `visit` returns true. The index must not be changed meanwhile. */
  walk(start: Key, end: Key | undefined, visit: (entry: T) => boolean | void): void {
    walk(this.#root, start, end, visit as (entry: Indexed) => boolean | void);
  }

  /** How many from `start` to before `end` (undefined: to the end) count. */
  count(start: Key, end: Key | undefined): number {
    if (end !== undefined && end <= start) return 0;
    return (end === undefined ? this.#root.counting : this.#below(end)) - this.#below(start);
  }

  /** All, ascending. The index must not be changed meanwhile. */
  *values(node: Any = this.#root): IterableIterator<T> {
    if (isLeaf(node)) yield* node.entries as T[];
    else for (const child of node.children) yield* this.values(child);
  }

  #leafOf(key: Key): Leaf<Indexed> {
    let node = this.#root;
    while (!isLeaf(node)) node = node.children[childOf(node.keys, key)]!;
    return node;
  }

  /** How many below a key count. */
  #below(key: Key): number {
    let below = 0;
    let node = this.#root;
    while (!isLeaf(node)) {
      const at = childOf(node.keys, key);
      for (let i = 0; i < at; i++) below += node.children[i]!.counting;
      node = node.children[at]!;
    }
    const at = lowerBound(node.keys, key);
    for (let i = 0; i < at; i++) if (node.entries[i]!.counts) below++;
    return below;
  }

  /** Moves what is from `at` on into a new node behind this one. */
  #split(node: Any, at: number): void {
    const right = isLeaf(node) ? newLeaf() : newBranch();
    move(node, at, right);
    let { parent } = node;
    if (parent === null) {
      this.#root = parent = newBranch();
      parent.counting = node.counting + right.counting;
      parent.keys.push(node.keys[0]!);
      parent.children.push(node);
      node.parent = parent;
    }
    const place = parent.children.indexOf(node) + 1;
    right.parent = parent;
    parent.keys.splice(place, 0, right.keys[0]!);
    parent.children.splice(place, 0, right);
    if (parent.children.length > ITEMS_MAX) this.#split(parent, place === parent.children.length - 1 ? place : parent.children.length >>> 1);
  }

  /** A node has few items left: it goes, or is joined with a neighbour. */
  #shrunk(node: Any): void {
    const { parent } = node;
    if (parent === null) {
      while (!isLeaf(this.#root) && this.#root.children.length === 1) {
        this.#root = this.#root.children[0]!;
        this.#root.parent = null;
      }
      return;
    }
    const at = parent.children.indexOf(node);
    if (node.keys.length === 0) remove(parent, at);
    else {
      const left = at > 0 && fits(parent.children[at - 1]!, node) ? at - 1 : at;
      const right = parent.children[left + 1];
      if (right === undefined || !fits(parent.children[left]!, right)) return;
      // A branch's own first key is no bound; its parent's is.
      if (!isLeaf(right)) right.keys[0] = parent.keys[left + 1]!;
      move(right, 0, parent.children[left]!);
      remove(parent, left + 1);
    }
    if (parent.children.length < ITEMS_FEW) this.#shrunk(parent);
  }
}

const fits = (a: Any, b: Any): boolean => a.keys.length + b.keys.length <= ITEMS_JOINED;

function remove(parent: Branch, at: number): void {
  parent.keys.splice(at, 1);
  parent.children.splice(at, 1);
}

/** Moves what is from `at` on in one node to the end of another of its kind. What is above them both counts the same. */
function move(from: Any, at: number, to: Any): void {
  let counting = 0;
  if (isLeaf(from)) {
    const leaf = to as Leaf<Indexed>;
    for (const entry of from.entries.splice(at)) {
      leaf.entries.push(entry);
      entry.leaf = leaf;
      if (entry.counts) counting++;
    }
  } else {
    const branch = to as Branch;
    for (const child of from.children.splice(at)) {
      branch.children.push(child);
      child.parent = branch;
      counting += child.counting;
    }
  }
  to.keys.push(...from.keys.splice(at));
  from.counting -= counting;
  to.counting += counting;
}

/** @returns true: it is over */
function walk(node: Any, start: Key, end: Key | undefined, visit: (entry: Indexed) => boolean | void): boolean {
  if (isLeaf(node)) {
    const { keys, entries } = node;
    for (let i = lowerBound(keys, start); i < entries.length; i++) {
      if ((end !== undefined && keys[i]! >= end) || visit(entries[i]!) === true) return true;
    }
    return false;
  }
  const { children } = node;
  for (let i = childOf(node.keys, start); i < children.length; i++) if (walk(children[i]!, start, end, visit)) return true;
  return false;
}
