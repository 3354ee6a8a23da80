import { expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Backoff } from './backoff.ts';

test('bounds double up to the longest, with full jitter', () => {
  const draw = { float: () => 0.999999, uint32: () => 0, bytes: (n: number) => new Uint8Array(n) };
  const backoff = new Backoff(draw);
  const bounds = Array.from({ length: 10 }, () => Math.round(backoff.next()));
  expect(bounds.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(bounds[9]).toBe(limits.dial_backoff_max_ms);
  backoff.reset();
  expect(Math.round(backoff.next())).toBe(100);

  const jittered = new Backoff(new SimRandom(1));
  const waits = Array.from({ length: 200 }, () => jittered.next());
  expect(Math.min(...waits)).toBeLessThan(limits.dial_backoff_max_ms / 10);
  expect(Math.max(...waits)).toBeGreaterThan(limits.dial_backoff_max_ms * 0.9);
});

test('slowly is slow at once', () => {
  const backoff = new Backoff(new SimRandom(2));
  for (let i = 0; i < 50; i++) expect(backoff.next(true)).toBeGreaterThanOrEqual(limits.dial_backoff_max_ms / 2);
});
