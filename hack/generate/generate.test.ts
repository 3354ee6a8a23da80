import { expect, test } from '@jest/globals';
import { chart } from './chart.ts';
import { crds } from './crds.ts';
import { stale } from './main.ts';
import { protobuf } from './protobuf.ts';

test('what is generated from the interface definitions is up to date (npm run generate)', () => {
  expect(stale(protobuf())).toEqual([]);
});

test('crds/ is up to date with operator/resource/ (npm run generate)', () => {
  expect(stale(crds())).toEqual([]);
});

test('what the chart takes from elsewhere is up to date (npm run generate)', () => {
  expect(stale(chart())).toEqual([]);
});
