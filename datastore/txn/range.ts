/** What etcd makes of the keys that a range finds (server/etcdserver/txn/range.go): filter, then sort, then limit. */
import type { KeyValue } from '../keyspace/types.ts';
import type { RangeRequest, RangeResult } from './types.ts';
import { SortOrder, SortTarget } from './types.ts';

const EMPTY = new Uint8Array(0);

const hasFilters = (request: RangeRequest): boolean =>
  request.minModRevision !== 0 || request.maxModRevision !== 0 || request.minCreateRevision !== 0 || request.maxCreateRevision !== 0;

/**
 * How many keys have to be read for a request; 0: all. One more than asked for, which shows that there is more.
 * A sort target without an order does not count here: etcd then sorts what the limit left.
 */
export function readLimit(request: RangeRequest): number {
  const keyOrder = request.sortOrder === SortOrder.NONE || (request.sortTarget === SortTarget.KEY && request.sortOrder === SortOrder.ASCEND);
  return request.limit > 0 && keyOrder && !hasFilters(request) ? request.limit + 1 : 0;
}

/** @param kvs as read, in key order; changed in place */
export function assembleRange(request: RangeRequest, kvs: KeyValue[], count: number, revision: number): RangeResult {
  let left = hasFilters(request) ? filter(request, kvs) : kvs;
  sort(request, left);
  let more = false;
  if (request.limit > 0 && left.length > request.limit) {
    left = left.slice(0, request.limit);
    more = true;
  }
  let keysOnly = request.keysOnly;
  if (keysOnly && request.sortTarget === SortTarget.VALUE) {
    // etcd then reads whole pairs, for the sake of their values, and leaves out only those: the lease stays.
    left = left.map((kv) => ({ ...fields(kv), value: EMPTY }));
    keysOnly = false;
  }
  return { type: 'range', revision, kvs: left, more, count, keysOnly };
}

function filter(request: RangeRequest, kvs: KeyValue[]): KeyValue[] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return kvs.filter(
    (kv) =>
      (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
      (minModRevision === 0 || kv.modRevision >= minModRevision) &&
      (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
      (minCreateRevision === 0 || kv.createRevision >= minCreateRevision),
  );
}

type Comparison = (a: KeyValue, b: KeyValue) => number;
const comparisons: Readonly<Record<SortTarget, Comparison>> = {
  [SortTarget.KEY]: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  [SortTarget.VERSION]: (a, b) => a.version - b.version,
  [SortTarget.CREATE]: (a, b) => a.createRevision - b.createRevision,
  [SortTarget.MOD]: (a, b) => a.modRevision - b.modRevision,
  [SortTarget.VALUE]: (a, b) => Buffer.compare(a.value, b.value),
};

/** Equal ones stay in key order. (etcd's sort promises no order for them and keeps it for up to 12 keys.) */
function sort(request: RangeRequest, kvs: KeyValue[]): void {
  const target = request.sortTarget as SortTarget;
  if (target === SortTarget.KEY && request.sortOrder !== SortOrder.DESCEND) return;
  const compare = comparisons[target];
  kvs.sort(request.sortOrder === SortOrder.DESCEND ? (a, b) => compare(b, a) : compare);
}

/** The fields of a pair, which may be a view with accessors. */
export const fields = (kv: KeyValue): KeyValue => ({
  key: kv.key,
  createRevision: kv.createRevision,
  modRevision: kv.modRevision,
  version: kv.version,
  lease: kv.lease,
  value: kv.value,
});
