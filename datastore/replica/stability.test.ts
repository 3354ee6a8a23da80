import { describe, expect, test } from '@jest/globals';
import type { Report } from './frame.ts';
import { Retirements } from './retirements.ts';
import { Stability } from './stability.ts';
import type { Member } from './stability.ts';
import { logId } from './types.ts';
import type { LogId } from './types.ts';
import { covers } from './vector.ts';
import type { Held, Vector } from './vector.ts';

const [a, b, c, gone] = [logId(1, 1), logId(2, 1), logId(3, 1), logId(9, 1)];
const vector = (...entries: [LogId, number][]) => new Map<LogId, Held>(entries.map(([log, n]) => [log, { clock: n, lamport: n * 10 }]));
const report = (log: LogId, number: number, held: ReturnType<typeof vector>, config = 1, newest = 0): Report => ({ log, number, config, newest, held });
const members = [a, b, c].map((log, i) => ({ slot: i + 1, log }));

/** What the replica that asks has on disk. */
class Here {
  vector: Vector = vector([a, 5], [b, 5], [c, 5]);
  config = 1;
  newest = 0;
  readonly retired = new Retirements();
  readonly stability: Stability = new Stability({
    own: () => a,
    durable: () => this,
    covers: (held) => covers(this.vector, new Map([...held].filter(([log]) => !this.retired.has(log)))),
    retired: this.retired,
  });

  setMembers(of: readonly Member[] = members, config = 1): void {
    this.config = config;
    this.stability.setMembers(of, config);
  }
}

function make(config = 1): Here {
  const here = new Here();
  here.setMembers(members, config);
  return here;
}

describe('stable', () => {
  const stamp = { log: a, lamport: 40 };

  test('with a single member, everything durable', () => {
    const here = new Here();
    const { stability } = here;
    expect(stability.stable(stamp)).toBe(false);
    here.setMembers([{ slot: 1, log: a }], 0);
    expect(stability.stable(stamp)).toBe(true);
    expect(stability.stable({ log: a, lamport: 51 })).toBe(false);
  });

  test('once every member reports it', () => {
    const here = make();
    const { stability } = here;
    expect(stability.stable(stamp)).toBe(false);
    stability.report(report(b, 1, vector([a, 4])));
    expect(stability.stable(stamp)).toBe(false);
    stability.report(report(c, 1, vector([a, 3])));
    expect(stability.stable(stamp)).toBe(false);
    stability.report(report(c, 2, vector([a, 4])));
    expect(stability.stable(stamp)).toBe(true);
    expect(stability.stable({ log: a, lamport: 41 })).toBe(false);
    stability.report(report(c, 1, vector([a, 3])));
    expect(stability.stable(stamp)).toBe(true);
  });

  test('not while a member held something that is not here (schedule 6)', () => {
    const here = make();
    const { stability } = here;
    stability.report(report(b, 1, vector([a, 5], [gone, 1])));
    stability.report(report(c, 1, vector([a, 5])));
    expect(stability.stable(stamp)).toBe(false);
    here.vector = new Map([...here.vector, ...vector([gone, 1])]);
    stability.moved();
    expect(stability.stable(stamp)).toBe(true);
  });

  test('not while a member knows of a change of membership that is not known here (schedule 7)', () => {
    const here = make();
    const { stability } = here;
    stability.report(report(b, 1, vector([a, 5]), 2));
    stability.report(report(c, 1, vector([a, 5]), 1));
    expect(stability.stable(stamp)).toBe(false);
    here.setMembers(members, 2);
    expect(stability.stable(stamp)).toBe(false);
    stability.report(report(c, 1, vector([a, 5]), 2));
    expect(stability.stable(stamp)).toBe(true);
  });

  test('not while a member does not know of a change of membership: a removal (schedule 8)', () => {
    const here = make(3);
    const { stability } = here;
    stability.report(report(b, 1, vector([a, 5]), 2));
    stability.report(report(c, 1, vector([a, 5]), 3));
    expect(stability.stable(stamp)).toBe(false);
    stability.report(report(b, 1, vector([a, 5]), 3));
    expect(stability.stable(stamp)).toBe(true);
  });

  test('not while the log of a member is unknown, or this replica is none', () => {
    const here = make();
    const { stability } = here;
    here.setMembers([{ slot: 1, log: a }, { slot: 2, log: null }], 1);
    expect(stability.stable(stamp)).toBe(false);
    here.setMembers([{ slot: 2, log: b }], 1);
    stability.report(report(b, 1, vector([a, 5])));
    expect(stability.stable(stamp)).toBe(false);
  });

  test('what was written in a retired log, once every member knows that it is', () => {
    const here = make();
    const { stability } = here;
    here.retired.add(gone, { clock: 7, lamport: 70, at: 90 });
    here.newest = 90;
    const old = { log: gone, lamport: 70 };
    stability.report(report(b, 1, vector([a, 5]), 1, 90));
    stability.report(report(c, 1, vector([a, 5], [gone, 7]), 1, 0));
    expect([stability.stable(old), stability.stable(stamp)]).toEqual([false, true]);
    stability.report(report(c, 1, vector([a, 5]), 1, 90));
    expect(stability.stable(old)).toBe(true);
    // Somebody knows of one that is not known here.
    stability.report(report(b, 2, vector([a, 5]), 1, 95));
    expect([stability.stable(old), stability.stable(stamp)]).toEqual([false, false]);
  });
});
