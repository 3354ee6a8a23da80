import { expect, test } from '@jest/globals';
import { stale } from './main.ts';
import { protobuf } from './protobuf.ts';

test('what is generated from the interface definitions is up to date (npm run generate)', () => {
  expect(stale(protobuf())).toEqual([]);
});
