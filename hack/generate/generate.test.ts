import { expect, test } from '@jest/globals';
import { chart } from './chart.ts';
import { crds } from './crds.ts';
import { docs } from './docs.ts';
import { inputs } from '../../datastore/merge/schema/generated/kubernetes.ts';
import { inputsHash } from './kubernetes/modules.ts';
import { stale } from './main.ts';
import { protobuf } from './protobuf.ts';

test('what is generated from the interface definitions is up to date (npm run generate)', () => {
  expect(stale(protobuf())).toEqual([]);
});

test('pages of flags, commands and metrics are up to date (npm run generate)', () => {
  expect(stale(docs())).toEqual([]);
});

test('crds/ is up to date with operator/resource/ (npm run generate)', () => {
  expect(stale(crds())).toEqual([]);
});

test('what the chart takes from elsewhere is up to date (npm run generate)', () => {
  expect(stale(chart())).toEqual([]);
});

// Making the table needs Go and Kubernetes' sources; that it was made by this generator from these versions can be told without. e2e makes it anew.
test('the table of Kubernetes kinds was made by the generator as it stands, from the modules that its go.sum names (npm run generate)', () => {
  expect(inputs).toBe(inputsHash());
});
