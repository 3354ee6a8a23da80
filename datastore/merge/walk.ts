/**
 * What a write has changed in an object in protobuf: both versions are gone through side by side, and only what differs is looked into. Every update of an object
 * comes this way, and nearly none of them will ever conflict; so it allocates little, and decodes next to nothing.
 *
 * It comes to the same as decoding both and comparing them (describe.ts). Of bytes that Kubernetes does not write (`Unusual`) nothing is told.
 */
import { Malformed, Unusual } from './codec/errors.ts';
import { readStruct } from './codec/protobuf.ts';
import { same } from './codec/same.ts';
import { fromUtf8 } from './codec/utf8.ts';
import type { Changes } from './describe.ts';
import { below, element } from './dots.ts';
import type { Elements, FieldNode, StructNode } from './nodes.ts';
import { elementKey, EMPTY } from './tree.ts';
import type { Tree } from './tree.ts';
import { Units } from './units.ts';

const END = Number.MAX_SAFE_INTEGER;
/** Names of elements that are kept, of each list that a schema has. */
const NAMES_MAX = 200;

/** Goes through a message, a field with all its occurrences at a time. */
class Cursor {
  readonly data: Uint8Array;
  /** Of the field; END behind the last. */
  number = 0;
  /** Where it begins, tag included, and ends. */
  from = 0;
  to: number;
  /** How often it occurs. */
  count = 0;
  /** Where the content of its last occurrence begins. */
  content = 0;
  readonly #end: number;
  #at = 0;

  constructor(data: Uint8Array, from: number, to: number) {
    this.data = data;
    this.to = from;
    this.#end = to;
  }

  next(): void {
    const before = this.number;
    this.from = this.#at = this.to;
    if (this.from >= this.#end) {
      this.number = END;
      return;
    }
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    if (this.number <= before) throw new Unusual();
    this.count = 0;
    for (;;) {
      this.#pass(tag % 8);
      this.count++;
      this.to = this.#at;
      if (this.#at >= this.#end || this.#varint() !== tag) return;
    }
  }

  /** Where the occurrences of a field of messages begin and end, their tags not included, one after the other: in pairs. */
  parts(): number[] {
    const found: number[] = [];
    for (this.#at = this.from; this.#at < this.to; ) {
      const tag = this.#varint();
      this.#pass(tag % 8);
      found.push(this.content, this.#at);
    }
    return found;
  }

  bytes(): Uint8Array {
    return this.data.subarray(this.from, this.to);
  }

  #pass(wireType: number): void {
    let length = 0;
    if (wireType === 2) length = this.#varint();
    else if (wireType === 0) this.#varintOfAnySize();
    else if (wireType === 1) length = 8;
    else if (wireType === 5) length = 4;
    else throw new Malformed(`wire type ${wireType}`);
    this.content = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new Malformed('cut off');
  }

  /** A tag or a length: small. */
  #varint(): number {
    const { data } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = data[this.#at++];
      if (byte === undefined) throw new Malformed('cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new Malformed('a tag or length too large');
  }

  #varintOfAnySize(): void {
    for (let i = 0; i < 10; i++) if ((this.data[this.#at++] ?? 0) < 0x80) return;
    throw new Malformed('a varint of more than 10 bytes');
  }
}

const sameRun = (x: Cursor, y: Cursor): boolean => same(x.data, x.from, x.to, y.data, y.from, y.to);

export class Walk {
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** Compares two messages. Throws Malformed, Unusual. */
  struct(path: string, a: Uint8Array, aFrom: number, aTo: number, b: Uint8Array, bFrom: number, bTo: number, node: StructNode): void {
    if (!node.plain) {
      if (node.whole) throw new Unusual();
      this.#changes.compare(path, readStruct(a.subarray(aFrom, aTo), node.schema), readStruct(b.subarray(bFrom, bTo), node.schema), node.schema, node.place);
      return;
    }
    const [x, y] = [new Cursor(a, aFrom, aTo), new Cursor(b, bFrom, bTo)];
    x.next();
    y.next();
    let units: Units | null = null;
    while (x.number !== END || y.number !== END) {
      const [old, now] = [x.number <= y.number, y.number <= x.number];
      const field = node.field(Math.min(x.number, y.number));
      if (field !== null) {
        const differs = !old || !now || !sameRun(x, y);
        if (field.unit !== undefined) (units ??= new Units()).met(field.unit, old, now, differs);
        else if (differs) this.#field(path, old ? x : null, now ? y : null, field, node);
      }
      if (old) x.next();
      if (now) y.next();
    }
    units?.tell(path, this.#changes);
  }

  #field(path: string, x: Cursor | null, y: Cursor | null, field: FieldNode, node: StructNode): void {
    if (field.isUid || (field.hasUid && (x === null || y === null))) throw new Unusual();
    const at = below(path, field.name);
    if (field.leaf || y === null) return this.#changes.replaced(at, x !== null, y !== null);
    if (x !== null && field.node !== null && x.count === 1 && y.count === 1) return this.struct(at, x.data, x.content, x.to, y.data, y.content, y.to, field.node);
    if (x !== null && field.separable) return this.#entries(at, x, y, field, node);
    if (x !== null && field.elements !== null && x.count === y.count && this.#items(at, x, y, field.elements)) return;
    this.#changes.compare(path, x === null ? EMPTY : readStruct(x.bytes(), node.schema), readStruct(y.bytes(), node.schema), node.schema, node.place);
  }

  /** A map: entries that are in both at the same place are left out. */
  #entries(path: string, x: Cursor, y: Cursor, field: FieldNode, node: StructNode): void {
    const [xs, ys] = [x.parts(), y.parts()];
    if (field.schema.kind === 'map' && field.schema.values.kind === 'scalar' && this.#sameNames(path, x.data, xs, y.data, ys)) return;
    const trimmed = (): number => {
      let i = 0;
      while (i < xs.length && i < ys.length && same(x.data, xs[i]!, xs[i + 1]!, y.data, ys[i]!, ys[i + 1]!)) i += 2;
      return i;
    };
    const first = trimmed();
    const rest = (cursor: Cursor, parts: readonly number[]): Tree => {
      // With the tag and length of the first.
      const from = first === 0 ? cursor.from : parts[first - 1]!;
      return readStruct(cursor.data.subarray(from, cursor.to), node.schema).entries.get(field.name) ?? EMPTY;
    };
    this.#changes.compare(path, rest(x, xs), rest(y, ys), field.schema, field.place);
  }

  /** @returns false, and nothing is told, unless the same keys stand in the same order, and it is that of Kubernetes */
  #sameNames(path: string, a: Uint8Array, xs: readonly number[], b: Uint8Array, ys: readonly number[]): boolean {
    if (xs.length !== ys.length) return false;
    const names: string[] = [];
    let last: Uint8Array | null = null;
    for (let i = 0; i < xs.length; i += 2) {
      const name = nameOf(a, xs[i]!, xs[i + 1]!);
      if (name === null || (last !== null && Buffer.compare(last, name) >= 0)) return false;
      last = name;
      if (same(a, xs[i]!, xs[i + 1]!, b, ys[i]!, ys[i + 1]!)) continue;
      const other = nameOf(b, ys[i]!, ys[i + 1]!);
      if (other === null || !same(name, 0, name.length, other, 0, other.length)) return false;
      const text = fromUtf8(name);
      if (text === undefined) return false;
      names.push(text);
    }
    for (const name of names) this.#changes.changed(below(path, name));
    return true;
  }

  /**
   * A list whose elements have keys: those that are the same are left out.
   * @returns false, and nothing is told, unless the same keys stand in the same order, each once: a list with a key twice is one thing
   */
  #items(path: string, x: Cursor, y: Cursor, elements: Elements): boolean {
    const { keys, node } = elements;
    const [xs, ys] = [x.parts(), y.parts()];
    const met = new Set<string>();
    const differing = new Map<string, number>();
    for (let i = 0; i < xs.length; i += 2) {
      const key = keyOf(x.data, xs[i]!, xs[i + 1]!, keys);
      if (key === '' || met.has(key)) return false;
      met.add(key);
      if (same(x.data, xs[i]!, xs[i + 1]!, y.data, ys[i]!, ys[i + 1]!)) continue;
      if (key !== keyOf(y.data, ys[i]!, ys[i + 1]!, keys)) return false;
      differing.set(key, i);
    }
    for (const [key, i] of differing) {
      const at = element(path, elementName(elements, key, x.data, xs[i]!, xs[i + 1]!));
      if (node === null) this.#changes.changed(at);
      else this.struct(at, x.data, xs[i]!, xs[i + 1]!, y.data, ys[i]!, ys[i + 1]!, node);
    }
    return true;
  }
}

/** The key of an entry of a map, in its bytes; null if it is not written as Kubernetes writes it: key, then value. */
function nameOf(data: Uint8Array, from: number, to: number): Uint8Array | null {
  const cursor = new Cursor(data, from, to);
  if (!isNext(cursor, 1)) return null;
  const name = data.subarray(cursor.content, cursor.to);
  return isNext(cursor, 2) && cursor.to === to ? name : null;
}

function isNext(cursor: Cursor, number: number): boolean {
  cursor.next();
  return cursor.number === number && cursor.count === 1;
}

/** What an element of a list is called. */
function elementName({ list, items, keys, names }: Elements, key: string, data: Uint8Array, from: number, to: number): string {
  let name = names.get(key);
  if (name === undefined) {
    if (names.size >= NAMES_MAX) names.clear();
    names.set(key, (name = elementKey(list, readStruct(only(data, from, to, keys), items))!));
  }
  return name;
}

/** What tells an element of a list apart, in its bytes: of fields that are not there or empty nothing. '': it cannot be told. */
function keyOf(data: Uint8Array, from: number, to: number, keys: ReadonlySet<number>): string {
  let text = '';
  const cursor = new Cursor(data, from, to);
  for (cursor.next(); cursor.number !== END; cursor.next()) {
    if (!keys.has(cursor.number)) continue;
    if (cursor.count > 1) return '';
    const content = Buffer.prototype.latin1Slice.call(data, cursor.content, cursor.to);
    if (content !== '' && content !== '\0') text += `${cursor.number}:${content.length}:${content}`;
  }
  return text;
}

/** The fields of an element that are its key, alone. */
function only(data: Uint8Array, from: number, to: number, keys: ReadonlySet<number>): Uint8Array {
  const found: Uint8Array[] = [];
  const cursor = new Cursor(data, from, to);
  for (cursor.next(); cursor.number !== END; cursor.next()) if (keys.has(cursor.number)) found.push(cursor.bytes());
  return found.length === 1 ? found[0]! : Buffer.concat(found);
}
