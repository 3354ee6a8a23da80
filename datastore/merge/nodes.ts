/** The places of an object of one kind in protobuf: what its schema and its policy say of each field, worked out once. */
import { unknownKey } from './tree.ts';
import { ELEMENT, placeBelow } from './policy/policy.ts';
import type { CompiledKind, Place } from './policy/policy.ts';
import { planOf } from './codec/plan.ts';
import { isLeaf, listTypeOf, standsAlone, unitFor } from './shape.ts';
import type { Field, ListType, Schema, StructType } from './schema/types.ts';

export interface FieldNode {
  readonly name: string;
  /** What it belongs to; undefined: it is by itself. */
  readonly unit: string | undefined;
  /** It is replaced whole. */
  readonly leaf: boolean;
  /** If it changes, it is another object. */
  readonly isUid: boolean;
  readonly hasUid: boolean;
  readonly schema: Schema;
  readonly place: Place | undefined;
  /** Of a struct that is no leaf. */
  readonly node: StructNode | null;
  /** A map whose entries are each by itself. */
  readonly separable: boolean;
  /** Of a list whose elements, structs, have keys. */
  readonly elements: Elements | null;
}

export interface Elements {
  readonly list: ListType;
  readonly items: StructType;
  /** Null: an element is a leaf. */
  readonly node: StructNode | null;
  /** The numbers of the fields that are their keys: all of them text or integers. */
  readonly keys: ReadonlySet<number>;
  /** What elements are called, by their keys in bytes: there are few, and each comes again and again. */
  readonly names: Map<string, string>;
}

const METADATA = 'metadata';
const UID = 'metadata/uid';
/** Of what merges whole only this is looked at. */
const OF_WHOLE: ReadonlySet<string> = new Set([METADATA, UID, 'metadata/finalizers']);

export class StructNode {
  readonly schema: StructType;
  readonly place: Place | undefined;
  /** Each field stands for itself in protobuf, too. */
  readonly plain: boolean;
  /** By number; null: not looked at. */
  readonly #fields = new Map<number, FieldNode | null>();
  /** Of a kind that merges whole: only some of it is looked at. */
  readonly whole: boolean;
  readonly #path: string;

  constructor(schema: StructType, place: Place | undefined, path: string, whole: boolean) {
    this.schema = schema;
    this.place = place;
    this.#path = path;
    this.whole = whole;
    this.plain = planOf(schema).embedded.size === 0;
  }

  static root(schema: StructType, { root, merge }: CompiledKind): StructNode {
    return new StructNode(schema, root, '', merge !== 'field');
  }

  field(number: number): FieldNode | null {
    let field = this.#fields.get(number);
    if (field === undefined) {
      const known = planOf(this.schema).fields.get(number);
      field = this.whole && (known === undefined || !OF_WHOLE.has(this.#path + known.name)) ? null : this.#made(known, number);
      // Unknown numbers are not kept: there may be any.
      if (known !== undefined) this.#fields.set(number, field);
    }
    return field;
  }

  #made(known: Field | undefined, number: number): FieldNode {
    const name = known?.name ?? unknownKey(number);
    const schema: Schema = known?.type ?? { kind: 'any' };
    const place = placeBelow(this.place, name);
    const leaf = known === undefined || isLeaf(schema, place);
    return {
      name, schema, place, leaf,
      unit: unitFor(name, this.schema, this.place),
      isUid: this.#path + name === UID,
      hasUid: this.#path + name === METADATA,
      node: !leaf && schema.kind === 'struct' ? new StructNode(schema, place, `${this.#path}${name}/`, this.whole) : null,
      separable: !leaf && schema.kind === 'map' && standsAlone(schema, place),
      elements: leaf ? null : this.#elements(schema, place, name),
    };
  }

  #elements(schema: Schema, place: Place | undefined, name: string): Elements | null {
    const list = listTypeOf(schema, place?.rule);
    if (list?.list !== 'map' || list.items.kind !== 'struct') return null;
    const itemPlace = placeBelow(place, ELEMENT);
    const keys = keyNumbers(list.items, list.keys);
    if (keys === null) return null;
    const node = isLeaf(list.items, itemPlace) ? null : new StructNode(list.items, itemPlace, `${this.#path}${name}/[]/`, this.whole);
    return { list, items: list.items, keys, node, names: new Map() };
  }
}

/** Null: one of them is neither text nor an integer, or not in the element itself. */
function keyNumbers(items: StructType, keys: readonly string[]): ReadonlySet<number> | null {
  const numbers = new Set<number>();
  for (const [number, { name, type }] of planOf(items).fields) {
    if (!keys.includes(name)) continue;
    if (type.kind !== 'scalar' || !['string', 'int32', 'int64'].includes(type.type)) return null;
    numbers.add(number);
  }
  return numbers.size === keys.length ? numbers : null;
}
