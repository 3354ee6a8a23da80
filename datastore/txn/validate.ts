/**
 * What etcd checks before a request is proposed (server/etcdserver/api/v3rpc/key.go), in its order.
 */
import { errDuplicateKey, errEmptyKey, errInvalidSortOption, errKeyNotFound, errLeaseProvided, errTooManyOps, errValueProvided } from '../errors.ts';
import type { Key } from '../replica/types.ts';
import { IntervalSet } from './intervals.ts';
import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from './types.ts';
import { SortOrder, SortTarget } from './types.ts';

export function validateRange(request: RangeRequest): void {
  if (request.range.start === '') throw errEmptyKey();
  if (request.sortOrder < SortOrder.NONE || request.sortOrder > SortOrder.DESCEND) throw errInvalidSortOption();
  if (request.sortTarget < SortTarget.KEY || request.sortTarget > SortTarget.VALUE) throw errInvalidSortOption();
}

export function validatePut(request: PutRequest): void {
  if (request.key === '') throw errEmptyKey();
  if (request.ignoreValue && request.value.length !== 0) throw errValueProvided();
  if (request.ignoreLease && request.lease !== 0n) throw errLeaseProvided();
}

export function validateDelete(request: DeleteRangeRequest): void {
  if (request.range.start === '') throw errEmptyKey();
}

/** @param ops most operations of this level; nested levels get what is left of it */
export function validateTxn(request: TxnRequest, ops: number): void {
  validateOps(request, ops);
  // After the above, so that the size of what follows is bounded.
  validateOverlap(request.success);
  validateOverlap(request.failure);
}

function validateOps(request: TxnRequest, ops: number): void {
  const count = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (count > ops) throw errTooManyOps();
  for (const compare of request.compare) if (compare.range.start === '') throw errEmptyKey();
  for (const op of request.success) validateOp(op, ops - count);
  for (const op of request.failure) validateOp(op, ops - count);
}

function validateOp(op: RequestOp, ops: number): void {
  switch (op.type) {
    case 'range':
      return validateRange(op.request);
    case 'put':
      return validatePut(op.request);
    case 'delete':
      return validateDelete(op.request);
    case 'txn':
      return validateOps(op.request, ops);
    case 'empty':
      throw errKeyNotFound();
  }
}

interface Touched {
  readonly puts: Set<Key>;
  readonly deletes: IntervalSet;
}

/**
 * A key may be written once in a transaction: no two puts of it, and no put of what is deleted. The two branches of a nested
 * transaction exclude each other and may share keys.
 *
 * As etcd does it, this overlooks two things: a deletion with range_end "\0", and a nested transaction that deletes what an earlier
 * sibling puts. etcd then changes the key twice in one revision; here the evaluation refuses it, if it comes to that.
 */
function validateOverlap(ops: readonly RequestOp[]): Touched {
  const puts = new Set<Key>();
  const deletes = new IntervalSet();
  if (ops.length === 1 && ops[0]!.type === 'put') return { puts: puts.add(ops[0]!.request.key), deletes };
  for (const op of ops) if (op.type === 'delete' && op.request.range.end !== '\0') deletes.add(op.request.range);
  for (const op of ops) {
    if (op.type !== 'txn') continue;
    const success = validateOverlap(op.request.success);
    const failure = validateOverlap(op.request.failure);
    for (const key of success.puts) {
      if (puts.has(key) || deletes.has(key)) throw errDuplicateKey();
    }
    for (const key of failure.puts) {
      if (puts.has(key) || deletes.has(key)) throw errDuplicateKey();
    }
    for (const key of success.puts) puts.add(key);
    for (const key of failure.puts) puts.add(key);
    deletes.union(success.deletes);
    deletes.union(failure.deletes);
  }
  for (const op of ops) {
    if (op.type !== 'put') continue;
    const { key } = op.request;
    if (puts.has(key) || deletes.has(key)) throw errDuplicateKey();
    puts.add(key);
  }
  return { puts, deletes };
}

/** Only ranges in both branches, as etcd sees it: a nested transaction counts as writing. */
export function isReadOnly(request: TxnRequest): boolean {
  return request.success.every((op) => op.type === 'range') && request.failure.every((op) => op.type === 'range');
}

/** Whether the transaction could put anything, whichever way its compares go. */
export function mayPut(request: TxnRequest): boolean {
  const puts = (op: RequestOp): boolean => op.type === 'put' || (op.type === 'txn' && mayPut(op.request));
  return request.success.some(puts) || request.failure.some(puts);
}
