/**
 * Two versions of one object, decoded without what is the same bytes in both. To find what a write has changed that is all there is to look at, and for
 * large objects of which little changes it is a tenth of the work.
 *
 * A field is left out of both trees only if that cannot be told from its being equal in both: so nothing is left out of lists, of maps, and of structs with
 * fields that belong together.
 */
import { limits } from './limits.ts';
import type { Place } from '../policy/policy.ts';
import { builtin } from '../schema/schema.ts';
import { textAt } from '../tree.ts';
import type { Fields } from '../tree.ts';
import { decode, isJson } from './codec.ts';
import { Malformed } from './errors.ts';
import { groupOf } from './group.ts';
import { decodeJsonPair } from './pair-json.ts';
import { messages } from './pair-protobuf.ts';
import { isProtobuf, MAGIC, readUnknown } from './protobuf.ts';
import type { Unknown } from './protobuf.ts';
import type { DecodedObject } from './types.ts';

/** Neither is whole: only fit to be compared with each other. */
export interface Pair {
  readonly before: DecodedObject;
  readonly after: DecodedObject;
}

export type RootOf = (object: Pick<DecodedObject, 'group' | 'kind' | 'schema'>) => Place;

/**
 * @param rootOf what is known of the places of an object of this kind
 * @returns null unless both are objects. Bytes that are the same in both are not looked into, so they need not be well-formed
 */
export function decodePair(before: Uint8Array, after: Uint8Array, rootOf: RootOf): Pair | null {
  if (Math.max(before.length, after.length) > limits.value_bytes_max) return null;
  try {
    if (isJson(before) && isJson(after)) return decodeJsonPair(before, after, rootOf) ?? whole(before, after);
    if (!isProtobuf(before) || !isProtobuf(after)) return whole(before, after);
    const [a, b] = [readUnknown(before.subarray(MAGIC.length)), readUnknown(after.subarray(MAGIC.length))];
    if (a.typeMeta.apiVersion !== b.typeMeta.apiVersion || a.typeMeta.kind !== b.typeMeta.kind) return whole(before, after);
    const schema = builtin().struct(a.typeMeta.apiVersion, a.typeMeta.kind);
    if (schema === undefined) return null;
    const group = groupOf(a.typeMeta.apiVersion);
    const [first, second] = messages(a.raw, b.raw, schema, rootOf({ group, kind: a.typeMeta.kind, schema }));
    const object = ({ typeMeta, tail }: Unknown, tree: Fields): DecodedObject =>
      ({ format: 'protobuf', ...typeMeta, group, schema, tree, envelope: { tail }, uid: textAt(tree, 'metadata', 'uid') });
    return { before: object(a, first), after: object(b, second) };
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function whole(before: Uint8Array, after: Uint8Array): Pair | null {
  const [a, b] = [decode(before), decode(after)];
  return a === null || b === null ? null : { before: a, after: b };
}

