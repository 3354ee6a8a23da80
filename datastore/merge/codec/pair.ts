/**
 * Two versions of one object, decoded, in JSON without what is the same text in both: to find what a write has changed that is all there is to look at. (Protobuf is not
 * decoded for that at all: ../quick.ts.)
 *
 * A field is left out of both trees only if that cannot be told from its being equal in both: so nothing is left out of lists, of maps, and of structs with
 * fields that belong together.
 */
import { limits } from './limits.ts';
import type { Place } from '../policy/policy.ts';
import { decode, isJson } from './codec.ts';
import { Malformed } from './errors.ts';
import { decodeJsonPair } from './pair-json.ts';
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
    return (isJson(before) && isJson(after) ? decodeJsonPair(before, after, rootOf) : null) ?? whole(before, after);
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function whole(before: Uint8Array, after: Uint8Array): Pair | null {
  const [a, b] = [decode(before), decode(after)];
  return a === null || b === null ? null : { before: a, after: b };
}

