/**
 * The values that Kubernetes stores, as objects. Only conflicts decode: without concurrency a value stays opaque bytes.
 *
 * What apiserver wrote comes back byte for byte. What is not understood is null, and its holder a leaf: encrypted values (`k8s:enc:…`), CBOR, kinds in protobuf that
 * the table does not have, bytes that are broken.
 */
import { limits } from './limits.ts';
import { Malformed } from './errors.ts';
import { decodeJson, encodeJson } from './json.ts';
import { decodeProtobuf, encodeProtobuf, isProtobuf } from './protobuf.ts';
import type { DecodedObject } from './types.ts';

export type { DecodedObject, Envelope } from './types.ts';

/** The object in a value, or null. Never throws, whatever the bytes. Leaves share memory with `value`, which must not change. */
export function decode(value: Uint8Array): DecodedObject | null {
  if (value.length > limits.value_bytes_max) return null;
  try {
    if (isProtobuf(value)) return decodeProtobuf(value);
    return isJson(value) ? decodeJson(value) : null;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** Whether a value begins as apiserver begins JSON. */
export function isJson(value: Uint8Array): boolean {
  return value[0] === 0x7b; // apiserver writes no space before it
}

/** The bytes of an object as apiserver would write them. */
export function encode(object: DecodedObject): Uint8Array {
  return object.format === 'json' ? encodeJson(object) : encodeProtobuf(object);
}
