import { describe as group, expect, test } from '@jest/globals';
import { decode } from './codec/codec.ts';
import { describe } from './describe.ts';
import { Dots, OLD } from './dots.ts';
import { OWN } from './info.ts';
import { Policies } from './policy/policy.ts';
import { defaultPolicy } from './policy/table.ts';
import { Quick } from './quick.ts';
import { change } from './testing/changes.ts';
import { corpus } from './testing/corpus.ts';
import { hostile, texts } from './testing/json-texts.ts';
import { draws, versions } from './testing/random.ts';

const SEED = Number(process.env['SEED'] ?? 20251128);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3_000);
const policies = new Policies(defaultPolicy);
const quick = new Quick(policies);
const thing = corpus().get('json example.test/v1 Thing')!;
/** It has members before `apiVersion`, so it takes the long way. */
const wide = corpus().get('json example.test/v1alpha1 Wide')!;

const before = new Dots(OLD, { lamport: 7, log: 3 }, new Map([['metadata/labels', { lamport: 9, log: 4 }], ['spec', { lamport: 8, log: 4 }], ['status/{rest}', { lamport: 6, log: 5 }]]));
const none = new Dots(OLD, OLD, new Map());
const listed = ({ created, usual, exceptions }: Dots): unknown[] => [created, usual, [...exceptions].sort(([a], [b]) => (a < b ? -1 : 1))];

/** @returns whether it was told without decoding; null: it need not be, for they are not two versions of one object */
function compared(from: Uint8Array, to: Uint8Array): boolean | null {
  const found = quick.describe(from, to, () => before);
  const [a, b] = [decode(from), decode(to)];
  const fail = (expected: unknown): never => {
    throw new Error(`seed ${SEED}: ${JSON.stringify(found && listed(found))} instead of ${JSON.stringify(expected)}, from ${Buffer.from(from).toString('base64')} to ${Buffer.from(to).toString('base64')}`);
  };
  if (a === null || b === null) {
    // What is broken in one of them is not the same in both, so it is seen.
    if ((a === null) !== (b === null) && found !== undefined) fail(null);
    return null;
  }
  const one = a.uid === b.uid && a.kind === b.kind && a.apiVersion === b.apiVersion;
  if (found === undefined) return one ? false : null;
  if (!one) fail('another object');
  const expected = listed(describe(a, before, b, policies.of(b), () => false));
  if (JSON.stringify(listed(found)) !== JSON.stringify(expected)) fail(expected);
  return true;
}

/** How many of those that could be told were. */
function told(pairs: Iterable<readonly [Uint8Array, Uint8Array]>): { readonly yes: number; readonly no: number } {
  const found = [...pairs].map(([from, to]) => compared(from, to));
  return { yes: found.filter((it) => it === true).length, no: found.filter((it) => it === false).length };
}

group('what has changed in JSON, found without decoding', () => {
  test('is what decoding and comparing finds, whatever was changed in real objects', () => {
    const { yes, no } = told(versions([thing], 200, draws(SEED)));
    expect(yes).toBeGreaterThan(100);
    // Those that have lost all their metadata, and had no uid before.
    expect(no).toBeLessThan(yes / 20);
  });

  test(`and in objects by chance (seed ${SEED})`, () => {
    const { yes, no } = told(texts(draws(SEED), ROUNDS));
    expect(yes).toBeGreaterThan(ROUNDS / 2);
    expect(no).toBeLessThan(yes / 20);
  });

  test(`hostile bytes are never taken for something else (seed ${SEED})`, () => {
    expect(told(hostile(draws(SEED), ROUNDS * 2)).yes).toBeGreaterThan(ROUNDS / 20);
  });

  test('an update as controllers make them has exactly its own paths', () => {
    const from = change(thing, { 'metadata/annotations/kept': 'text' });
    const found = quick.describe(from, change(from, { 'metadata/annotations/seen': 'now', 'metadata/generation': 7, 'status/phase': 'Done', 'status/conditions/[Ready]/status': 'False' }), () => none)!;
    expect([...found.exceptions]).toEqual([['metadata/annotations/seen', OWN], ['metadata/generation', OWN], ['status/conditions/[["Ready"]]', OWN], ['status/{rest}', OWN]]);
  });

  test('an object that begins otherwise takes the long way', () => {
    expect(quick.describe(wide, change(wide, { 'metadata/generation': 7 }), () => none)).toBeUndefined();
  });

  test('space before a value takes the long way: an object behind it was taken for a leaf', () => {
    const spaced = (text: Uint8Array): Uint8Array => Buffer.from(Buffer.from(text).toString().replace('"status":{', '"status": {'));
    const now = change(thing, { 'status/phase': 'Done' });
    expect(spaced(now).length).toBe(now.length + 1);
    expect(quick.describe(thing, spaced(now), () => none)).toBeUndefined();
    expect(quick.describe(spaced(thing), now, () => none)).toBeUndefined();
  });

  test('the same bytes change nothing', () => {
    expect(quick.describe(thing, thing, () => before)!.exceptions).toEqual(before.exceptions);
  });
});
