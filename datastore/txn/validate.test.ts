import { expect, test } from '@jest/globals';
import { compare, deleteRequest, op, putRequest, rangeRequest, txnRequest } from './testing/requests.ts';
import type { RequestOp, TxnRequest } from './types.ts';
import { isReadOnly, mayPut, validateDelete, validatePut, validateRange, validateTxn } from './validate.ts';

const verdict = (request: TxnRequest, ops = 128): string => {
  try {
    validateTxn(request, ops);
    return 'ok';
  } catch (error) {
    return (error as Error).message.replace('etcdserver: ', '');
  }
};
const then = (...ops: RequestOp[]): TxnRequest => txnRequest([], ops);
const DUPLICATE = 'duplicate key given in txn request';

test('keys, values, leases, sort options', () => {
  expect(() => validateRange(rangeRequest(''))).toThrow('key is not provided');
  expect(() => validateRange(rangeRequest('a', undefined, { sortOrder: 3 }))).toThrow('invalid sort option');
  expect(() => validateRange(rangeRequest('a', undefined, { sortTarget: 5 }))).toThrow('invalid sort option');
  expect(() => validatePut(putRequest('', 'x'))).toThrow('key is not provided');
  expect(() => validatePut(putRequest('a', 'x', { ignoreValue: true }))).toThrow('value is provided');
  expect(() => validatePut(putRequest('a', 'x', { ignoreLease: true, lease: 1n }))).toThrow('lease is provided');
  expect(() => validateDelete(deleteRequest('', 'b'))).toThrow('key is not provided');
});

test('a key is written once', () => {
  expect(verdict(then(op.put('a', '1'), op.put('a', '2')))).toBe(DUPLICATE);
  expect(verdict(then(op.put('a', '1'), op.put('b', '2')))).toBe('ok');
  expect(verdict(then(op.put('a', '1'), op.delete('a')))).toBe(DUPLICATE);
  expect(verdict(then(op.delete('a', 'c'), op.put('b', '1')))).toBe(DUPLICATE);
  expect(verdict(then(op.delete('a', 'c'), op.put('c', '1')))).toBe('ok');
  expect(verdict(then(op.delete('c', 'a'), op.put('b', '1')))).toBe('ok');
  expect(verdict(then(op.delete('a'), op.delete('a')))).toBe('ok');
  expect(verdict(txnRequest([], [op.put('a', '1')], [op.put('a', '2')]))).toBe('ok');
});

test('nested transactions, whose branches may share keys, count too', () => {
  const either = op.txn([], [op.put('a', '1')], [op.put('a', '2')]);
  expect(verdict(then(either))).toBe('ok');
  expect(verdict(then(either, op.put('a', '1')))).toBe(DUPLICATE);
  expect(verdict(then(either, either))).toBe(DUPLICATE);
  expect(verdict(then(op.delete('a', 'b'), either))).toBe(DUPLICATE);
  expect(verdict(then(op.txn([], [op.delete('a')]), op.put('a', '1')))).toBe(DUPLICATE);
  expect(verdict(then(op.txn([], [op.delete('a')]), either))).toBe(DUPLICATE);
});

test('operations are counted along a path: the larger of compares and branches, and what is left for the levels below', () => {
  const puts = (n: number) => Array.from({ length: n }, (_, i) => op.put('k' + i, ''));
  expect(verdict(then(...puts(128)))).toBe('ok');
  expect(verdict(then(...puts(129)))).toBe('too many operations in txn request');
  expect(verdict(txnRequest([], puts(128), puts(128)))).toBe('ok');
  expect(verdict(txnRequest(Array.from({ length: 129 }, () => compare('a', 'version', 'equal', 0)), []))).toBe('too many operations in txn request');
  expect(verdict(then(op.txn([], puts(3))), 4)).toBe('ok');
  expect(verdict(then(op.txn([], puts(4))), 4)).toBe('too many operations in txn request');
});

test('the order of complaints is that of etcd: shape before overlaps, compares before operations', () => {
  expect(verdict(then(op.put('a', ''), op.put('a', ''), op.put('', '')))).toBe('key is not provided');
  expect(verdict(txnRequest([compare('', 'version', 'equal', 0)], [op.put('a', 'x', { ignoreValue: true })]))).toBe('key is not provided');
  expect(verdict(then({ type: 'empty' }, op.put('', '')))).toBe('key not found');
});

test('many overlaps are found without a square', () => {
  const level = (depth: number): RequestOp[] =>
    Array.from({ length: 40 }, (_, i) => (depth === 0 ? op.delete(`d${i}`, `d${i}x`) : op.txn([], level(depth - 1), [op.put(`p${i}`, '')])));
  expect(verdict(then(...level(1), op.put('z', '')))).toBe('ok');
});

test('what a transaction may do', () => {
  expect(isReadOnly(txnRequest([], [op.range('a')], [op.range('b')]))).toBe(true);
  expect(isReadOnly(then(op.txn([], [op.range('a')])))).toBe(false);
  expect(mayPut(txnRequest([], [], [op.txn([], [op.put('a', '')])]))).toBe(true);
  expect(mayPut(then(op.delete('a'), op.range('b')))).toBe(false);
});
