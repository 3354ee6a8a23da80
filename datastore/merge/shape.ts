/**
 * How an object falls into fields for merging: by its schema, and by the policy of its kind, which goes first. The same decomposition serves for finding what
 * a write has changed and for putting merged fields together again.
 */
import type { ListType, Schema, StructType } from './schema/types.ts';
import { elementKey, entrySchema, unitOf } from './tree.ts';
import type { Fields, List, Tree } from './tree.ts';
import { ELEMENT, placeBelow } from './policy/policy.ts';
import type { Place } from './policy/policy.ts';
import type { FieldRule } from './policy/types.ts';
import { below, element } from './dots.ts';

export type LeafRule = 'leaf' | 'largest' | 'smallest' | 'earliest' | 'true' | 'generation';

export type Shape =
  | { readonly kind: 'leaf'; readonly rule: LeafRule }
  /** `removable`: taking it away takes away what is in it (not so for a map of free keys, which goes when its last key goes). */
  | { readonly kind: 'fields'; readonly removable: boolean }
  | { readonly kind: 'elements'; readonly list: ListType };

const LEAF: Shape = { kind: 'leaf', rule: 'leaf' };
const leafRules: ReadonlySet<unknown> = new Set(['leaf', 'largest', 'smallest', 'earliest', 'true', 'generation']);
/** Whatever stands at a place with such a rule is one leaf. */
export const isLeafRule = (rule: FieldRule | undefined): rule is LeafRule => leafRules.has(rule);
const isKeyed = (rule: FieldRule | undefined): rule is { readonly keys: readonly string[] } => typeof rule === 'object' && 'keys' in rule;
const unitNameOf = (rule: FieldRule | undefined): string | undefined => (typeof rule === 'object' && 'unit' in rule ? rule.unit : undefined);

/** What all of these are, which stand at the same place in different heads. Trees that do not agree are one leaf. */
export function shapeOf(trees: readonly Tree[], schema: Schema, place: Place | undefined): Shape {
  const rule = place?.rule;
  if (isLeafRule(rule)) return { kind: 'leaf', rule };
  const kind = trees[0]!.kind;
  if (trees.some((tree) => tree.kind !== kind)) return LEAF;
  if (kind === 'fields') return hasFields(schema, place) ? { kind: 'fields', removable: schema.kind !== 'map' } : LEAF;
  if (kind !== 'list') return LEAF;
  const list = listTypeOf(schema, rule);
  return list !== undefined && trees.every((tree) => keysOf(tree as List, list) !== undefined) ? { kind: 'elements', list } : LEAF;
}

/** True: an object at such a place is no leaf. */
export function hasFields(schema: Schema, place: Place | undefined): boolean {
  if (schema.kind === 'scalar' || schema.kind === 'list' || isLeafRule(place?.rule)) return false;
  return schema.kind === 'any' || !schema.atomic || place?.rule !== undefined;
}

/** What a list's elements are told apart by; undefined: it is one leaf. */
export function listTypeOf(schema: Schema, rule: FieldRule | undefined): ListType | undefined {
  const items: Schema = schema.kind === 'list' ? schema.items : { kind: 'any' };
  if (rule === 'set') return { kind: 'list', items, list: 'set', keys: [] };
  if (isKeyed(rule)) return { kind: 'list', items, list: 'map', keys: rule.keys };
  return schema.kind === 'list' && schema.list !== 'atomic' ? schema : undefined;
}

/** The keys of all elements, in their order; undefined if two are equal or one cannot be told. Environment variables, for one, may occur twice. */
export function keysOf(tree: List, list: ListType): readonly string[] | undefined {
  const keys = new Set<string>();
  for (const item of tree.items) {
    const key = list.list === 'set' ? contentKey(item) : elementKey(list, item);
    if (key === undefined || keys.has(key)) return undefined;
    keys.add(key);
  }
  return [...keys];
}

/** Text that two trees share only if they are equal. */
export function contentKey(tree: Tree): string {
  switch (tree.kind) {
    case 'null': return 'null';
    case 'bool': return String(tree.value);
    case 'number': return tree.text;
    case 'string': return JSON.stringify(tree.value);
    case 'bytes': return `b${Buffer.from(tree.value).toString('base64')}`;
    case 'list': return `[${tree.items.map(contentKey).join()}]`;
    case 'fields': return `{${[...tree.entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${JSON.stringify(key)}:${contentKey(value)}`).join()}}`;
  }
}

/** One part of a struct or map, or one element of a list. */
export interface Part {
  readonly path: string;
  readonly tree: Tree;
  readonly schema: Schema;
  readonly place: Place | undefined;
  /** The names of a unit, whose `tree` holds them; undefined: a single part. */
  readonly unit: boolean;
}

const UNIT: Place = { rule: 'leaf', children: new Map() };

/** The parts of `fields`, by name. Fields that belong together are one part. */
export function partsOf(tree: Fields, path: string, schema: Schema, place: Place | undefined): Map<string, Part> {
  const parts = new Map<string, Part>();
  const units = new Map<string, [string, Tree][]>();
  for (const [name, value] of tree.entries) {
    const unit = unitFor(name, schema, place);
    if (unit === undefined) {
      parts.set(name, { path: below(path, name), tree: value, schema: entrySchema(schema, name), place: placeBelow(place, name), unit: false });
      continue;
    }
    const members = units.get(unit);
    if (members === undefined) units.set(unit, [[name, value]]);
    else members.push([name, value]);
  }
  for (const [unit, members] of units) {
    parts.set(unit, { path: below(path, unit), tree: { kind: 'fields', entries: new Map(members) }, schema: { kind: 'any' }, place: UNIT, unit: true });
  }
  return parts;
}

/** True: whatever stands at such a place, in protobuf, is one leaf. `shapeOf` may say so of other places, too, by what stands there. */
export function isLeaf(schema: Schema, place: Place | undefined): boolean {
  const rule = place?.rule;
  if (isLeafRule(rule)) return true;
  switch (schema.kind) {
    case 'list': return listTypeOf(schema, rule) === undefined;
    case 'struct':
    case 'map': return schema.atomic && rule === undefined;
    default: return true;
  }
}

/** True: each of its fields is a part of its own, whatever the others are. */
export function standsAlone(schema: Schema, place: Place | undefined): boolean {
  if (isLeafRule(place?.rule) || place?.rule === 'rest') return false;
  for (const below of place?.children.values() ?? []) if (unitNameOf(below.rule) !== undefined) return false;
  if (schema.kind !== 'struct') return true;
  let alone = alones.get(schema);
  if (alone === undefined) alones.set(schema, (alone = [...schema.fields.values()].every((field) => field.oneOf === undefined)));
  return alone;
}
const alones = new WeakMap<StructType, boolean>();

/** The name of the unit that a field belongs to; undefined: it is by itself. It is written in braces, which no field's name has. */
export function unitFor(name: string, schema: Schema, place: Place | undefined): string | undefined {
  const rule = placeBelow(place, name)?.rule;
  const named = unitNameOf(rule);
  if (named !== undefined) return `{${named}}`;
  if (place?.rule === 'rest' && rule === undefined) return '{rest}';
  if (rule !== undefined || schema.kind !== 'struct') return undefined;
  return schemaUnit(schema, name);
}

function schemaUnit(schema: StructType, name: string): string | undefined {
  const group = schema.fields.get(name)?.oneOf;
  return group === undefined || unitOf(schema, name).length < 2 ? undefined : `{${group}}`;
}

/** The elements of a list, by key. */
export function elementsOf(tree: List, path: string, list: ListType, place: Place | undefined): Map<string, Part> {
  const keys = keysOf(tree, list)!;
  const below = placeBelow(place, ELEMENT);
  return new Map(keys.map((key, i) => [key, { path: element(path, key), tree: tree.items[i]!, schema: list.items, place: list.list === 'set' ? UNIT : below, unit: false }]));
}
