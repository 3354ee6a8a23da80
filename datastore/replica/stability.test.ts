import { describe, expect, test } from '@jest/globals';
import type { Report } from './frame.ts';
import { Stability } from './stability.ts';
import { logId } from './types.ts';
import type { LogId } from './types.ts';
import type { Held } from './vector.ts';

const [a, b, c, gone] = [logId(1, 1), logId(2, 1), logId(3, 1), logId(9, 1)];
const vector = (...entries: [LogId, number][]) => new Map<LogId, Held>(entries.map(([log, n]) => [log, { clock: n, lamport: n * 10 }]));
const report = (log: LogId, number: number, held: ReturnType<typeof vector>, config = 1): Report => ({ log, number, config, held });
const members = [a, b, c].map((log, i) => ({ slot: i + 1, log }));

function make(config = 1, removal = 0): Stability {
  const stability = new Stability();
  stability.setMembers(members, config, removal);
  return stability;
}

describe('stable', () => {
  const durable = vector([a, 5], [b, 5], [c, 5]);
  const stamp = { log: a, lamport: 40 };

  test('with a single member, everything durable', () => {
    const stability = new Stability();
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.setMembers([{ slot: 1, log: a }], 0, 0);
    expect(stability.stable(stamp, a, durable)).toBe(true);
    expect(stability.stable({ log: a, lamport: 51 }, a, durable)).toBe(false);
  });

  test('once every member reports it', () => {
    const stability = make();
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.report(report(b, 1, vector([a, 4])));
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.report(report(c, 1, vector([a, 3])));
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.report(report(c, 2, vector([a, 4])));
    expect(stability.stable(stamp, a, durable)).toBe(true);
    expect(stability.stable({ log: a, lamport: 41 }, a, durable)).toBe(false);
    stability.report(report(c, 1, vector([a, 3])));
    expect(stability.stable(stamp, a, durable)).toBe(true);
  });

  test('not while a member held something that is not here (schedule 6)', () => {
    const stability = make();
    stability.report(report(b, 1, vector([a, 5], [gone, 1])));
    stability.report(report(c, 1, vector([a, 5])));
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.moved();
    expect(stability.stable(stamp, a, new Map([...durable, ...vector([gone, 1])]))).toBe(true);
  });

  test('not while a member knows of a change of membership that is not known here (schedule 7)', () => {
    const stability = make(1);
    stability.report(report(b, 1, vector([a, 5]), 2));
    stability.report(report(c, 1, vector([a, 5]), 1));
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.setMembers(members, 2, 0);
    expect(stability.stable(stamp, a, durable)).toBe(true);
  });

  test('not while a member does not know of a removal whose log is not retired (schedule 8)', () => {
    const stability = make(3, 3);
    stability.report(report(b, 1, vector([a, 5]), 2));
    stability.report(report(c, 1, vector([a, 5]), 3));
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.report(report(b, 1, vector([a, 5]), 3));
    expect(stability.stable(stamp, a, durable)).toBe(true);
  });

  test('not while the log of a member is unknown, or this replica is none', () => {
    const stability = make();
    stability.setMembers([{ slot: 1, log: a }, { slot: 2, log: null }], 1, 0);
    expect(stability.stable(stamp, a, durable)).toBe(false);
    stability.setMembers([{ slot: 2, log: b }], 1, 0);
    stability.report(report(b, 1, vector([a, 5])));
    expect(stability.stable(stamp, a, durable)).toBe(false);
  });
});
