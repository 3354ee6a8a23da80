import { describe, expect, test } from '@jest/globals';
import { report, reports } from '../testing.ts';
import type { DrainRecord } from '../resource/status.ts';
import { planScale } from './plan.ts';
import type { ScaleInput } from './plan.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const record = (ordinal: number, more: Partial<DrainRecord> = {}): DrainRecord => ({ ordinal, pod: `shop-${ordinal}`, phase: 'Draining', since: '2026-01-01T00:09:00Z', ...more });
const claimsOf = (...ordinals: number[]): ScaleInput['claims'] => new Map(ordinals.map((ordinal) => [ordinal, { uid: `claim-${ordinal}`, deleting: false }]));
const plan = (more: Partial<ScaleInput>) => planScale({
  name: 'shop', wanted: 3, current: 3, founded: true, adopted: 0, drain: null, pods: new Set([0, 1, 2]), claims: claimsOf(0, 1, 2), reports: reports([0, 1, 2]),
  drainTimeout_ms: 600_000, now_ms: NOW, ...more,
});
const drained = { serving: false, why: 'draining', drain: { state: 'drained', lacking: [] } } as const;
const draining = { serving: false, why: 'draining', drain: { state: 'draining', lacking: ['shop-0'] } } as const;

describe('starting', () => {
  test('one replica until the cluster exists, whatever is wanted', () => expect(plan({ founded: false, current: null, wanted: 5 }).replicas).toBe(1));
  test('then all at once', () => expect(plan({ current: 1, pods: new Set([0]), claims: claimsOf(0), reports: reports([0]), wanted: 5 })).toMatchObject({ replicas: 5, story: [{ reason: 'ScalingOut' }] }));
  test('adopted volumes all come back, also if fewer are wanted: what is too many is drained', () => expect(plan({ current: null, adopted: 4, wanted: 2 }).replicas).toBe(4));
  test('nothing to do', () => expect(plan({})).toEqual({ replicas: 3, drain: null, action: null, story: [], blocked: null, stuck: null, busy: false }));
});

describe('scaling in', () => {
  test('the record comes first: nothing is asked before it is written', () => {
    expect(plan({ wanted: 1 })).toMatchObject({ replicas: 3, action: null, drain: { ordinal: 2, phase: 'Draining', memberId: 'a2', since: '2026-01-01T00:10:00Z' }, story: [{ reason: 'DrainStarted' }] });
  });
  test('drain, leave', () => {
    expect(plan({ wanted: 2, drain: record(2) })).toMatchObject({ replicas: 3, action: { type: 'drain', ordinal: 2 }, drain: record(2) });
    expect(plan({ wanted: 2, drain: record(2), reports: reports([0, 1, 2], { 2: draining }) })).toMatchObject({ replicas: 3, action: null, blocked: null });
    expect(plan({ wanted: 2, drain: record(2), reports: reports([0, 1, 2], { 2: drained }) })).toMatchObject({ replicas: 3, action: { type: 'leave', ordinal: 2 } });
  });
  test('a member no more: recorded; only then the StatefulSet shrinks', () => {
    const left = { wanted: 2, reports: reports([0, 1]) };
    expect(plan({ ...left, drain: record(2) })).toMatchObject({ replicas: 3, drain: { phase: 'Removed', configuration: 10 }, action: null });
    const removed = record(2, { phase: 'Removed', configuration: 10 });
    expect(plan({ ...left, drain: removed })).toMatchObject({ replicas: 2, drain: removed, action: null });
    expect(plan({ ...left, drain: removed, current: 2 })).toMatchObject({ replicas: 2, action: null });
    expect(plan({ ...left, drain: removed, current: 2, pods: new Set([0, 1]) })).toMatchObject({ replicas: 2, action: { type: 'deleteClaim', ordinal: 2, uid: 'claim-2' }, drain: removed });
    expect(plan({ ...left, drain: removed, current: 2, pods: new Set([0, 1]), claims: claimsOf(0, 1) })).toMatchObject({ replicas: 2, drain: null, story: [{ reason: 'ScaledIn' }] });
  });
  test('never two at a time: five to two takes the next only when the record of the one before is gone', () => {
    const five = { current: 5, wanted: 2, pods: new Set([0, 1, 2, 3, 4]), claims: claimsOf(0, 1, 2, 3, 4), reports: reports([0, 1, 2, 3, 4]) };
    expect(plan({ ...five, drain: record(4) }).drain?.ordinal).toBe(4);
    expect(plan({ ...five, drain: record(4, { phase: 'Removed', configuration: 10 }), current: 4, pods: new Set([0, 1, 2, 3]), reports: reports([0, 1, 2, 3]) })).toMatchObject({ replicas: 4, action: { type: 'deleteClaim', ordinal: 4 } });
  });
  test('an operator that takes over knows from the record alone: same input, same step', () => {
    const input = { wanted: 2, drain: record(2), reports: reports([0, 1, 2], { 2: drained }) };
    expect(plan(input)).toEqual(plan(input));
  });
});

describe('a drain that cannot go on', () => {
  const late = { since: '2026-01-01T00:00:00Z' };
  const slow = { wanted: 2, drainTimeout_ms: 300_000 };
  test('peers that lack something; the pod stays', () => {
    expect(plan({ ...slow, drain: record(2, late), reports: reports([0, 1, 2], { 2: draining }) })).toMatchObject({ replicas: 3, blocked: { reason: 'PeersLack', message: expect.stringContaining('shop-0') } });
  });
  test('one that does not answer', () => {
    expect(plan({ ...slow, drain: record(2, late), reports: new Map([...reports([0, 1, 2])].filter(([of]) => of !== 2)) })).toMatchObject({ replicas: 3, action: null, blocked: { reason: 'ReplicaUnreachable' } });
  });
  test('drained, but no majority agrees', () => {
    expect(plan({ ...slow, drain: record(2, late), reports: reports([0, 1, 2], { 2: drained }) })).toMatchObject({ action: { type: 'leave' }, blocked: { reason: 'NoMajority' } });
  });
  test('it goes on by itself', () => {
    expect(plan({ ...slow, drain: record(2, late), reports: reports([0, 1]) })).toMatchObject({ blocked: null, drain: { phase: 'Removed' } });
  });
});

describe('wanted again during a drain', () => {
  test('it is asked to serve; the record stays until it does', () => {
    expect(plan({ wanted: 3, drain: record(2), reports: reports([0, 1, 2], { 2: draining }) })).toMatchObject({ replicas: 3, action: { type: 'undrain', ordinal: 2 }, drain: record(2) });
    expect(plan({ wanted: 3, drain: record(2) })).toMatchObject({ replicas: 3, drain: null, action: null, story: [{ reason: 'DrainCancelled' }] });
  });
  test('one that has asked to leave cannot come back: it is asked again to leave, should it not have come through', () => {
    const leaving = { ...drained, drain: { state: 'drained', leaving: true, lacking: [] } } as const;
    expect(plan({ wanted: 3, drain: record(2), reports: reports([0, 1, 2], { 2: leaving }) })).toMatchObject({ replicas: 3, drain: record(2), action: { type: 'leave', ordinal: 2 }, story: [] });
  });
  test('one that cannot be asked keeps its record: it may be drained still', () => {
    expect(plan({ wanted: 3, drain: record(2), reports: new Map([[0, report(0, [0, 1, 2])]]) })).toMatchObject({ replicas: 3, drain: record(2), action: null });
  });
  test('more than before: the others come at once', () => {
    expect(plan({ wanted: 5, drain: record(2), reports: reports([0, 1, 2], { 2: draining }) })).toMatchObject({ replicas: 5, action: { type: 'undrain' } });
  });
  test('once it has left it is too late: its place is cleared first', () => {
    const removed = record(2, { phase: 'Removed', configuration: 10 });
    expect(plan({ wanted: 5, drain: removed, reports: reports([0, 1]) })).toMatchObject({ replicas: 2, drain: removed });
  });
});

describe('odd cases', () => {
  test('one that never came needs no drain', () => {
    expect(plan({ wanted: 2, drain: record(2), reports: reports([0, 1]) })).toMatchObject({ drain: { phase: 'Removed' } });
  });
  test('it came after all, at the last moment: it is drained like any other, on the pod that it had', () => {
    const all = new Map([0, 1].map((of) => [of, report(of, [0, 1, 2], {}, 11)] as const));
    expect(plan({ wanted: 2, current: 2, drain: record(2, { phase: 'Removed', configuration: 10 }), reports: all })).toMatchObject({ replicas: 3, drain: { phase: 'Draining' } });
  });
  test('an older view of the membership counts for nothing', () => {
    const old = new Map([[0, report(0, [0, 1, 2], {}, 9)]]);
    expect(plan({ wanted: 2, current: 2, pods: new Set([0, 1]), drain: record(2, { phase: 'Removed', configuration: 10 }), reports: old })).toMatchObject({ action: { type: 'deleteClaim' } });
  });
  test('a volume put back by hand is not used', () => {
    const put = plan({ wanted: 5, claims: claimsOf(0, 1, 2, 4) });
    expect(put).toMatchObject({ replicas: 4, stuck: { reason: 'StaleVolume', message: expect.stringContaining('data-shop-4') } });
    expect(plan({ wanted: 5, claims: claimsOf(0, 1, 2, 3) })).toMatchObject({ replicas: 3, stuck: { reason: 'StaleVolume' } });
  });
  test('a volume of a member is used: somebody has lowered the StatefulSet by hand', () => {
    expect(plan({ current: 2, pods: new Set([0, 1]), reports: new Map([[0, report(0, [0, 1, 2])]]) })).toMatchObject({ replicas: 3, stuck: null });
  });
  test('a volume that is being deleted is waited for', () => {
    expect(plan({ wanted: 4, claims: new Map([...claimsOf(0, 1, 2), [3, { uid: 'x', deleting: true }]]) })).toMatchObject({ replicas: 3, stuck: { reason: 'VolumeGoes' }, busy: true });
  });
});
