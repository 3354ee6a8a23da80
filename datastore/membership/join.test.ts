import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { decodeJoined, encodeConfiguration, encodeJoin } from './codec.ts';
import { bind, evicting, firstConfiguration, joining } from './configuration.ts';
import { Membership } from './membership.ts';

const member = (slot: number) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`] });
const request = (incarnation: number) => ({ ...member(1), token: 'secret', clusterId: '', incarnation, earlier: [] });

test('a joiner whose place was taken from it before it heard of it is told to ask with a new incarnation', async () => {
  const clock = new SimClock();
  let configuration = firstConfiguration([0, 1].map(member));
  for (const slot of [0, 1]) configuration = bind(configuration, slot, logId(slot, 7)) ?? configuration;
  configuration = joining(request(8))(configuration)!;
  configuration = evicting(2n)(configuration)!;
  const retired = new Set<number>();
  const membership = new Membership({ clusterId: 'c1', id: 1n, configuration, vote: null }, {
    clock, random: new SimRandom(1), log: silent, token: 'secret', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [], lamportOf: () => 0, isRetired: (log) => retired.has(log), isRetiredEverywhere: () => false,
  });
  membership.ready = true;
  const ask = async (incarnation: number): Promise<string> => decodeJoined(await clock.wait(membership.join(encodeJoin(request(incarnation))), 60_000)).result;
  expect(await ask(8)).toBe('spent');
  retired.add(logId(1, 9));
  expect(await ask(9)).toBe('spent');
  expect(await ask(10)).toBe('joined');
});

test('a disk that was away while it was evicted gets no place, even for a new log, before it has been set aside; one that has its place does', async () => {
  const clock = new SimClock();
  let configuration = firstConfiguration([0, 1].map(member));
  for (const slot of [0, 1]) configuration = bind(configuration, slot, logId(slot, 7)) ?? configuration;
  configuration = { ...configuration, number: 1 };
  const ask = async (from: typeof configuration): Promise<string> => {
    const membership = new Membership({ clusterId: 'c1', id: 1n, configuration: from, vote: null }, {
      clock, random: new SimRandom(1), log: silent, token: 'secret', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [], lamportOf: () => 0, isRetired: () => false, isRetiredEverywhere: () => false,
    });
    membership.ready = true;
    const answer = decodeJoined(await clock.wait(membership.join(encodeJoin({ ...request(8), earlier: [logId(1, 7)] })), 60_000));
    return answer.result;
  };
  expect(await ask(evicting(2n)(configuration)!)).toBe('spent');
  // It is let in to the vote, which the other member of two is not there to give.
  expect(await ask(configuration)).toBe('retry');
});

test('a founder whose log was not known when another was given a place: it says itself which it is', async () => {
  const clock = new SimClock();
  const configuration = { ...firstConfiguration([member(0)]), number: 1 };
  const membership = new Membership({ clusterId: 'c1', id: 1n, configuration, vote: null }, {
    clock, random: new SimRandom(1), log: silent, token: 'secret', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [], lamportOf: () => 0, isRetired: () => false, isRetiredEverywhere: () => false,
  });
  membership.run({ send: () => {}, sendConfiguration: () => {}, connectedLog: () => null });
  await clock.run(5_000);
  expect(membership.place?.log).toBeNull();
  membership.ready = true;
  await clock.run(5_000);
  expect(membership.place?.log).toBe(logId(0, 7));
  expect(membership.number).toBe(2);
  membership.stop();
});

test('a log that is retired between the question and the vote gets no place: nobody would take anything of it', async () => {
  const clock = new SimClock();
  let configuration = firstConfiguration([member(0)]);
  configuration = bind(configuration, 0, logId(0, 7)) ?? configuration;
  configuration = { ...configuration, number: 1 };
  const retired = new Set<number>();
  const membership = new Membership({ clusterId: 'c1', id: 1n, configuration, vote: null }, {
    clock, random: new SimRandom(1), log: silent, token: 'secret', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [], lamportOf: () => 0, isRetired: (log) => retired.has(log), isRetiredEverywhere: () => false,
  });
  membership.ready = true;
  const answer = membership.join(encodeJoin(request(8)));
  retired.add(logId(1, 8));
  expect(decodeJoined(await clock.wait(answer, 60_000)).result).toBe('retry');
  expect(decodeJoined(await clock.wait(membership.join(encodeJoin(request(8))), 60_000)).result).toBe('spent');
});

test('a disk that is evicted between the question and the vote gets no place for a new log: the others have forgotten what it cannot know', async () => {
  const clock = new SimClock();
  let configuration = firstConfiguration([0, 1].map(member));
  for (const slot of [0, 1]) configuration = bind(configuration, slot, logId(slot, 7)) ?? configuration;
  configuration = { ...configuration, number: 1 };
  const membership = new Membership({ clusterId: 'c1', id: 1n, configuration, vote: null }, {
    clock, random: new SimRandom(1), log: silent, token: 'secret', note: () => Promise.resolve(), ownLog: () => logId(0, 7), heldLogs: () => [], lamportOf: () => 0, isRetired: () => false, isRetiredEverywhere: () => false,
  });
  membership.ready = true;
  const ask = { ...request(8), earlier: [logId(1, 7)] };
  // Two voters, one of whom is not there: the vote goes on until the other has been evicted elsewhere.
  const answer = membership.join(encodeJoin(ask));
  await clock.run(500);
  membership.learn(encodeConfiguration(evicting(2n)(configuration)!));
  expect(decodeJoined(await clock.wait(answer, 60_000)).result).toBe('retry');
  expect(membership.configuration.members.find((m) => m.slot === 1)?.standing).toBe('evicted');
  expect(decodeJoined(await clock.wait(membership.join(encodeJoin(ask)), 60_000)).result).toBe('spent');
  // Set aside, it comes with nothing.
  expect(decodeJoined(await clock.wait(membership.join(encodeJoin(request(9))), 60_000)).result).toBe('joined');
});
