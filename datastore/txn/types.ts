/** Requests and answers of the KV service in domain terms: keys as `Key`, revisions as numbers, ids as bigint. */
import type { RevisionKind } from '../replica/revisions.ts';
import type { Key, Write } from '../replica/types.ts';
import type { KeyValue, KeyRange } from '../keyspace/types.ts';

export const SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;
export type SortTarget = (typeof SortTarget)[keyof typeof SortTarget];
export const SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export type SortOrder = (typeof SortOrder)[keyof typeof SortOrder];

export interface RangeRequest {
  readonly range: KeyRange;
  readonly limit: number;
  readonly revision: number;
  readonly sortOrder: number;
  readonly sortTarget: number;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}
export interface RangeResult {
  readonly type: 'range';
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
  /** The encoder leaves out value and lease. */
  readonly keysOnly: boolean;
}

export interface PutRequest {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}
export interface PutResult {
  readonly type: 'put';
  readonly revision: number;
  readonly prevKv: KeyValue | null;
}

export interface DeleteRangeRequest {
  readonly range: KeyRange;
  readonly prevKv: boolean;
}
export interface DeleteRangeResult {
  readonly type: 'delete';
  readonly revision: number;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export type CompareTarget = 'version' | 'create' | 'mod' | 'value' | 'lease';
export interface Compare {
  readonly range: KeyRange;
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual';
  readonly target: CompareTarget;
  readonly number: number;
  readonly lease: bigint;
  readonly value: Uint8Array;
}
export type RequestOp =
  | { readonly type: 'range'; readonly request: RangeRequest }
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'delete'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest }
  /** An operation that says nothing: refused, as etcd does, when its turn in the validation comes. */
  | { readonly type: 'empty' };
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}
export interface TxnResult {
  readonly type: 'txn';
  /** 0 in a nested transaction: etcd leaves those headers empty. */
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly (RangeResult | PutResult | DeleteRangeResult | TxnResult)[];
}

/**
 * The KV service of one replica. Every method throws or rejects with `EtcdError`; nothing is applied then.
 * A promise resolves once the write is on stable storage and visible (guarantee 2).
 */
export interface Kv {
  /** Reads at the visible revision (or the given one), synchronously. */
  range(request: RangeRequest): RangeResult;
  put(request: PutRequest): Promise<PutResult>;
  deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResult>;
  txn(request: TxnRequest): Promise<TxnResult>;
  /** `physical`: resolves only when memory and disk have been freed. */
  compact(revision: number, physical: boolean): Promise<{ revision: number }>;
}

/** What a transaction needs of the replica. All calls but the promises take effect before they return. */
export interface Committer {
  /** The revision that the next commit gets, whatever it writes. */
  nextRevision(): number;
  /**
   * Applies writes, at least one of which changes something visible, as one revision: `writes` replicated, `local` on this replica alone.
   * Resolves when they are durable and visible.
   */
  commit(writes: readonly Write[], local: readonly Write[]): Promise<void>;
  /** Null; or: what other replicas wrote is becoming part of the state, and a write would stop everything until that is over. Its end. */
  settled?(): Promise<void> | null;
  /** Resolves when everything applied so far is durable and visible. */
  flushed(): Promise<void>;
  /** Compacts up to a revision that was checked. Resolves when that is durable. */
  compact(revision: number): Promise<void>;
  /** Moves the counter above a foreign revision; resolves when that is durable and visible. Does nothing if it is above already. */
  advanceAbove(revision: number): Promise<void>;
}

/** What a revision that a client names means here: see `Revisions` in replica/. */
export interface RevisionPolicy {
  /** In this mode revisions name their issuer. */
  readonly striding: boolean;
  classify(revision: number): RevisionKind;
}

export interface KvOptions {
  readonly leaseExists: (id: bigint) => boolean;
  /** Keys that are never replicated. */
  readonly isLocal?: (key: Key) => boolean;
  /**
   * Throws if writing is refused now (errNoSpace, errUnavailable). `adds`: the request may add data; deletions are let through when only
   * space is short.
   */
  readonly writable?: (adds: boolean) => void;
  /** --max-txn-ops. */
  readonly txnOps?: number;
}
