import { describe as group, expect, test } from '@jest/globals';
import { describe } from '../describe.ts';
import { Dots, OLD } from '../dots.ts';
import { Policies } from '../policy/policy.ts';
import { defaultPolicy } from '../policy/table.ts';
import { corpus, testdata } from '../testing/corpus.ts';
import { draws, versions } from '../testing/random.ts';
import { decode, isJson } from './codec.ts';
import { decodePair } from './pair.ts';

const SEED = 20251125;
const policies = new Policies(defaultPolicy);
/** One of every kind that Kubernetes stores as JSON, and some others with all fields set. */
const values = [...corpus().values(), ...testdata().flatMap(({ json }, i) => (i % 3 === 0 ? [json] : []))].filter(isJson);

const listed = (dots: Dots): unknown[] => [dots.created, dots.usual, [...dots.exceptions].sort(([a], [b]) => (a < b ? -1 : 1))];

group('two versions of an object', () => {
  test('what has changed is the same whether all of them is decoded or only what differs', () => {
    let compared = 0;
    let smaller = 0;
    for (const [before, after] of versions(values, 8, draws(SEED))) {
      const [a, b] = [decode(before), decode(after)];
      if (a === null || b === null) continue;
      const kind = policies.of(b);
      const pair = decodePair(before, after, (o) => policies.of(o).root)!;
      const dots = new Dots(OLD, { lamport: 7, log: 3 }, new Map([['metadata/labels', { lamport: 9, log: 4 }], ['spec', { lamport: 8, log: 4 }]]));
      expect(listed(describe(pair.before, dots, pair.after, kind, () => false))).toEqual(listed(describe(a, dots, b, kind, () => false)));
      expect(pair.after.uid === pair.before.uid).toBe(a.uid === b.uid);
      compared++;
      if (pair.after.tree.entries.size < b.tree.entries.size) smaller++;
    }
    expect(compared).toBeGreaterThan(1_000);
    expect(smaller).toBeGreaterThan(compared / 2);
  });

  test('what is no object, and objects of two kinds, are as two by themselves', () => {
    const rootOf = (o: Parameters<Policies['of']>[0]) => policies.of(o).root;
    expect(decodePair(values[0]!, Buffer.from('no object'), rootOf)).toBeNull();
    expect(decodePair(values[0]!, values[0]!.subarray(0, 30), rootOf)).toBeNull();
    const json = values.find((value) => value[0] === 0x7b)!;
    expect(decodePair(json, json.subarray(0, json.length - 5), rootOf)).toBeNull();
    expect(decodePair(json, Buffer.from('{"kind":"Pod"}'), rootOf)).toBeNull();
    const other = values.find((value) => decode(value)!.kind !== decode(values[0]!)!.kind)!;
    expect(decodePair(values[0]!, other, rootOf)).toEqual({ before: decode(values[0]!), after: decode(other) });
  });
});
