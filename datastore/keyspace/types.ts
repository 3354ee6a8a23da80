import type { Key } from '../replica/types.ts';

/** A key at one revision, as etcd's mvccpb.KeyValue. Immutable. */
export interface KeyValue {
  readonly key: Key;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** A view into stored bytes: do not modify, do not keep. */
  readonly value: Uint8Array;
}

/** A half-open interval of keys. `end` undefined: the single key. `end` '\0': everything from `start` on. */
export interface KeyRange {
  readonly start: Key;
  readonly end?: Key | undefined;
}

export interface RangeOptions {
  readonly range: KeyRange;
  /** 0: no limit. Counts what is returned, not `count`. */
  readonly limit: number;
  /** Only the count is wanted. */
  readonly countOnly: boolean;
}

export interface RangeRead {
  readonly kvs: KeyValue[];
  /** All keys in the range at that revision, whatever the limit. */
  readonly count: number;
}

/** One visible change, in the order of revisions. `kv` of a deletion has empty value, version 0, createRevision 0, and modRevision = the deletion's. */
export interface Change {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
  /** What the key was before; null on a create. */
  readonly prev: KeyValue | null;
  readonly revision: number;
}
