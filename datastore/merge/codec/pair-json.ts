/** Two versions of one object in JSON as trees, without the values that are the same text in both (pair.ts). */
import { placeBelow } from '../policy/policy.ts';
import type { Place } from '../policy/policy.ts';
import { builtin, customResource } from '../schema/schema.ts';
import type { Schema } from '../schema/types.ts';
import { standsAlone } from '../shape.ts';
import { entrySchema, textAt } from '../tree.ts';
import type { Fields, Tree } from '../tree.ts';
import { Malformed } from './errors.ts';
import { groupOf } from './group.ts';
import { endOfText, JsonReader } from './json-reader.ts';
import { readJson } from './json.ts';
import type { Pair, RootOf } from './pair.ts';
import type { DecodedObject } from './types.ts';
import { fromUtf8 } from './utf8.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
/** `{` and `[` have their closing brackets two above, and differ in one bit. */
const OPEN = 0x7b;
const CLOSE = 0x7d;
const CURLY = 0x20;

/** A value: where it stands in its text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Throws Malformed. @returns null if they are not of one kind */
export function decodeJsonPair(before: Uint8Array, after: Uint8Array, rootOf: RootOf): Pair | null {
  const [a, b] = [fromUtf8(before), fromUtf8(after)];
  if (a === undefined || b === undefined) throw new Malformed('not UTF-8');
  const old = spans(a, 0, undefined, '');
  const now = spans(b, 0, old, a);
  const [apiVersion, kind] = [nameAt(a, old, 'apiVersion'), nameAt(a, old, 'kind')];
  if (apiVersion === '' || kind === '' || nameAt(b, now, 'apiVersion') !== apiVersion || nameAt(b, now, 'kind') !== kind) return null;
  const schema = builtin().struct(apiVersion, kind) ?? customResource();
  const group = groupOf(apiVersion);
  const [first, second] = objects(a, old, b, now, schema, rootOf({ group, kind, schema }));
  const object = (tree: Fields): DecodedObject =>
    ({ format: 'json', apiVersion, kind, group, schema, tree, envelope: { tail: new Uint8Array() }, uid: textAt(tree, 'metadata', 'uid') });
  return { before: object(first), after: object(second) };
}

function nameAt(text: string, all: ReadonlyMap<string, Span>, key: string): string {
  const span = all.get(key);
  return span === undefined || text.charCodeAt(span.from) !== QUOTE ? '' : new JsonReader(text, span.from).string();
}

function objects(a: string, old: ReadonlyMap<string, Span>, b: string, now: ReadonlyMap<string, Span>, schema: Schema, place: Place | undefined): [Fields, Fields] {
  const apart = separable(schema, place);
  const first = new Map<string, Tree>();
  const second = new Map<string, Tree>();
  for (const [key, x] of old) {
    const y = now.get(key);
    const type = entrySchema(schema, key);
    if (apart && y !== undefined) {
      if (same(a, x, b, y)) continue;
      const below = placeBelow(place, key);
      if (isObject(a, x) && isObject(b, y) && separable(type, below)) {
        const inner = spans(a, x.from, undefined, '');
        const [s, t] = objects(a, inner, b, spans(b, y.from, inner, a), type, below);
        first.set(key, s);
        second.set(key, t);
        continue;
      }
    }
    first.set(key, readJson(a, x.from, x.to, type));
    if (y !== undefined) second.set(key, readJson(b, y.from, y.to, type));
  }
  for (const [key, y] of now) if (!old.has(key)) second.set(key, readJson(b, y.from, y.to, entrySchema(schema, key)));
  return [{ kind: 'fields', entries: first }, { kind: 'fields', entries: second }];
}

const isObject = (text: string, { from }: Span): boolean => text[from] === '{';

/** Has it entries of which each may be left out by itself? */
const separable = (schema: Schema, place: Place | undefined): boolean =>
  schema.kind !== 'scalar' && schema.kind !== 'list' && (schema.kind === 'any' || !schema.atomic) && standsAlone(schema, place);

const same = (a: string, x: Span, b: string, y: Span): boolean => x.to - x.from === y.to - y.from && b.startsWith(a.slice(x.from, x.to), y.from);

/**
 * Where the values of an object stand.
 * @param known the same of another text: a value that begins with what stands there has its length
 */
function spans(text: string, at: number, known: ReadonlyMap<string, Span> | undefined, other: string): Map<string, Span> {
  const found = new Map<string, Span>();
  const reader = new JsonReader(text, at);
  reader.object((key) => {
    reader.peek();
    const from = reader.position;
    const like = known?.get(key);
    const guess = like === undefined ? -1 : from + like.to - like.from;
    const to = guess >= 0 && ends(text, guess) && text.startsWith(other.slice(like!.from, like!.to), from) ? guess : endOf(text, from);
    found.set(key, { from, to });
    reader.position = to;
  });
  return found;
}

const ends = (text: string, at: number): boolean => text[at] === ',' || text[at] === '}';

/** The end of a value. Only as much is looked at as is needed to find it. */
function endOf(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfText(text, at);
      if (depth === 0) return at + 1;
    } else if ((code | CURLY) === OPEN) depth++;
    else if ((code | CURLY) === CLOSE) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || code <= 0x20)) return at;
  }
  throw new Malformed('cut off');
}
