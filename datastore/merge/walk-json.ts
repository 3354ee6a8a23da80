/**
 * What a write has changed in an object in JSON: both versions are gone through side by side as bytes, and only what differs is read. walk.ts does the same for protobuf.
 *
 * It comes to the same as decoding both and comparing them (describe.ts). Of bytes that apiserver does not write (`Unusual`) nothing is told. A place that is the
 * same bytes in both need not be well-formed: if it is in one of them, it is in the other.
 */
import { Malformed, Unusual } from './codec/errors.ts';
import { CURLY, isPlainText, Items, Members, SQUARE } from './codec/json-bytes.ts';
import { readJson } from './codec/json.ts';
import { same } from './codec/same.ts';
import { fromUtf8 } from './codec/utf8.ts';
import type { Changes } from './describe.ts';
import { below, element } from './dots.ts';
import { ELEMENT, placeBelow } from './policy/policy.ts';
import type { Place } from './policy/policy.ts';
import type { ListType, Schema } from './schema/types.ts';
import { hasFields, isLeafRule, listTypeOf, standsAlone, unitFor } from './shape.ts';
import { EMPTY, entrySchema, equal, fields } from './tree.ts';
import type { Tree } from './tree.ts';
import { Units } from './units.ts';

const METADATA = 'metadata';
const NOTHING = new Uint8Array(0);

/** A value: where it stands. */
interface Span {
  readonly data: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** An item of a list whose items have keys. */
interface Keyed {
  /** The texts of its keys, each in quotes; nothing for one that is missing. */
  readonly texts: readonly string[];
  readonly old: Span;
  readonly now: Span;
}

export class JsonWalk {
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /**
   * Compares two objects. Throws Malformed, Unusual.
   * @param depth of these objects; 1: the outermost
   */
  struct(path: string, a: Span, b: Span, schema: Schema, place: Place | undefined, depth: number): void {
    const alone = standsAlone(schema, place);
    let units: Units | null = null;
    sideBySide(a, b, depth, (x, y, alike) => {
      if (alike && alone) return;
      const name = nameOf((x ?? y)!);
      const unit = alone ? undefined : unitFor(name, schema, place);
      if (unit !== undefined) {
        // A field may be called as the unit is.
        if (name.startsWith('{')) throw new Unusual();
        // All of it is read, whatever it differs in, so that nothing broken passes.
        (units ??= new Units()).met(unit, x !== null, y !== null, !alike && this.#differ(x, y, entrySchema(schema, name), depth));
      } else if (!alike) this.#member(path, name, x, y, schema, place);
    });
    (units as Units | null)?.tell(path, this.#changes);
  }

  #member(path: string, name: string, x: Members | null, y: Members | null, schema: Schema, place: Place | undefined): void {
    // Another uid, or none, is another object.
    if (path === METADATA && name === 'uid') throw new Unusual();
    if (path === '' && (name === 'apiVersion' || name === 'kind' || (name === METADATA && !(isObject(x) && isObject(y))))) throw new Unusual();
    const type = entrySchema(schema, name);
    if (x !== null && y !== null) return this.#value(below(path, name), x, y, type, placeBelow(place, name), x.depth);
    const tree = read((x ?? y)!, type);
    if (y === null) this.#changes.forget(below(path, name));
    else this.#changes.compare(path, EMPTY, fields([[name, tree]]), schema, place);
  }

  /** Two values that are not the same bytes. */
  #value(path: string, x: Span, y: Span, schema: Schema, place: Place | undefined, depth: number): void {
    if (isObject(x) && isObject(y) && hasFields(schema, place)) return this.struct(path, x, y, schema, place, depth + 1);
    if (isList(x) && isList(y) && !isLeafRule(place?.rule) && !isVerbatim(schema)) {
      const list = listTypeOf(schema, place?.rule);
      if (list !== undefined) {
        if (list.list !== 'map' || !this.#items(path, x, y, list, place, depth + 1)) this.#changes.compare(path, read(x, schema), read(y, schema), schema, place);
        return;
      }
    }
    if (this.#differ(x, y, schema, depth)) this.#changes.changed(path);
  }

  /** Items that have keys. @returns false, and nothing is told, unless the same keys stand in the same order */
  #items(path: string, a: Span, b: Span, list: ListType, place: Place | undefined, depth: number): boolean {
    const [x, y] = [new Items(a.data, a.from, a.to, depth), new Items(b.data, b.from, b.to, depth)];
    const keys = new Set<string>();
    const changed: Keyed[] = [];
    for (x.next(), y.next(); !x.done && !y.done; x.next(), y.next()) {
      x.measure();
      const alike = y.takeLike(x);
      if (!alike) y.measure();
      const texts = keysOf(x, list, depth + 1);
      if (texts === null) return false;
      const key = texts.join();
      if (keys.size === keys.add(key).size) return false;
      if (alike) continue;
      if (keysOf(y, list, depth + 1)?.join() !== key) return false;
      changed.push({ texts, old: spanOf(x), now: spanOf(y) });
    }
    if (!x.done || !y.done) return false;
    const itemPlace = placeBelow(place, ELEMENT);
    for (const { texts, old, now } of changed) this.#value(element(path, JSON.stringify(texts.map((text) => text.slice(1, -1)))), old, now, list.items, itemPlace, depth);
    return true;
  }

  /** Are they different trees? Null: nothing is there. Whatever differs in its bytes is read to its end. */
  #differ(x: Span | null, y: Span | null, schema: Schema, depth: number): boolean {
    if (x === null || y === null) {
      read((x ?? y)!, schema);
      return true;
    }
    const verbatim = isVerbatim(schema);
    if (!verbatim && isPlainText(x.data, x.from, x.to) && isPlainText(y.data, y.from, y.to)) return !same(x.data, x.from, x.to, y.data, y.from, y.to);
    if (verbatim || !isObject(x) || !isObject(y)) return !equal(read(x, schema), read(y, schema));
    let differ = false;
    sideBySide(x, y, depth + 1, (p, q, alike) => {
      if (!alike && this.#differ(p, q, entrySchema(schema, nameOf((p ?? q)!)), depth + 1)) differ = true;
    });
    return differ;
  }
}

/** Goes through two objects by the order of their names. `met`: the member in each, null where there is none; whether both are the same bytes. */
function sideBySide(a: Span, b: Span, depth: number, met: (x: Members | null, y: Members | null, alike: boolean) => void): void {
  const [x, y] = [new Members(a.data, a.from, a.to, depth), new Members(b.data, b.from, b.to, depth)];
  x.next();
  y.next();
  while (!x.done || !y.done) {
    const order = x.done ? 1 : y.done ? -1 : x.compare(y);
    const [old, now] = [order <= 0, order >= 0];
    if (old) x.measure();
    const alike = order === 0 && y.takeLike(x);
    if (now && !alike) y.measure();
    met(old ? x : null, now ? y : null, alike);
    if (old) x.next();
    if (now) y.next();
  }
}

const isObject = (span: Span | null): boolean => span !== null && span.data[span.from] === CURLY;
const isList = ({ data, from }: Span): boolean => data[from] === SQUARE;
/** Its text counts, whatever it says. */
const isVerbatim = (schema: Schema): boolean => schema.kind === 'scalar' && (schema.type === 'raw' || schema.type === 'opaque');
const spanOf = ({ data, from, to }: Span): Span => ({ data, from, to });

function textOf(data: Uint8Array, from: number, to: number): string {
  const text = fromUtf8(from === to ? NOTHING : data.subarray(from, to));
  if (text === undefined) throw new Malformed('not UTF-8');
  return text;
}

const nameOf = ({ data, nameFrom, nameTo }: Members): string => textOf(data, nameFrom, nameTo);

function read({ data, from, to }: Span, schema: Schema): Tree {
  const text = textOf(data, from, to);
  return readJson(text, 0, text.length, schema);
}

/** What an item is told apart by; null if that is not so easily told. */
function keysOf(item: Span, { keys }: ListType, depth: number): readonly string[] | null {
  if (!isObject(item)) return null;
  const texts = keys.map(() => '');
  const members = new Members(item.data, item.from, item.to, depth);
  let found = false;
  for (members.next(); !members.done; members.next()) {
    members.measure();
    const i = keys.findIndex((key) => members.isCalled(key));
    if (i < 0) continue;
    // Empty text counts as missing.
    if (!isPlainText(members.data, members.from, members.to) || members.to - members.from === 2) return null;
    texts[i] = Buffer.prototype.latin1Slice.call(members.data, members.from, members.to);
    found = true;
  }
  return found ? texts : null;
}
