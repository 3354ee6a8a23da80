import { expect, test } from '@jest/globals';
import { SimClock } from '../../datastore/testing/sim-clock.ts';
import { RETRY_MAX_MS, WorkQueue } from './queue.ts';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function make(): { clock: SimClock; queue: WorkQueue; taken: (string | null)[]; next: () => Promise<void> } {
  const clock = new SimClock();
  const queue = new WorkQueue(clock);
  const taken: (string | null)[] = [];
  return { clock, queue, taken, next: async () => { void queue.take().then((key) => taken.push(key)); await soon(); } };
}

test('a key that waits is there once', async () => {
  const { queue, taken, next } = make();
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  expect(queue.length).toBe(2);
  await next();
  await next();
  expect(taken).toEqual(['a', 'b']);
});

test('a key added while it is worked on comes back afterwards, and never to two at a time', async () => {
  const { queue, taken, next } = make();
  queue.add('a');
  await next();
  queue.add('a');
  queue.add('a');
  await next();
  expect(taken).toEqual(['a']);
  queue.done('a');
  await soon();
  expect(taken).toEqual(['a', 'a']);
  queue.done('a');
  expect(queue.length).toBe(0);
});

test('retries double, up to a limit; a success begins anew', () => {
  const { queue } = make();
  expect([1, 2, 3, 4].map(() => queue.retry('a'))).toEqual([5, 10, 20, 40]);
  for (let i = 0; i < 40; i++) queue.retry('a');
  expect(queue.retry('a')).toBe(RETRY_MAX_MS);
  queue.forget('a');
  expect(queue.retry('a')).toBe(5);
});

test('of several times the earliest counts', async () => {
  const { clock, queue, taken, next } = make();
  queue.addAfter('a', 1_000);
  queue.addAfter('a', 100);
  queue.addAfter('a', 500);
  await next();
  await clock.run(50);
  await soon();
  expect(taken).toEqual([]);
  await clock.run(100);
  await soon();
  expect(taken).toEqual(['a']);
  queue.done('a');
  await clock.run(2_000);
  expect(queue.length).toBe(0);
});

test('draining: takers go home, what is under way is waited for, nothing comes in', async () => {
  const { queue, taken, next } = make();
  queue.add('a');
  await next();
  queue.add('b');
  await next();
  await next();
  let over = false;
  void queue.drain().then(() => (over = true));
  queue.add('c');
  await soon();
  expect(taken).toEqual(['a', 'b', null]);
  queue.done('a');
  await soon();
  expect(over).toBe(false);
  queue.done('b');
  await soon();
  expect(over).toBe(true);
});
