import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { bind, firstConfiguration, joining, removing, updating } from './configuration.ts';
import { Membership } from './membership.ts';

const member = (slot: number) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`] });

const lamports = new Map([[logId(1, 7), 10], [logId(1, 8), 20], [logId(1, 9), 30]]);

/** A member alone in its vote, which holds of slot 1 the log of that place and `extra`; its link leads to `connected`. */
function running(extra: LogId, connected: LogId | null): { readonly clock: SimClock; readonly membership: Membership } {
  const clock = new SimClock();
  let configuration = firstConfiguration([0, 1].map(member));
  for (const slot of [0, 1]) configuration = bind(configuration, slot, logId(slot, 7)) ?? configuration;
  configuration = { ...configuration, number: 1, members: configuration.members.map((m) => (m.slot === 1 ? { ...m, standing: 'added' as const } : m)) };
  const membership = new Membership({ clusterId: 'c1', id: 1n, configuration, vote: null }, {
    clock, random: new SimRandom(1), log: silent, token: '', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [logId(0, 7), logId(1, 7), extra], lamportOf: (log) => lamports.get(log) ?? 0, isRetired: () => false, isRetiredEverywhere: () => false,
  });
  membership.ready = true;
  membership.run({ send: () => {}, sendConfiguration: () => {}, connectedLog: (id) => (id === 2n ? connected : null) });
  return { clock, membership };
}

/** What a change of the configuration removes. */
async function removed(extra: LogId, connected: LogId | null, change = updating(1n, ['http://new:2380'])): Promise<readonly LogId[]> {
  const { clock, membership } = running(extra, connected);
  const made = await clock.wait(membership.propose(change), 60_000);
  membership.stop();
  return made.removed.map(({ log }) => log);
}

test('what a member that is away may be writing for the time being is not removed; it is once that one is there and writes something else', async () => {
  const forNow = logId(1, 8);
  expect(await removed(forNow, null)).toEqual([]);
  expect(await removed(forNow, forNow)).toEqual([]);
  // The link of a process that has died unnoticed.
  expect(await removed(forNow, logId(1, 7))).toEqual([]);
  expect(await removed(forNow, logId(1, 9))).toEqual([forNow]);
  expect(await removed(forNow, null, removing(2n))).toEqual([logId(1, 7), forNow]);
  // An empty disk takes the place: whatever the one before wrote is left behind.
  expect(await removed(forNow, null, joining({ ...member(1), incarnation: 10, earlier: [] }))).toEqual([logId(1, 7), forNow]);
});

test('a log that nobody writes any more and that comes to light later is removed though nothing else is changed, once', async () => {
  for (const [connected, left] of [[logId(1, 9), [logId(1, 8)]], [null, []], [logId(1, 8), []], [logId(1, 7), []]] as const) {
    const { clock, membership } = running(logId(1, 8), connected);
    await clock.run(120_000);
    membership.stop();
    const { number, removed: gone } = membership.configuration;
    expect([connected, gone.map(({ log }) => log), number]).toEqual([connected, left, 1 + left.length]);
  }
});

test('a member that has written nothing yet removes what was written in its place before it came', async () => {
  const before = logId(0, 8);
  for (const [doubtful, left] of [[false, [before]], [true, []]] as const) {
    const { clock, membership } = running(before, null);
    membership.doubtful = doubtful;
    await clock.run(120_000);
    membership.stop();
    expect([doubtful, membership.configuration.removed.map(({ log }) => log)]).toEqual([doubtful, left]);
  }
});
