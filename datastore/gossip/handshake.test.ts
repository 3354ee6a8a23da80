import { describe, expect, test } from '@jest/globals';
import { logId } from '../replica/types.ts';
import { closeReason, closeReasons } from './close-codes.ts';
import { commonVersion, judge, newerStays } from './handshake.ts';
import type { Hello } from './hello.ts';

const hello = (slot: number, change: Partial<Hello> = {}): Hello => ({
  versionMin: 1,
  versionMax: 1,
  clusterId: 'c',
  memberId: BigInt(slot),
  name: `m${slot}`,
  slot,
  log: logId(slot, 1),
  run: `run of m${slot}`,
  startedWallMs: 0,
  configNumber: 1,
  state: 'ready',
  proof: new Uint8Array(0),
  ...change,
});
const anyone = () => true;

describe('judge', () => {
  const mine = hello(0);
  const cases: readonly (readonly [string, Hello, unknown])[] = [
    ['a member', hello(1), null],
    ['another cluster', hello(1, { clusterId: 'd' }), closeReasons.wrongCluster],
    ['another secret', hello(1, { proof: Uint8Array.of(1) }), closeReasons.badProof],
    ['a newer protocol', hello(1, { versionMin: 2, versionMax: 3 }), closeReasons.version],
    ['a newer protocol that still speaks ours', hello(1, { versionMin: 1, versionMax: 3 }), null],
    ['our slot', hello(0, { name: 'm1', memberId: 1n, run: 'x', log: logId(0, 9) }), closeReasons.slotClash],
    ['our name', hello(1, { name: 'm0' }), closeReasons.slotClash],
    ['our member id', hello(1, { memberId: 0n }), closeReasons.slotClash],
    ['our log in another process', hello(0, { run: 'clone' }), closeReasons.duplicateIdentity],
    ['ourselves', mine, closeReasons.self],
    ['a log of another slot', hello(1, { log: logId(2, 1) }), closeReasons.malformed],
    ['the slot of a connected peer', hello(1, { slot: 2, log: logId(2, 9) }), closeReasons.slotClash],
    ['the log of a connected peer', hello(1, { slot: 2, log: logId(2, 1) }), closeReasons.duplicateIdentity],
    ['a connected peer again', hello(2, { run: 'restarted' }), null],
  ];
  test.each(cases)('%s', (_what, theirs, expected) => {
    expect(judge(mine, theirs, [hello(2)], anyone)).toBe(expected);
  });

  test('a stranger is not a member', () => {
    expect(judge(mine, hello(1), [], (name) => name !== 'm1')).toBe(closeReasons.notMember);
  });

  test('both sides refuse alike', () => {
    for (const [, theirs, expected] of cases.slice(0, 10)) expect(judge(theirs, mine, [], anyone)).toBe(expected);
  });
});

test('the highest common version', () => {
  expect(commonVersion(hello(0, { versionMax: 5 }), hello(1, { versionMin: 2, versionMax: 3 }))).toBe(3);
  expect(commonVersion(hello(0, { versionMin: 4, versionMax: 5 }), hello(1, { versionMin: 2, versionMax: 3 }))).toBeNull();
});

test('both ends of two links keep the same one, whichever they saw first', () => {
  for (const [a, b] of [
    [hello(0), hello(1)],
    [hello(1), hello(0)],
  ] as const) {
    // Link X was dialled by a, link Y by b. Who keeps which?
    const aKeeps = (first: 'X' | 'Y') => (newerStays(a, b, first === 'X', first === 'Y') ? (first === 'X' ? 'Y' : 'X') : first);
    const bKeeps = (first: 'X' | 'Y') => (newerStays(b, a, first === 'Y', first === 'X') ? (first === 'X' ? 'Y' : 'X') : first);
    expect(new Set([aKeeps('X'), aKeeps('Y'), bKeeps('X'), bKeeps('Y')]).size).toBe(1);
  }
});

test('close reasons have distinct codes of an application, and names that fit into a close frame', () => {
  const all = Object.values(closeReasons);
  expect(new Set(all.map((r) => r.code)).size).toBe(all.length);
  for (const r of all) {
    expect(r.code).toBeGreaterThanOrEqual(4000);
    expect(r.code).toBeLessThan(5000);
    expect(Buffer.byteLength(r.name)).toBeLessThanOrEqual(123);
    expect(closeReason(r.code)).toBe(r);
  }
  expect(closeReason(1006)).toBeNull();
});
