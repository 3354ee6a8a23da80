import { describe, expect, test } from '@jest/globals';
import { edgestore, reports } from '../testing.ts';
import { caughtUp, lagOf } from './lag.ts';
import { computeStatus } from './status.ts';
import type { StatusInput } from './status.ts';

const pods = (...ready: boolean[]): StatusInput['pods'] => ready.map((is, ordinal) => ({ name: `shop-${ordinal}`, ordinal, ready: is, image: 'i:1' }));
const input = (more: Partial<StatusInput> = {}): StatusInput => ({
  store: edgestore(), now_ms: Date.parse('2026-01-01T00:00:00Z'), clusterId: 'c1', wanted: 3, current: 3, pods: pods(true, true, true), reports: reports([0, 1, 2]),
  drain: null, blocked: null, updating: false, waiting: null, refused: null, problems: [], ...more,
});
const condition = (more: Partial<StatusInput>, type: string) => computeStatus(input(more)).conditions?.find((one) => one.type === type);

describe('conditions', () => {
  test('all well', () => {
    const status = computeStatus(input());
    expect(status).toMatchObject({ phase: 'Ready', replicas: 3, readyReplicas: 3, clusterId: 'c1', image: 'i:1', selector: 'app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=shop' });
    expect(status.conditions?.map(({ type, status: is }) => `${type}=${is}`)).toEqual(['Available=True', 'Progressing=False', 'Degraded=False', 'Synced=True', 'ScaleInBlocked=False']);
  });
  test('a replica that is new is progress; a member that is not ready is trouble', () => {
    expect(computeStatus(input({ pods: pods(true, true, false), reports: reports([0, 1]) }))).toMatchObject({ phase: 'ScalingOut' });
    expect(computeStatus(input({ pods: pods(true, true, false) }))).toMatchObject({ phase: 'Degraded' });
    expect(condition({ pods: pods(true, true, false) }, 'Degraded')).toMatchObject({ status: 'True', reason: 'ReplicasNotReady', message: 'not ready: shop-2' });
  });
  test('nobody serves', () => expect(computeStatus(input({ pods: pods(false, false, false), reports: new Map() }))).toMatchObject({ phase: 'Degraded' }));
  test('refused', () => {
    const refused = { reason: 'VolumesNotAdopted', message: 'x' };
    expect(computeStatus(input({ refused, current: null, clusterId: null, pods: [], reports: new Map() }))).toMatchObject({ phase: 'Refused' });
    expect(condition({ refused, pods: [], reports: new Map() }, 'Available')).toMatchObject({ status: 'False', reason: 'VolumesNotAdopted' });
  });
  test('the last transition is when the status changed, not when it was looked at', () => {
    const first = computeStatus(input());
    const later = computeStatus(input({ store: edgestore({}, first), now_ms: Date.parse('2026-01-01T01:00:00Z') }));
    expect(later).toEqual(first);
    const changed = computeStatus(input({ store: edgestore({}, first), now_ms: Date.parse('2026-01-01T01:00:00Z'), pods: pods(true, false, true) }));
    expect(changed.conditions?.map((one) => one.lastTransitionTime.slice(11, 13))).toEqual(['00', '01', '01', '00', '00']);
  });
  test('a drain shows', () => expect(computeStatus(input({ drain: { ordinal: 2, pod: 'shop-2', phase: 'Draining', since: 'x' }, blocked: { reason: 'PeersLack', message: 'm' } }))).toMatchObject({ phase: 'ScalingIn', drain: { ordinal: 2 } }));
});

describe('lag', () => {
  const behind = (lagSeconds: number, connected = true) => reports([0, 1, 2], { 0: { peers: [{ name: 'shop-2', connected, lagSeconds }] } });
  test.each([[0, 'CaughtUp'], [4.9, 'CaughtUp'], [5, 'Behind'], [59, 'Behind'], [60, 'FarBehind']] as const)('%d s', (lag, bucket) => expect(lagOf('shop-2', behind(lag).values())).toBe(bucket));
  test('a live figure that moves within a bucket is no news', () => {
    expect(computeStatus(input({ reports: behind(1.1) }))).toEqual(computeStatus(input({ reports: behind(3.7) })));
  });
  test('a cut link: nobody can say', () => expect(lagOf('shop-2', behind(0, false).values())).toBe('Unknown'));
  test('caught up: it serves, and everybody that serves reports so', () => {
    expect(caughtUp('shop-2', [...behind(1).values()])).toBe(true);
    expect(caughtUp('shop-2', [...behind(6).values()])).toBe(false);
    expect(caughtUp('shop-2', [...behind(0, false).values()])).toBe(false);
    expect(caughtUp('shop-2', [...reports([0, 1, 2], { 2: { serving: false } }).values()])).toBe(false);
    expect(caughtUp('shop-3', [...reports([0, 1, 2]).values()])).toBe(false);
  });
});
