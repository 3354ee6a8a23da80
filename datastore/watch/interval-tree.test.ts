import { expect, test } from '@jest/globals';
import { SimRandom } from '../testing/sim-random.ts';
import { IntervalTree } from './interval-tree.ts';
import type { Interval } from './interval-tree.ts';

const key = (random: SimRandom): string => String.fromCharCode(97 + random.below(20), 97 + random.below(20));

test.each([1, 2, 3, 4, 5])('finds what a plain list finds (seed %i)', (seed) => {
  const random = new SimRandom(seed);
  const tree = new IntervalTree<Interval>();
  let list: Interval[] = [];
  for (let step = 0; step < 800; step++) {
    const item = { start: key(random), end: random.chance(0.1) ? null : key(random) };
    if (random.chance(0.6)) {
      if (tree.get(item.start, item.end) !== undefined) {
        expect(() => tree.add(item)).toThrow();
        continue;
      }
      tree.add(item);
      list.push(item);
    } else if (list.length > 0) {
      const victim = random.pick(list);
      tree.delete(victim);
      list = list.filter((one) => one !== victim);
    }
    const probe = key(random);
    const found: Interval[] = [];
    tree.stab(probe, (one) => found.push(one));
    expect(new Set(found)).toEqual(new Set(list.filter((one) => one.start <= probe && (one.end === null || probe < one.end))));
    expect(found).toHaveLength(new Set(found).size);
    expect(tree.size).toBe(list.length);
  }
});

test('the cost of a key follows what contains it, not what is there', () => {
  const tree = new IntervalTree<Interval>();
  let looks = 0;
  for (let i = 0; i < 20_000; i++) {
    const start = `/${String(i).padStart(6, '0')}/`;
    tree.add({ get start() { looks++; return start; }, end: `${start}~` });
  }
  looks = 0;
  let found = 0;
  for (let i = 0; i < 100; i++) tree.stab(`/${String(i * 199).padStart(6, '0')}/x`, () => found++);
  expect(found).toBe(100);
  expect(looks / 100).toBeLessThan(100);
});
