import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { bind, firstConfiguration } from './configuration.ts';
import { Membership } from './membership.ts';

const member = (slot: number) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`] });

/** Three members with the same configuration; `up` says which of them have links with each other. */
function three(up: Set<number>): { readonly clock: SimClock; readonly members: readonly Membership[] } {
  const clock = new SimClock();
  let configuration = firstConfiguration([0, 1, 2].map(member));
  for (const slot of [0, 1, 2]) configuration = bind(configuration, slot, logId(slot, 7)) ?? configuration;
  configuration = { ...configuration, number: 1 };
  const members = [0, 1, 2].map((slot) => {
    const log = logId(slot, 7);
    return new Membership({ clusterId: 'c1', id: BigInt(slot + 1), configuration, vote: null }, {
      clock, random: new SimRandom(slot + 1), log: silent, token: '', note: () => Promise.resolve(), ownLog: () => log, heldLogs: () => [log], lamportOf: () => 0, isRetired: () => false, isRetiredEverywhere: () => false,
    });
  });
  for (const [slot, membership] of members.entries()) {
    const reach = (id: bigint): Membership | undefined => (up.has(slot) && up.has(Number(id) - 1) ? members[Number(id) - 1] : undefined);
    membership.ready = true;
    membership.run({
      send: (id, message) => void clock.after(5, () => reach(id)?.received(membership.self, message)),
      sendConfiguration: (id, bytes) => void clock.after(5, () => reach(id)?.learn(bytes)),
      connectedLog: (id) => (reach(id) === undefined ? null : logId(Number(id) - 1, 7)),
    });
  }
  return { clock, members };
}

const evicted = (membership: Membership): number[] => membership.configuration.members.filter((m) => m.standing === 'evicted').map((m) => m.slot);

test('a member that is away is evicted by the others', async () => {
  const { clock, members } = three(new Set([0, 2]));
  await clock.wait(members[0]!.evictAway(2n), 60_000);
  expect(evicted(members[0]!)).toEqual([1]);
  for (const m of members) m.stop();
});

test('a member that comes back while its eviction waits for votes keeps its place, though its own vote would make the majority: the third may have lost its disk', async () => {
  const up = new Set([0]);
  const { clock, members } = three(up);
  const asked = members[0]!.evictAway(2n);
  await clock.run(500);
  up.add(1);
  const made = await clock.wait(asked, 60_000);
  expect(made.number).toBe(1);
  await clock.run(5_000);
  expect(evicted(members[0]!)).toEqual([]);
  expect(evicted(members[1]!)).toEqual([]);
  for (const m of members) m.stop();
});
