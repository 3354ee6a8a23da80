/**
 * The merge information of a write of an object over a version of it in the same format, as Kubernetes writes both: by walking through them (walk.ts, walk-json.ts).
 * Whatever is otherwise takes the long way (`Merger.over`), which comes to the same.
 */
import type { Stamp } from '../stamp.ts';
import { isJson } from './codec/codec.ts';
import { Malformed, Unusual } from './codec/errors.ts';
import { groupOf } from './codec/group.ts';
import { limits } from './codec/limits.ts';
import { same } from './codec/same.ts';
import { Changes } from './describe.ts';
import { Dots, OLD } from './dots.ts';
import { StructNode } from './nodes.ts';
import type { CompiledKind, Policies } from './policy/policy.ts';
import { kindName } from './policy/policy.ts';
import { builtin, customResource } from './schema/schema.ts';
import type { Schema } from './schema/types.ts';
import { Walk } from './walk.ts';
import { JsonWalk } from './walk-json.ts';

/** "k8s\0", and the tag of runtime.Unknown's first field, TypeMeta; its length is one byte. */
const BEGIN = [0x6b, 0x38, 0x73, 0x00, 0x0a] as const;
const TYPE_AT = BEGIN.length + 1;
const RAW_TAG = 0x12;
/** contentEncoding and contentType, both empty. */
const TAIL = [0x1a, 0x00, 0x22, 0x00] as const;

/** How apiserver begins a custom resource; behind it the rest of the version, `MIDDLE`, the kind. */
const JSON_BEGIN = '{"apiVersion":"';
const JSON_MIDDLE = '","kind":"';
/** Kinds in JSON that are kept: anybody may define some. */
const JSON_KINDS_MAX = 1_000;
const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/** Where in a value the object stands; the type is before. */
interface Envelope {
  readonly typeTo: number;
  readonly from: number;
  readonly to: number;
}

interface Kind {
  readonly light: boolean;
  readonly root: StructNode;
}

interface JsonKind {
  readonly schema: Schema;
  readonly policy: CompiledKind;
}

export class Quick {
  readonly #policies: Policies;
  /** By the bytes of TypeMeta. */
  readonly #kinds = new Map<string, Kind>();
  /** By the bytes with which they begin. */
  readonly #jsonKinds = new Map<string, JsonKind>();

  constructor(policies: Policies) {
    this.#policies = policies;
  }

  /**
   * @param dotsOf what is to be kept of the version before, asked for only if it is needed
   * @returns undefined: it takes the long way
   */
  describe(before: Uint8Array, after: Uint8Array, dotsOf: () => Dots): Dots | undefined {
    if (isJson(after)) return isJson(before) ? this.#describeJson(before, after, dotsOf) : undefined;
    const [a, b] = [envelopeOf(before), envelopeOf(after)];
    if (a === null || b === null || a.typeTo !== b.typeTo) return undefined;
    for (let i = TYPE_AT; i < a.typeTo; i++) if (before[i] !== after[i]) return undefined;
    const kind = this.#kindOf(after, b);
    if (kind === undefined) return undefined;
    const dots = dotsOf();
    if (kind.light) return new Dots(dots.created, OLD, new Map());
    return changed(dots, (changes) => new Walk(changes).struct('', before, a.from, a.to, after, b.from, b.to, kind.root));
  }

  #describeJson(before: Uint8Array, after: Uint8Array, dotsOf: () => Dots): Dots | undefined {
    if (Math.max(before.length, after.length) > limits.value_bytes_max) return undefined;
    const headTo = jsonHeadOf(after);
    if (headTo === 0 || before.length < headTo || !same(before, 0, headTo, after, 0, headTo)) return undefined;
    const kind = this.#jsonKindOf(after, headTo);
    // Of others hardly anything is looked at, or nothing.
    if (kind.policy.merge !== 'field' || kind.policy.light === true) return undefined;
    return changed(dotsOf(), (changes) =>
      new JsonWalk(changes).struct('', { data: before, from: 0, to: jsonEndOf(before) }, { data: after, from: 0, to: jsonEndOf(after) }, kind.schema, kind.policy.root, 1));
  }

  #jsonKindOf(value: Uint8Array, headTo: number): JsonKind {
    const head = Buffer.prototype.latin1Slice.call(value, JSON_BEGIN.length, headTo - 1);
    let found = this.#jsonKinds.get(head);
    if (found !== undefined) return found;
    const [apiVersion = '', kind = ''] = head.split(JSON_MIDDLE);
    const schema = builtin().struct(apiVersion, kind) ?? customResource();
    found = { schema, policy: this.#policies.of({ group: groupOf(apiVersion), kind, schema }) };
    if (this.#jsonKinds.size >= JSON_KINDS_MAX) this.#jsonKinds.clear();
    this.#jsonKinds.set(head, found);
    return found;
  }

  #kindOf(value: Uint8Array, { typeTo }: Envelope): Kind | undefined {
    const type = Buffer.prototype.latin1Slice.call(value, TYPE_AT, typeTo);
    let kind = this.#kinds.get(type);
    if (kind !== undefined) return kind;
    // Both lengths are below 128 in every object there is.
    const versionTo = 2 + type.charCodeAt(1);
    const [apiVersion, name] = [type.slice(2, versionTo), type.slice(versionTo + 2)];
    if (type[0] !== '\x0a' || type[versionTo] !== '\x12' || type.charCodeAt(versionTo + 1) !== name.length) return undefined;
    const schema = builtin().struct(apiVersion, name);
    if (schema === undefined) return undefined;
    const object = { group: groupOf(apiVersion), kind: name, schema };
    this.#kinds.set(type, (kind = { light: this.#policies.light(kindName(object)), root: StructNode.root(schema, this.#policies.of(object)) }));
    return kind;
  }
}

/** The dots before a write, and what it has changed. Undefined if that cannot be told. */
function changed(dots: Dots, walk: (changes: Changes) => void): Dots | undefined {
  const exceptions = new Map<string, Stamp>(dots.exceptions);
  try {
    walk(new Changes(exceptions));
  } catch (error) {
    if (error instanceof Malformed || error instanceof Unusual) return undefined;
    throw error;
  }
  return new Dots(dots.created, dots.usual, exceptions);
}

/** Behind the last quote of the kind; 0 if a value does not begin as a custom resource does. */
function jsonHeadOf(value: Uint8Array): number {
  const [versionAt, versionTo] = [JSON_BEGIN.length, plainEnd(value, JSON_BEGIN.length)];
  const kindAt = versionTo + JSON_MIDDLE.length;
  const kindTo = plainEnd(value, kindAt);
  return begins(value, 0, JSON_BEGIN) && versionTo > versionAt && begins(value, versionTo, JSON_MIDDLE) && kindTo > kindAt ? kindTo + 1 : 0;
}

/** Where text of letters, digits, dots and the like ends. */
function plainEnd(value: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    const byte = value[at];
    if (byte === undefined || byte <= 0x20 || byte >= 0x7f || byte === 0x5c) return from;
    if (byte === QUOTE) return at;
  }
}

function begins(value: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (value[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** apiserver writes a line feed behind an object. */
const jsonEndOf = (value: Uint8Array): number => (value[value.length - 1] === LINE_FEED ? value.length - 1 : value.length);

function envelopeOf(value: Uint8Array): Envelope | null {
  for (let i = 0; i < BEGIN.length; i++) if (value[i] !== BEGIN[i]) return null;
  const typeLength = value[BEGIN.length] ?? 0x80;
  const typeTo = TYPE_AT + typeLength;
  if (typeLength >= 0x80 || value[typeTo] !== RAW_TAG) return null;
  let at = typeTo + 1;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = value[at++];
    if (byte === undefined || shift > 21) return null;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const to = at + length;
  if (value.length !== to + TAIL.length) return null;
  for (let i = 0; i < TAIL.length; i++) if (value[to + i] !== TAIL[i]) return null;
  return { typeTo, from: at, to };
}
