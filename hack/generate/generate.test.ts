import { expect, test } from '@jest/globals';
import { chart } from './chart.ts';
import { stale } from './main.ts';
import { protobuf } from './protobuf.ts';

test('what is generated from the interface definitions is up to date (npm run generate)', () => {
  expect(stale(protobuf())).toEqual([]);
});

test('what the chart takes from elsewhere is up to date (npm run generate)', () => {
  expect(stale(chart())).toEqual([]);
});
