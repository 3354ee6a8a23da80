/** For tests: requests with everything left out that is usual. */
import { text } from '../../keyspace/testing/records.ts';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from '../types.ts';

export const rangeRequest = (start: string, end?: string, more: Partial<RangeRequest> = {}): RangeRequest => ({
  range: { start, end },
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
  ...more,
});

export const putRequest = (key: string, value: string, more: Partial<PutRequest> = {}): PutRequest => ({
  key,
  value: text(value),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
  ...more,
});

export const deleteRequest = (start: string, end?: string, prevKv = false): DeleteRangeRequest => ({ range: { start, end }, prevKv });

export const compare = (start: string, target: Compare['target'], result: Compare['result'], number: number, more: Partial<Compare> = {}): Compare => ({
  range: { start },
  target,
  result,
  number,
  lease: 0n,
  value: new Uint8Array(0),
  ...more,
});

export const op = {
  range: (...args: Parameters<typeof rangeRequest>): RequestOp => ({ type: 'range', request: rangeRequest(...args) }),
  put: (...args: Parameters<typeof putRequest>): RequestOp => ({ type: 'put', request: putRequest(...args) }),
  delete: (...args: Parameters<typeof deleteRequest>): RequestOp => ({ type: 'delete', request: deleteRequest(...args) }),
  txn: (compares: readonly Compare[], success: readonly RequestOp[], failure: readonly RequestOp[] = []): RequestOp => ({
    type: 'txn',
    request: { compare: compares, success, failure },
  }),
};

export const txnRequest = (compares: readonly Compare[], success: readonly RequestOp[], failure: readonly RequestOp[] = []): TxnRequest => ({
  compare: compares,
  success,
  failure,
});
