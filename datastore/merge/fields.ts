/**
 * Merges concurrent heads of one object field by field (REPLICATION.md, rule 3 d and e): a dot that another head has in its context but no longer carries
 * was replaced or removed by it and is dropped; of the rest the highest wins. A pure function of the heads, in whatever order they are given.
 */
import type { Context, Stamp } from '../stamp.ts';
import { compareStamps, inContext } from '../stamp.ts';
import { Dots, OLD, sameDot, sameStamp } from './dots.ts';
import type { Decision, MergeRule } from './decision.ts';
import type { Place } from './policy/policy.ts';
import type { Schema } from './schema/types.ts';
import { contentKey, elementsOf, partsOf, shapeOf } from './shape.ts';
import type { LeafRule, Part } from './shape.ts';
import { EMPTY, equal } from './tree.ts';
import type { Fields, List, Tree } from './tree.ts';

export interface FieldHead {
  readonly stamp: Stamp;
  readonly context: Context;
  readonly dots: Dots;
  readonly tree: Fields;
}

export interface MergedFields {
  readonly tree: Fields;
  readonly dots: Dots;
  readonly decisions: Decision[];
}

/** @param heads highest stamp first */
export function mergeFields(heads: readonly FieldHead[], schema: Schema, root: Place): MergedFields {
  const merge = new Merge(heads);
  const trees = heads.map(({ tree }) => tree);
  const tree = merge.fields('', trees, schema, root);
  return { tree, dots: merge.dots(heads[0]!.dots.created), decisions: merge.decisions };
}

/** What stands at one place in each head; undefined: nothing. */
type Trees = readonly (Tree | undefined)[];

interface Candidate {
  /** Index of the head. */
  readonly of: number;
  readonly dot: Stamp;
  readonly tree: Tree;
}

class Merge {
  readonly decisions: Decision[] = [];
  readonly #dots = new Map<string, Stamp>();
  readonly #heads: readonly FieldHead[];

  constructor(heads: readonly FieldHead[]) {
    this.#heads = heads;
  }

  /** Of all fields of the result; what most of them have is not listed. */
  dots(created: Stamp): Dots {
    const counts = new Map<string, { readonly dot: Stamp; count: number }>();
    let usual = { dot: OLD, count: 0 };
    for (const dot of this.#dots.values()) {
      const name = `${dot.log}/${dot.lamport}`;
      let counted = counts.get(name);
      if (counted === undefined) counts.set(name, (counted = { dot, count: 0 }));
      if (++counted.count > usual.count) usual = counted;
    }
    return new Dots(created, usual.dot, new Map([...this.#dots].filter(([, dot]) => !sameStamp(dot, usual.dot))));
  }

  fields(path: string, trees: Trees, schema: Schema, place: Place | undefined): Fields {
    const entries = new Map<string, Tree>();
    for (const [name, parts] of this.#aligned(trees, (tree) => partsOf(tree as Fields, path, schema, place))) {
      const merged = this.#part(parts);
      if (merged === undefined) continue;
      if (parts.some((part) => part?.unit)) for (const [member, value] of (merged as Fields).entries) entries.set(member, value);
      else entries.set(name, merged);
    }
    return { kind: 'fields', entries };
  }

  #elements(trees: Trees, partsOfTree: (tree: Tree) => Map<string, Part>): Tree | undefined {
    const items: Tree[] = [];
    const aligned = this.#aligned(trees, partsOfTree);
    for (const key of orderOf(trees.map((tree) => (tree === undefined ? [] : [...partsOfTree(tree).keys()])))) {
      const merged = this.#part(aligned.get(key)!);
      if (merged !== undefined) items.push(merged);
    }
    return items.length === 0 && !trees.some((tree) => tree?.kind === 'list' && tree.items.length === 0) ? undefined : { kind: 'list', items };
  }

  #aligned(trees: Trees, partsOfTree: (tree: Tree) => Map<string, Part>): Map<string, (Part | undefined)[]> {
    const aligned = new Map<string, (Part | undefined)[]>();
    trees.forEach((tree, i) => {
      if (tree === undefined) return;
      for (const [name, part] of partsOfTree(tree)) {
        let row = aligned.get(name);
        if (row === undefined) aligned.set(name, (row = trees.map(() => undefined)));
        row[i] = part;
      }
    });
    return aligned;
  }

  #part(parts: readonly (Part | undefined)[]): Tree | undefined {
    const some = parts.find((part) => part !== undefined)!;
    return this.#node(some.path, parts.map((part) => part?.tree), some.schema, some.place, some.unit);
  }

  #node(path: string, trees: Trees, schema: Schema, place: Place | undefined, unit: boolean): Tree | undefined {
    const shape = shapeOf(trees.filter((tree) => tree !== undefined), schema, place);
    if (shape.kind === 'leaf') return this.#leaf(path, trees, shape.rule, unit);
    if (shape.kind === 'elements') return this.#elements(trees, (tree) => elementsOf(tree as List, path, shape.list, place));
    if (!shape.removable) {
      const merged = this.fields(path, trees, schema, place);
      return merged.entries.size === 0 && !trees.some((tree) => tree?.kind === 'fields' && tree.entries.size === 0) ? undefined : merged;
    }
    const there = this.#present(path, trees);
    if (there === null) return undefined;
    const merged = this.fields(path, there, schema, place);
    return merged.entries.size === 0 ? EMPTY : merged;
  }

  /**
   * Is a struct or an element there, and in which heads? Taking it away takes what is in it; one that was made on both sides is taken from one.
   * @returns null: it is gone
   */
  #present(path: string, trees: Trees): Trees | null {
    const candidates = this.#candidates(trees, (i) => this.#heads[i]!.dots.of(path));
    const [winner, ...others] = candidates;
    if (winner === undefined) {
      this.#removed(path, trees);
      return null;
    }
    this.#dots.set(path, winner.dot);
    const heads = this.#heads;
    const winners = new Set([winner.of, ...others.filter((other) => sameDot(winner.dot, heads[winner.of]!.context, other.dot, heads[other.of]!.context)).map((other) => other.of)]);
    for (const other of others) if (!winners.has(other.of) && !equal(winner.tree, other.tree)) this.#decide('created-twice', path, winner.of, other);
    // Those that hold what was taken away meanwhile, and made anew, do not count either.
    return trees.map((tree, i) => (winners.has(i) ? tree : undefined));
  }

  /** Something was taken away: whoever changed something in it has lost that. */
  #removed(path: string, trees: Trees): void {
    this.#heads.forEach((head, i) => {
      const tree = trees[i];
      if (tree === undefined) return;
      const newest = head.dots.within(path);
      const remover = this.#heads.findIndex((other, j) => trees[j] === undefined && !inContext(other.context, newest));
      if (remover >= 0) this.#decide('removed', path, remover, { of: i, dot: newest, tree });
    });
  }

  #leaf(path: string, trees: Trees, rule: LeafRule, unit: boolean): Tree | undefined {
    const candidates = this.#candidates(trees, (i) => this.#heads[i]!.dots.within(path));
    const [highest] = candidates;
    if (highest === undefined) {
      this.#removed(path, trees);
      return undefined;
    }
    this.#dots.set(path, highest.dot);
    const winner = candidates.reduce((best, candidate) => (beats(rule, candidate.tree, best.tree) ? candidate : best));
    const told: MergeRule = rule === 'leaf' ? (unit ? 'unit' : 'field') : rule;
    const beaten = new Set<string>();
    for (const other of candidates) {
      const key = contentKey(other.tree);
      if (equal(winner.tree, other.tree) || beaten.has(key)) continue;
      beaten.add(key);
      if (rule !== 'generation') this.#decide(told, path, winner.of, other);
    }
    return winner.tree;
  }

  /** What is not known to be replaced or removed, the highest dot first. */
  #candidates(trees: Trees, dotOf: (head: number) => Stamp): Candidate[] {
    const heads = this.#heads;
    const candidates: Candidate[] = [];
    trees.forEach((tree, i) => {
      if (tree !== undefined) candidates.push({ of: i, dot: dotOf(i), tree });
    });
    const carries = (j: number, { of, dot }: Candidate): boolean => {
      const own = candidates.find((candidate) => candidate.of === j);
      return own !== undefined && sameDot(own.dot, heads[j]!.context, dot, heads[of]!.context);
    };
    const rest = candidates.filter((candidate) => !heads.some((head, j) => j !== candidate.of && inContext(head.context, candidate.dot) && !carries(j, candidate)));
    // Each has replaced the other's (one came back by a finalizer that beat a deletion): what every head has cannot be gone.
    const kept = rest.length === 0 && candidates.length === heads.length ? candidates : rest;
    return kept.sort((a, b) => compareStamps(b.dot, a.dot) || a.of - b.of);
  }

  #decide(rule: MergeRule, path: string, winner: number, loser: Candidate): void {
    this.decisions.push({ rule, path, winner: this.#heads[winner]!.stamp, loser: this.#heads[loser.of]!.stamp, lost: contentKey(loser.tree) });
  }
}

/** Does `a` beat `b`, which has a higher dot? */
function beats(rule: LeafRule, a: Tree, b: Tree): boolean {
  switch (rule) {
    case 'leaf': return false;
    case 'largest':
    case 'generation': return a.kind === 'number' && b.kind === 'number' && Number(a.text) > Number(b.text);
    case 'smallest': return a.kind === 'number' && b.kind === 'number' && Number(a.text) < Number(b.text);
    // Times as Kubernetes writes them, in UTC: text order is their order.
    case 'earliest': return a.kind === 'string' && b.kind === 'string' && a.value < b.value;
    case 'true': return a.kind === 'bool' && a.value && b.kind === 'bool' && !b.value;
  }
}

/** One order of all keys: that of the first list, and what only others have behind what it stands behind there. */
function orderOf(lists: readonly (readonly string[])[]): string[] {
  const order: string[] = [];
  for (const list of lists) {
    let previous: string | undefined;
    for (const key of list) {
      if (!order.includes(key)) order.splice(previous === undefined ? 0 : order.indexOf(previous) + 1, 0, key);
      previous = key;
    }
  }
  return order;
}
