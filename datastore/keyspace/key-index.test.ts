import { expect, test } from '@jest/globals';
import { KeyIndex, recount } from './key-index.ts';
import type { Indexed, Leaf } from './key-index.ts';
import { random } from './testing/records.ts';

class Item implements Indexed {
  readonly key: string;
  counts: boolean;
  leaf: Leaf<Indexed> | null = null;

  constructor(key: string, counts: boolean) {
    this.key = key;
    this.counts = counts;
  }
}

const seed = Number(process.env['SEED'] ?? 20_261_128);

/** The same done with a sorted list. */
class Model {
  readonly items: Item[] = [];

  add(item: Item): void {
    const at = this.items.findIndex(({ key }) => key > item.key);
    this.items.splice(at < 0 ? this.items.length : at, 0, item);
  }

  delete(item: Item): void {
    this.items.splice(this.items.indexOf(item), 1);
  }

  range(start: string, end: string | undefined): Item[] {
    return this.items.filter(({ key }) => key >= start && (end === undefined || key < end));
  }
}

const keysOf = (items: Iterable<Item>): string[] => Array.from(items, ({ key }) => key);

for (const [name, growth] of [['keys that come and go', 70], ['more that go than come', 40]] as const) {
  test(`it finds, walks and counts as a list does: ${name} (seed ${seed})`, () => {
    const below = random(seed);
    const index = new KeyIndex<Item>();
    const model = new Model();
    const keyOf = (): string => below(20_000).toString(36).padStart(3, '0');
    // In order first: that is how many keys come.
    for (let i = 0; i < 3_000; i++) {
      const item = new Item((i * 6).toString(36).padStart(3, '0'), below(2) === 0);
      index.add(item);
      model.items.push(item);
    }
    for (let step = 0; step < 2_000; step++) {
      const key = keyOf();
      const what = below(100);
      if (what < 10 && model.items.length > 0) {
        const item = model.items[below(model.items.length)]!;
        item.counts = !item.counts;
        recount(item.leaf, item.counts ? 1 : -1);
      } else if (what < growth) {
        if (index.get(key) === undefined) {
          const item = new Item(key, below(2) === 0);
          index.add(item);
          model.add(item);
        }
      } else if (model.items.length > 0) {
        // Neighbours go together, so that nodes become empty.
        const at = below(model.items.length);
        for (const item of model.items.slice(at, at + 1 + below(4))) {
          index.delete(item);
          model.delete(item);
        }
      }
      if (step % 50 !== 0) continue;
      expect(keysOf(index.values())).toEqual(keysOf(model.items));
      expect(index.size).toBe(model.items.length);
      for (let i = 0; i < 10; i++) {
        const start = keyOf();
        const end = below(4) === 0 ? undefined : keyOf();
        const expected = model.range(start, end);
        const found: Item[] = [];
        index.walk(start, end, (item) => void found.push(item));
        expect(keysOf(found)).toEqual(keysOf(expected));
        expect(index.count(start, end)).toBe(expected.filter(({ counts }) => counts).length);
        expect(index.get(start)?.key).toBe(model.items.find(({ key }) => key === start)?.key);
      }
    }
    // Down to nothing, and again.
    for (const item of [...model.items].reverse()) index.delete(item);
    expect([index.size, index.count('', undefined), [...index.values()].length]).toEqual([0, 0, 0]);
    index.add(new Item('a', true));
    expect(index.count('', undefined)).toBe(1);
  });
}

test('a walk ends when it is told to', () => {
  const index = new KeyIndex<Item>();
  for (let i = 0; i < 1_000; i++) index.add(new Item(String(i).padStart(4, '0'), true));
  const found: string[] = [];
  index.walk('0100', undefined, ({ key }) => found.push(key) === 100);
  expect([found.length, found[0], found.at(-1)]).toEqual([100, '0100', '0199']);
});
