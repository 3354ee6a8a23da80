/**
 * The merge information of a write of an object in protobuf over a version of it in protobuf, as Kubernetes writes both: by walking through them (walk.ts). Whatever
 * is otherwise takes the long way (`Merger.over`), which comes to the same.
 */
import type { Stamp } from '../stamp.ts';
import { Malformed } from './codec/errors.ts';
import { groupOf } from './codec/group.ts';
import { Changes } from './describe.ts';
import { Dots, OLD } from './dots.ts';
import { StructNode } from './nodes.ts';
import type { Policies } from './policy/policy.ts';
import { kindName } from './policy/policy.ts';
import { builtin } from './schema/schema.ts';
import { Unusual, Walk } from './walk.ts';

/** "k8s\0", and the tag of runtime.Unknown's first field, TypeMeta; its length is one byte. */
const BEGIN = [0x6b, 0x38, 0x73, 0x00, 0x0a] as const;
const TYPE_AT = BEGIN.length + 1;
const RAW_TAG = 0x12;
/** contentEncoding and contentType, both empty. */
const TAIL = [0x1a, 0x00, 0x22, 0x00] as const;

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

export class Quick {
  readonly #policies: Policies;
  /** By the bytes of TypeMeta. */
  readonly #kinds = new Map<string, Kind>();

  constructor(policies: Policies) {
    this.#policies = policies;
  }

  /**
   * @param dotsOf what is to be kept of the version before, asked for only if it is needed
   * @returns undefined: it takes the long way
   */
  describe(before: Uint8Array, after: Uint8Array, dotsOf: () => Dots): Dots | undefined {
    const [a, b] = [envelopeOf(before), envelopeOf(after)];
    if (a === null || b === null || a.typeTo !== b.typeTo) return undefined;
    for (let i = TYPE_AT; i < a.typeTo; i++) if (before[i] !== after[i]) return undefined;
    const kind = this.#kindOf(after, b);
    if (kind === undefined) return undefined;
    const dots = dotsOf();
    if (kind.light) return new Dots(dots.created, OLD, new Map());
    const exceptions = new Map<string, Stamp>(dots.exceptions);
    try {
      new Walk(new Changes(exceptions)).struct('', before, a.from, a.to, after, b.from, b.to, kind.root);
    } catch (error) {
      if (error instanceof Malformed || error instanceof Unusual) return undefined;
      throw error;
    }
    return new Dots(dots.created, dots.usual, exceptions);
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
