import { expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { Unacked } from './unacked.ts';

test('counts and ages what a peer lacks', () => {
  const unacked = new Unacked();
  unacked.add(10, 2, 100, 1_000);
  unacked.add(20, 3, 200, 2_000);
  expect(unacked.beyond(0, 5_000)).toEqual({ records: 5, bytes: 300, ageMs: 4_000 });
  expect(unacked.beyond(10, 5_000)).toEqual({ records: 3, bytes: 200, ageMs: 3_000 });
  expect(unacked.beyond(15, 5_000)).toEqual({ records: 3, bytes: 200, ageMs: 3_000 });
  expect(unacked.beyond(20, 5_000)).toEqual({ records: 0, bytes: 0, ageMs: 0 });
  unacked.forget(10);
  expect(unacked.beyond(10, 5_000)).toEqual({ records: 3, bytes: 200, ageMs: 3_000 });
  unacked.forget(20);
  expect(unacked.beyond(20, 5_000)).toEqual({ records: 0, bytes: 0, ageMs: 0 });
});

test('stays bounded, and never understates the age', () => {
  const unacked = new Unacked();
  const n = limits.unacked_entries * 5;
  for (let i = 1; i <= n; i++) unacked.add(i, 1, 10, i);
  expect(unacked.beyond(0, n)).toEqual({ records: n, bytes: n * 10, ageMs: n - 1 });
  const half = unacked.beyond(n / 2, n);
  expect(half.ageMs).toBeGreaterThanOrEqual(n / 2 - 1);
  expect(half.records).toBeGreaterThanOrEqual(n / 2);
  expect(unacked.beyond(n, n).records).toBe(0);
});
