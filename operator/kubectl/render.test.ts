import { expect, test } from '@jest/globals';
import { isHealthy, storesText } from './render.ts';
import type { Store } from './look.ts';

const condition = { type: 'Available', status: 'True' as const, reason: 'ReplicasReady', message: '2 of 2 serve', lastTransitionTime: '', observedGeneration: 1 };
const store: Store = {
  namespace: 'edge', name: 'shop', desired: 2, ready: 2, phase: 'Ready', clusterId: 'c1', conditions: [condition],
  replicas: [
    { pod: 'shop-0', node: 'a', ready: true, name: 'shop-0', slot: 0, version: '0.1.0', revision: 512, keys: 3, dbSizeBytes: 2048, serving: true, alarms: [], links: [{ peer: 'shop-1', connected: true, lagSeconds: 0.5, unackedWrites: 1 }] },
    { pod: 'shop-1', node: 'b', ready: true, name: 'shop-1', slot: 1, version: '0.1.0', revision: 514, keys: 3, dbSizeBytes: 2048, serving: true, alarms: ['NOSPACE'], links: [{ peer: 'shop-0', connected: false, lagSeconds: 9, unackedWrites: 1 }] },
  ],
};

test('a store with its replicas and the lag of each pair', () => {
  expect(storesText([store])).toBe(`edge/shop: Ready, 2 of 2 replicas serve, cluster c1

CONDITION  STATUS  REASON         MESSAGE
Available  True    ReplicasReady  2 of 2 serve

POD     NODE  SLOT  VERSION  REVISION  KEYS  DB SIZE  PEERS  LAG S  STATE
shop-0  a        0    0.1.0       512     3  2.0 KiB  1/1      0.5  ready
shop-1  b        1    0.1.0       514     3  2.0 KiB  0/1      9.0  ready, alarm NOSPACE

Lag of each pair in seconds: how old is the oldest write that the other does not hold on disk

WRITTEN AT  shop-0  shop-1
shop-0      -          0.5
shop-1      9.0 x        -`);
  expect(isHealthy(store)).toBe(true);
});

test('nobody looked at it; a pod that cannot be asked; one that drains', () => {
  const fresh: Store = { namespace: 'a', name: 'b', desired: 3, ready: 0, conditions: [], replicas: [] };
  expect(storesText([fresh])).toBe('a/b: not looked at yet: does the operator run?, 0 of 3 replicas serve');
  expect(isHealthy(fresh)).toBe(false);
  const broken: Store = { ...store, draining: 'shop-1', replicas: [{ pod: 'shop-0', ready: false, error: 'pending' }, store.replicas[1] ?? { pod: '', ready: false }] };
  expect(storesText([broken])).toContain('not asked: pending');
  const viewed: Store = { ...store, replicas: [{ pod: 'shop-0', ready: true, slot: 0, version: '0.1.0', lag: 'CaughtUp', error: 'needs a right' }] };
  expect(storesText([viewed])).toMatch(/shop-0 +0 +0\.1\.0 .*ready, CaughtUp; not asked: needs a right/);
  expect(storesText([broken])).toContain('draining, alarm NOSPACE');
  expect(isHealthy(broken)).toBe(false);
});
