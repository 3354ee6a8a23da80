import { expect, test } from '@jest/globals';
import { planRollout } from './rollout.ts';
import type { RolloutInput, RolloutPod } from './rollout.ts';

const live = { partition: 256, currentRevision: 'a', updateRevision: 'b', observed: true };
const pod = (ordinal: number, revision: string, more: Partial<RolloutPod> = {}): RolloutPod => ({ ordinal, revision, ready: true, caughtUp: true, ...more });
const plan = (pods: readonly RolloutPod[], more: Partial<RolloutInput> = {}) => planRollout({ templateChanges: false, live, replicas: pods.length, pods, draining: false, ...more });

test('a change of the template replaces nothing by itself', () => expect(plan([pod(0, 'a')], { templateChanges: true }).partition).toBe(256));
test('the highest goes first', () => expect(plan([pod(0, 'a'), pod(1, 'a'), pod(2, 'a')])).toEqual({ partition: 2, updating: true, waiting: null }));
test('the next only when the one before has caught up, not merely started', () => {
  const at2 = { live: { ...live, partition: 2 } };
  expect(plan([pod(0, 'a'), pod(1, 'a'), pod(2, 'b', { ready: false, caughtUp: false })], at2)).toMatchObject({ partition: 2, waiting: expect.stringContaining('replica 2') });
  expect(plan([pod(0, 'a'), pod(1, 'a'), pod(2, 'b', { caughtUp: false })], at2)).toMatchObject({ partition: 2, waiting: expect.stringContaining('replica 2') });
  expect(plan([pod(0, 'a'), pod(1, 'a'), pod(2, 'b')], at2)).toMatchObject({ partition: 1, waiting: null });
});
test('one that is gone and not back yet is waited for', () => {
  expect(plan([pod(0, 'a'), pod(1, 'a')], { replicas: 3, live: { ...live, partition: 2 } })).toMatchObject({ partition: 2, waiting: expect.stringContaining('replica 2') });
});
test('a broken update stops after one replica; taking it back replaces that one', () => {
  const broken = [pod(0, 'a'), pod(1, 'a'), pod(2, 'b', { ready: false, caughtUp: false })];
  expect(plan(broken, { live: { ...live, partition: 2 } }).partition).toBe(2);
  // The old template again: its revision is the old one's.
  expect(plan(broken, { live: { ...live, partition: 256, updateRevision: 'a' } })).toMatchObject({ partition: 2, waiting: null });
});
test('the only one that serves is not replaced while the others are down', () => {
  expect(plan([pod(0, 'a', { ready: false }), pod(1, 'a')])).toMatchObject({ partition: 256, waiting: expect.stringContaining('only one') });
  expect(plan([pod(0, 'a')])).toMatchObject({ partition: 0, waiting: null });
});
test('one that does not serve is replaced all the same: the update may mend it', () => {
  expect(plan([pod(0, 'a', { ready: false }), pod(1, 'a', { ready: false })])).toMatchObject({ partition: 1 });
  expect(plan([pod(0, 'a', { ready: false }), pod(1, 'a', { ready: false })], { draining: true })).toMatchObject({ partition: 1 });
});
test('not while a replica is drained', () => expect(plan([pod(0, 'a'), pod(1, 'a')], { draining: true })).toMatchObject({ partition: 256, waiting: expect.stringContaining('drained') }));
test('the partition is closed again only when the controller counts the new revision as the current one', () => {
  expect(plan([pod(0, 'b'), pod(1, 'b')], { live: { ...live, partition: 0 } })).toEqual({ partition: 0, updating: true, waiting: null });
  expect(plan([pod(0, 'b'), pod(1, 'b')], { live: { ...live, partition: 0, currentRevision: 'b' } })).toEqual({ partition: 256, updating: false, waiting: null });
});
test('nothing is concluded from a status that is older than the object', () => expect(plan([pod(0, 'a')], { live: { ...live, observed: false } }).partition).toBe(256));
