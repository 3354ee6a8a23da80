/**
 * A decoded object: fields by name, lists, and leaves. The same tree comes from JSON and from protobuf. Immutable: a merge builds new nodes and shares
 * what did not change. Only presence counts, never the order of entries: encoders write structs in the order of their schema and maps sorted by key, as
 * apiserver does. A protobuf object has entries with empty strings and zeros wherever apiserver writes them, and they are part of its value.
 *
 * `apiVersion` and `kind` are not in the tree but beside it (codec/types.ts): they are the same in all heads that may merge.
 */
import type { ListType, Schema, StructType } from './schema/types.ts';

export type Tree = Leaf | Fields | List;

/**
 * - `number`: decimal text, as it stood in JSON; protobuf's integers as JSON would have them. So 64 bits are kept, and 1 and 1.0 are not the same
 * - `bytes`: content of `bytes`, `raw` and `opaque` fields; text that is not UTF-8; an unknown protobuf field with its tag
 */
export type Leaf =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array };

/** A struct or a map: which one, its schema says. Present and empty is not the same as absent (`emptyDir: {}`). */
export interface Fields {
  readonly kind: 'fields';
  /**
   * By JSON name or map key. A protobuf field that the schema does not have is one leaf under its `unknownKey` with all its occurrences, tags included.
   * A JSON field that the schema does not have stands under its name, with schema `any`.
   */
  readonly entries: ReadonlyMap<string, Tree>;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Tree[];
}

export const NULL: Leaf = { kind: 'null' };
export const EMPTY: Fields = { kind: 'fields', entries: new Map() };

export const string = (value: string): Leaf => ({ kind: 'string', value });
export const bool = (value: boolean): Leaf => ({ kind: 'bool', value });
export const bytes = (value: Uint8Array): Leaf => ({ kind: 'bytes', value });
/** `text` is JSON's text of a number. */
export const number = (text: string): Leaf => ({ kind: 'number', text });
export const fields = (entries: Iterable<readonly [string, Tree]>): Fields => ({ kind: 'fields', entries: new Map(entries) });
export const list = (items: readonly Tree[]): List => ({ kind: 'list', items });

/**
 * The entry under which a struct holds an unknown protobuf field; `inline` as in Field, if it stands in an embedded message. No JSON field that
 * Kubernetes knows looks like it.
 */
export const unknownKey = (field: number, inline: readonly number[] = []): string => `#${[...inline, field].join('.')}`;

/** Whether an entry is an unknown protobuf field. */
export const isUnknownKey = (key: string): boolean => /^#[0-9.]+$/.test(key);

/** Deep equality; the order of map entries does not count, that of list items does. */
export function equal(a: Tree, b: Tree): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case 'null': return b.kind === 'null';
    case 'bool': return b.kind === 'bool' && a.value === b.value;
    case 'number': return b.kind === 'number' && a.text === b.text;
    case 'string': return b.kind === 'string' && a.value === b.value;
    case 'bytes': return b.kind === 'bytes' && Buffer.compare(a.value, b.value) === 0;
    case 'list': return b.kind === 'list' && a.items.length === b.items.length && a.items.every((item, i) => equal(item, b.items[i]!));
    case 'fields': return b.kind === 'fields' && a.entries.size === b.entries.size && equalEntries(a.entries, b.entries);
  }
}

function equalEntries(a: ReadonlyMap<string, Tree>, b: ReadonlyMap<string, Tree>): boolean {
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !equal(value, other)) return false;
  }
  return true;
}

/** What lies at a path of names, undefined if nothing does. Does not look into lists. */
export function at(tree: Tree | undefined, ...path: readonly string[]): Tree | undefined {
  let node = tree;
  for (const name of path) {
    if (node?.kind !== 'fields') return undefined;
    node = node.entries.get(name);
  }
  return node;
}

/** The text at a path; '' if there is none. */
export function textAt(tree: Tree | undefined, ...path: readonly string[]): string {
  const node = at(tree, ...path);
  return node?.kind === 'string' ? node.value : '';
}

/** The schema of an entry of `fields`; `any` for what the schema does not name. */
export function entrySchema(schema: Schema, key: string): Schema {
  if (schema.kind === 'map') return schema.values;
  return (schema.kind === 'struct' ? schema.fields.get(key)?.type : undefined) ?? ANY;
}

const ANY: Schema = { kind: 'any' };

/**
 * What tells an element of a `set` or `map` list from the others: text, different for different elements. Undefined if it cannot be told (an element that is no
 * struct, or that lacks all keys): such a list is one leaf. A key that is missing or empty counts as ''.
 */
export function elementKey(schema: ListType, element: Tree): string | undefined {
  if (schema.list === 'set') return element.kind === 'fields' || element.kind === 'list' ? undefined : leafKey(element);
  if (schema.list !== 'map' || element.kind !== 'fields') return undefined;
  const parts = schema.keys.map((key) => element.entries.get(key));
  if (parts.some((part) => part?.kind === 'fields' || part?.kind === 'list')) return undefined;
  const texts = parts.map((part) => (part === undefined ? '' : leafKey(part as Leaf)));
  return texts.some((text) => text !== '') ? JSON.stringify(texts) : undefined;
}

function leafKey(leaf: Leaf): string {
  switch (leaf.kind) {
    case 'null': return '';
    case 'bool': return String(leaf.value);
    case 'number': return leaf.text === '0' ? '' : leaf.text;
    case 'string': return leaf.value;
    case 'bytes': return `\0${Buffer.from(leaf.value).toString('base64')}`;
  }
}

/** Fields of the same oneOf group as `name` (itself included); only `name` if it is in none. */
export function unitOf(schema: StructType, name: string): readonly string[] {
  const group = schema.fields.get(name)?.oneOf;
  if (group === undefined) return [name];
  return [...schema.fields.values()].filter((field) => field.oneOf === group).map((field) => field.name);
}
