/** Requests and answers of the KV service in domain terms: keys as `Key`, revisions as numbers, ids as bigint. */
import type { Key } from '../replica/types.ts';
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
  | { readonly type: 'txn'; readonly request: TxnRequest };
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}
export interface TxnResult {
  readonly type: 'txn';
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
