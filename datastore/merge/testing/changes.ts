/** Real objects, changed by path on several sides: what a client would have written, in the format in which the object is stored. */
import { encode } from '../codec/codec.ts';
import type { Merger, RawHead, Result } from '../merger.ts';
import { peekKind } from '../peek.ts';
import type { Fields, Leaf, List, Tree } from '../tree.ts';
import { bool, bytes, fields, list, number, string, NULL } from '../tree.ts';
import type { Stamp } from '../../stamp.ts';
import { corpus, testdata } from './corpus.ts';
import { decoded } from './objects.ts';

export type Format = 'json' | 'protobuf';

/** Path → new content; undefined takes it away. Names are joined by `/`; `[x]` is the element of a list that is called x, or that is x; `[+]` adds one. */
export type Changes = Readonly<Record<string, unknown>>;

const stored = new Map<string, Buffer>();

/** One object of a kind, by the name that the policy table has for it (`Pod`, `apps/Deployment`). Undefined: it is not kept in that format. */
export function sample(name: string, format: Format): Uint8Array | undefined {
  if (stored.size === 0) {
    // The corpus goes before: apiserver has written it. The rest has every field set.
    for (const { protobuf, json } of testdata()) for (const value of [protobuf, json]) keep(value);
    for (const value of corpus().values()) keep(value);
  }
  return stored.get(`${format} ${name}`);
}

function keep(value: Buffer): void {
  stored.set(`${value[0] === 0x7b ? 'json' : 'protobuf'} ${peekKind(value)}`, value);
}

const namesOf = (path: string): string[] => path.match(/\[[^\]]*\]|[^/]+/g) ?? [];

export function change(value: Uint8Array, changes: Changes): Uint8Array {
  const object = decoded(value);
  let tree: Tree = object.tree;
  for (const [path, content] of Object.entries(changes)) tree = put(tree, namesOf(path), content === undefined ? undefined : toTree(content))!;
  return encode({ ...object, tree: tree as Fields });
}

/** What stands at a path, as JSON has it; undefined if nothing does. */
export function look(value: Uint8Array, path: string): unknown {
  let tree: Tree | undefined = decoded(value).tree;
  for (const name of namesOf(path)) {
    if (tree?.kind === 'fields') tree = tree.entries.get(name);
    else if (tree?.kind === 'list') tree = tree.items[indexOf(tree, name)];
    else return undefined;
  }
  return tree === undefined ? undefined : toJson(tree);
}

function put(tree: Tree | undefined, [name, ...rest]: readonly string[], content: Tree | undefined): Tree | undefined {
  if (name === undefined) return content;
  if (name.startsWith('[')) {
    const items = [...((tree as List | undefined)?.items ?? [])];
    const index = name === '[+]' ? items.length : indexOf({ kind: 'list', items }, name);
    if (index < 0) throw new Error(`there is no ${name}`);
    const item = put(items[index], rest, content);
    items.splice(index, 1, ...(item === undefined ? [] : [item]));
    return list(items);
  }
  const entries = new Map((tree as Fields | undefined)?.entries ?? []);
  const inner = put(entries.get(name), rest, content);
  if (inner === undefined) entries.delete(name);
  else entries.set(name, inner);
  return { kind: 'fields', entries };
}

function indexOf({ items }: List, name: string): number {
  const wanted = name.slice(1, -1);
  return items.findIndex((item, i) => {
    if (item.kind === 'string') return item.value === wanted;
    const called = item.kind === 'fields' ? ['name', 'type', 'key', 'uid', 'manager'].map((key) => item.entries.get(key)).find((found) => found?.kind === 'string') : undefined;
    return called?.kind === 'string' ? called.value === wanted : String(i) === wanted;
  });
}

function toTree(content: unknown): Tree {
  if (content === null) return NULL;
  if (content instanceof Uint8Array) return bytes(content);
  if (Array.isArray(content)) return list(content.map(toTree));
  switch (typeof content) {
    case 'string': return string(content);
    case 'number': return number(String(content));
    case 'boolean': return bool(content);
    default: return fields(Object.entries(content as object).map(([name, value]) => [name, toTree(value)] as const));
  }
}

function toJson(tree: Tree): unknown {
  switch (tree.kind) {
    case 'fields': return Object.fromEntries([...tree.entries].map(([name, value]) => [name, toJson(value)]));
    case 'list': return tree.items.map(toJson);
    default: return leafToJson(tree);
  }
}

function leafToJson(leaf: Leaf): unknown {
  switch (leaf.kind) {
    case 'null': return null;
    case 'number': return Number(leaf.text);
    case 'bytes': return Buffer.from(leaf.value).toString('latin1');
    default: return leaf.value;
  }
}

/** A write over others, whose author had seen them and all that their authors had seen. */
export function write(merger: Merger, stamp: Stamp, seen: readonly RawHead[], value: Uint8Array | null): RawHead {
  const context = new Map<number, number>();
  for (const head of seen) for (const [log, lamport] of head.context()) context.set(log, Math.max(lamport, context.get(log) ?? 0));
  context.set(stamp.log, stamp.lamport);
  const standing = seen.filter((h) => !seen.some((g) => g !== h && (g.context().get(h.stamp.log) ?? 0) >= h.stamp.lamport));
  const over = (): Uint8Array | null => (standing.length > 1 ? merger.overResult(merge(merger, standing), value!, () => false) : merger.over(standing[0] ?? null, value!, () => false));
  return { stamp, context: () => context, value, info: value === null ? null : over() };
}

export const merge = (merger: Merger, heads: readonly RawHead[]): Result => merger.evaluate(heads.map((head) => merger.decode(head)), heads.map((head) => head.value));
