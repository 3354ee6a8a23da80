import { describe, expect, test } from '@jest/globals';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

describe('SimClock', () => {
  test('runs what is due in order of time, then of asking', async () => {
    const clock = new SimClock();
    const seen: string[] = [];
    clock.after(10, () => seen.push('b'));
    clock.after(5, () => seen.push('a'));
    clock.after(10, () => {
      seen.push('c');
      clock.soon(() => seen.push('d'));
    });
    clock.after(11, () => seen.push('e'));
    clock.after(7, () => seen.push('never')).cancel();
    await clock.run(10);
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.monotonicMs()).toBe(10);
    await clock.run(10);
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(clock.monotonicMs()).toBe(20);
  });

  test('many timers stay in order', async () => {
    const clock = new SimClock();
    const random = new SimRandom(7);
    const seen: number[] = [];
    for (let i = 0; i < 2_000; i++) {
      const at = random.below(500);
      clock.after(at, () => seen.push(at));
    }
    await clock.run(500);
    expect(seen).toHaveLength(2_000);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test('promises settle between events', async () => {
    const clock = new SimClock();
    const seen: string[] = [];
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    clock.after(2, () => seen.push('timer'));
    const work = (async () => {
      await sleep(1);
      await Promise.resolve();
      seen.push('first');
      await sleep(1);
      seen.push('second');
    })();
    await clock.wait(work, 100);
    expect(seen).toEqual(['first', 'timer', 'second']);
    expect(clock.monotonicMs()).toBe(2);
  });

  test('until gives up in virtual time', async () => {
    const clock = new SimClock();
    const again = (): void => void clock.after(1, again);
    again();
    await expect(clock.until(() => false, 50)).rejects.toThrow('not done within 50 ms');
    expect(clock.monotonicMs()).toBe(50);
  });

  test('a halted machine fires nothing; its wall clock may be wrong', async () => {
    const clock = new SimClock(1_000);
    const machine = clock.machine(250);
    let fired = 0;
    machine.after(1, () => fired++);
    machine.after(5, () => fired++);
    expect(machine.wallMs()).toBe(1_250);
    await clock.run(2);
    machine.halt();
    await clock.run(10);
    expect(fired).toBe(1);
  });
});

describe('SimRandom', () => {
  test('one seed, one sequence; forks are independent', () => {
    const a = new SimRandom(42);
    const b = new SimRandom(42);
    expect([a.uint32(), a.uint32()]).toEqual([b.uint32(), b.uint32()]);
    expect(a.fork('x').uint32()).toBe(b.fork('x').uint32());
    expect(a.fork('x').uint32()).not.toBe(a.fork('y').uint32());
    const floats = Array.from({ length: 1_000 }, () => a.float());
    expect(Math.min(...floats)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...floats)).toBeLessThan(1);
    const mean = floats.reduce((x, y) => x + y) / floats.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
  });
});
