/** A Kubernetes object, decoded, with all that is needed to write it back. */
import type { AnyType, StructType } from '../schema/types.ts';
import type { Fields } from '../tree.ts';

export interface DecodedObject {
  readonly format: 'json' | 'protobuf';
  /** For example `apps/v1`. */
  readonly apiVersion: string;
  /** '' for the core group. */
  readonly group: string;
  readonly kind: string;
  /** `metadata.uid`; '' if it has none. */
  readonly uid: string;
  /**
   * A struct for a kind of the table; for a custom resource a struct too, which knows `metadata` and nothing else (fields that are not in
   * a struct have schema `any`).
   */
  readonly schema: StructType | AnyType;
  readonly tree: Fields;
  /** What the codec needs beside the tree; a merged object takes it from any head of the same format, apiVersion and kind. */
  readonly envelope: Envelope;
}

/** The rest of the value around the object. */
export interface Envelope {
  /** JSON: what follows the object (apiserver ends it with a line feed). Protobuf: fields of runtime.Unknown after `raw`. */
  readonly tail: Uint8Array;
}
