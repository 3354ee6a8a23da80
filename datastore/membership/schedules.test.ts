/**
 * Schedules that broke earlier designs and have to do with members: what may be forgotten while somebody joins or leaves. Others stand where the
 * whole replica is needed: two halves that evict each other, a removed member that initiates (agreement.test.ts); evicted, restored and cloned disks,
 * restarts while the peers are away, what only one disk had (cluster.test.ts).
 */
import { expect, test } from '@jest/globals';
import { Retirements } from '../replica/retirements.ts';
import { Stability } from '../replica/stability.ts';
import { logId, slotOf } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import { adding, bind, firstConfiguration, joining, removing, settle } from './configuration.ts';
import type { Configuration } from './configuration.ts';

const [A, B, X] = [logId(0, 1), logId(1, 1), logId(2, 1)];
const start = settle([A, B, X].reduce<Configuration>((from, log) => bind(from, slotOf(log), log) ?? from,
  firstConfiguration(['a', 'b', 'x'].map((name, slot) => ({ id: BigInt(slot + 1), name, slot, peerURLs: [`http://${name}:1`] })))))!;
const held = (clock: number): Map<LogId, { clock: number; lamport: number }> => new Map([A, B, X].map((log) => [log, { clock, lamport: clock }]));
/** A deletion of A's that everyone who reports holds. */
const deletion = { log: A, lamport: 5 };

/** A's view of what is stable, told of a configuration as the store tells it. */
function at(configuration: Configuration, reports: readonly { readonly log: LogId; readonly config: number }[]): boolean {
  const own = { vector: held(9), config: configuration.number, newest: 0 };
  const stability = new Stability({ own: () => A, durable: () => own, covers: () => true, retired: new Retirements() });
  const { members, number } = configuration;
  stability.setMembers(members.filter((m) => m.standing !== 'evicted').map(({ slot, log }) => ({ slot, log })), number);
  for (const { log, config } of reports) stability.report({ log, config, number: 9, newest: 0, held: held(9) });
  return stability.stable(deletion);
}

test('all members report: it may be forgotten', () => {
  expect(at(start, [{ log: B, config: 1 }, { log: X, config: 1 }])).toBe(true);
});

test('schedule 7: a joiner is recorded before its snapshot is made, and from then on nothing is forgotten without it', () => {
  const added = adding({ id: 9n, name: '', slot: null, peerURLs: ['http://j:1'] })(start)!;
  const reports = [{ log: B, config: added.number }, { log: X, config: added.number }];
  expect(at(added, reports)).toBe(false);
  const joined = joining({ id: 9n, name: 'j', slot: null, incarnation: 4, peerURLs: ['http://j:1'], earlier: [] })(added)!;
  expect(at(joined, reports)).toBe(false);
  // And everybody knows that it has come.
  const all = [B, X, logId(3, 4)].map((log) => ({ log, config: joined.number }));
  expect(at(joined, all.slice(0, 2))).toBe(false);
  expect(at(joined, all)).toBe(true);
  // And whoever does not know of it yet, while others do, forgets nothing either.
  expect(at(start, reports)).toBe(false);
});

test('schedule 8: a member that does not know of a removal may still take in what the removed one writes', () => {
  const removed = removing(3n)(start)!;
  expect(removed.removed).toEqual([{ log: X, number: 2 }]);
  expect(at(removed, [{ log: B, config: 1 }])).toBe(false);
  expect(at(removed, [{ log: B, config: 2 }])).toBe(true);
});

test('schedule 12: a log that was removed never becomes a member\'s again', () => {
  const removed = removing(3n)(start)!;
  expect(() => joining({ id: 3n, name: 'x', slot: 2, incarnation: 1, peerURLs: ['http://x:1'], earlier: [] })(removed)).toThrow('was removed');
});
