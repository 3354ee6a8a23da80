import { expect, test } from '@jest/globals';
import { limits } from './limits.ts';
import { SimClock } from './testing/sim-clock.ts';
import { WriteAcks } from './write-acks.ts';

test('a write waits for as many disks as were asked for, each for its own clock', async () => {
  const clock = new SimClock();
  const acks = new WriteAcks(clock, 3);
  const held = new Map([['b', 0], ['c', 0]]);
  acks.holders = (at) => [...held.values()].filter((have) => have >= at).length;
  const done: number[] = [];
  for (const at of [1, 2, 3]) void acks.wait(at).then(() => done.push(at));
  held.set('b', 3);
  acks.reported();
  await clock.run(10);
  expect(done).toEqual([]);
  held.set('c', 2);
  acks.reported();
  await clock.run(10);
  expect(done).toEqual([1, 2]);
});

test('too few in time: the client is told, later ones may still be in time', async () => {
  const clock = new SimClock();
  const acks = new WriteAcks(clock, 2);
  let held = 0;
  acks.holders = (at) => (held >= at ? 1 : 0);
  const seen: string[] = [];
  const wait = (at: number): void => void acks.wait(at).then(() => seen.push(`${at}`), (error: Error) => seen.push(`${at} ${error.message}`));
  wait(1);
  await clock.run(limits.write_acks_ms - 1_000);
  wait(2);
  await clock.run(1_500);
  expect(seen).toEqual(['1 etcdserver: request timed out']);
  held = 2;
  acks.reported();
  await clock.run(10);
  expect(seen[1]).toBe('2');
  wait(3);
  acks.stop();
  await clock.run(1);
  expect(seen[2]).toBe('3 etcdserver: request timed out');
});

test('one disk is enough: nothing waits', async () => {
  await new WriteAcks(new SimClock(), 1).wait(99);
});
