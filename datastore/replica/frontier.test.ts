import { expect, test } from '@jest/globals';
import { ManualClock } from '../testing/manual-clock.ts';
import { Frontier } from './frontier.ts';

test('the age of the oldest own write that is not stable', () => {
  const clock = new ManualClock();
  const port = { log: 7, lamport: 0, frontier: 0, stable: ({ lamport }: { lamport: number }) => lamport <= port.frontier };
  const frontier = new Frontier(clock, port);
  frontier.run();
  expect(frontier.ageMs).toBe(0);
  port.lamport = 5;
  clock.advance(1_000);
  expect(frontier.ageMs).toBe(0);
  clock.advance(60_000);
  expect(frontier.ageMs).toBe(60_000);
  port.lamport = 9;
  clock.advance(10_000);
  // The first is stable now; the second has been waiting for 9 to 10 s.
  port.frontier = 5;
  expect(frontier.ageMs).toBeLessThanOrEqual(10_000);
  expect(frontier.ageMs).toBeGreaterThanOrEqual(9_000);
  port.frontier = 9;
  expect(frontier.ageMs).toBe(0);
  frontier.stop();
});

test('an absence of a month costs little, and is not understated', () => {
  const clock = new ManualClock();
  const port = { log: 7, lamport: 0, stable: () => false };
  const frontier = new Frontier(clock, port);
  frontier.run();
  for (let i = 1; i <= 100_000; i++) {
    port.lamport = i;
    clock.advance(1_000);
  }
  expect(frontier.ageMs).toBe(99_999_000);
  frontier.stop();
});
