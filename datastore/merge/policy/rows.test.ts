/** The table of policies, row by row, on objects as a real apiserver stores them, in both formats. docs/merging.md names these tests. */
import { describe, expect, test } from '@jest/globals';
import { logId } from '../../stamp.ts';
import { encode } from '../codec/codec.ts';
import { defaultMerging, Merger } from '../merger.ts';
import { change, look, merge, sample, write } from '../testing/changes.ts';
import type { Changes, Format } from '../testing/changes.ts';
import { examples } from '../testing/examples.ts';
import { decoded } from '../testing/objects.ts';
import { defaultPolicy } from './table.ts';
import type { KindPolicy, Policy } from './types.ts';

const merger = new Merger();
const [A, B] = [logId(0, 1), logId(1, 2)];
const formats: readonly Format[] = ['json', 'protobuf'];
const custom = ['example.test/Thing', 'example.test/Wide'];

/** Jest by itself compares byte by byte, slowly. */
const expectSame = (a: Uint8Array | null, b: Uint8Array | null): void => expect(a === null || b === null ? a === b : Buffer.compare(a, b) === 0).toBe(true);

/** Both sides change what both had. */
function sides(base: Uint8Array, here: Changes | null, there: Changes | null, by = merger) {
  const first = write(by, { log: A, lamport: 1 }, [], base);
  const on = (changes: Changes | null): Uint8Array | null => (changes === null ? null : change(base, changes));
  const heads = [write(by, { log: A, lamport: 2 }, [first], on(here)), write(by, { log: B, lamport: 3 }, [first], on(there))] as const;
  const result = merge(by, heads);
  // Whoever computes it, in whatever order they came.
  expectSame(merge(by, [...heads].reverse()).value, result.value);
  return { result, heads };
}
const rules = (decisions: readonly { readonly rule: string }[]): string[] => [...new Set(decisions.map(({ rule }) => rule))].sort();

const cases = examples.flatMap((example) => example.kinds.flatMap((kind) => (kind === 'custom' ? custom : [kind]).flatMap((name) => formats.flatMap((format) => {
  const value = sample(name, format);
  return value === undefined ? [] : [{ ...example, name, format, value }];
}))));

/** In protobuf apiserver writes what is empty, too. */
function expectAt(value: Uint8Array, format: Format, path: string, content: unknown): void {
  const found = look(value, path);
  if (format === 'json') expect({ path, found }).toEqual({ path, found: content });
  else if (content === undefined) expect([undefined, '', 0, false]).toContain(found);
  else expect({ path, found }).toMatchObject({ path, found: content });
}

test.each(cases)('$row: $name ($format): $what', ({ base = {}, here, there, shows, rules: wanted = [], value, format }) => {
  const { result } = sides(change(value, base), here, there);
  expect(rules(result.decisions).filter((rule) => rule !== 'whole' || shows !== null)).toEqual([...wanted].sort());
  if (shows === null) expect(result.value).toBeNull();
  else for (const [path, content] of Object.entries(shows)) expectAt(result.value!, format, path, content);
  if (result.value !== null) expectSame(encode(decoded(result.value)), result.value);
});

const whole = defaultPolicy.kinds.filter(({ merge: how, kinds }) => how === 'whole' && !kinds.includes('builtin'));
const wholeKinds = whole.flatMap(({ kinds, light = false }) => kinds.map((kind) => ({ kind, light })));
const builtinKinds = ['LimitRange', 'PodTemplate', 'resource.k8s.io/ResourceClaim', 'scheduling.k8s.io/Workload'].map((kind) => ({ kind, light: false }));

describe.each([...wholeKinds, ...builtinKinds])('kinds that merge whole: $kind', ({ kind, light }) => {
  const found = formats.flatMap((format) => sample(kind, format) ?? []);

  test('the later side, with all that it has', () => {
    expect(found.length).toBeGreaterThan(0);
    for (const value of found) {
      const { result, heads } = sides(value, { 'metadata/labels/here': 'x' }, { 'metadata/labels/there': 'x' });
      expectSame(result.value, heads[1].value);
      expect(rules(result.decisions)).toEqual(['whole']);
    }
  });

  test('a deletion wins, but not over a finalizer that it had not seen', () => {
    for (const value of found) {
      expect(sides(value, null, { 'metadata/labels/there': 'x' }).result).toMatchObject({ value: null, decisions: [{ rule: 'delete' }] });
      const { result } = sides(value, { 'metadata/finalizers': ['example.test/f'] }, null);
      if (light) {
        expect(result).toMatchObject({ value: null, decisions: [{ rule: 'delete' }] });
        continue;
      }
      expect(rules(result.decisions)).toEqual(['finalizer']);
      expect(look(result.value!, 'metadata/finalizers')).toEqual(['example.test/f']);
      expect(look(result.value!, 'metadata/deletionTimestamp')).toBe(look(value, 'metadata/creationTimestamp') ?? '1970-01-01T00:00:00Z');
    }
  });

  test('finalizers of both sides, and once told to end it ends', () => {
    for (const value of light ? [] : found) {
      const based = change(value, { 'metadata/finalizers': ['example.test/old', 'example.test/kept'] });
      const { result } = sides(based, {
        'metadata/finalizers': ['example.test/kept', 'example.test/here'], 'metadata/deletionTimestamp': '2026-01-02T00:00:01Z', 'metadata/deletionGracePeriodSeconds': 0,
      }, { 'metadata/finalizers/[+]': 'example.test/there', 'metadata/labels/there': 'x' });
      expect(look(result.value!, 'metadata/finalizers')).toEqual(['example.test/kept', 'example.test/there', 'example.test/here']);
      expect(look(result.value!, 'metadata/deletionTimestamp')).toBe('2026-01-02T00:00:01Z');
      expect(look(result.value!, 'metadata/labels/there')).toBe('x');
    }
  });

  test('of two objects of one name that of the lowest slot, whatever was edited since', () => {
    for (const value of found) {
      const [mine, theirs] = [write(merger, { log: A, lamport: 1 }, [], change(value, { 'metadata/uid': 'mine' })), write(merger, { log: B, lamport: 1 }, [], change(value, { 'metadata/uid': 'theirs' }))];
      const edited = write(merger, { log: B, lamport: 9 }, [theirs], change(value, { 'metadata/uid': 'theirs', 'metadata/labels/x': 'y' }));
      const result = merge(merger, [edited, mine]);
      expect(rules(result.decisions)).toEqual(['uid']);
      expect(look(result.value!, 'metadata/uid')).toBe('mine');
    }
  });
});

test.each(formats)('deleted on one side, edited on the other: a finalizer that came meanwhile brings a Deployment back, terminating (%s)', (format) => {
  const { result } = sides(change(sample('apps/Deployment', format)!, { 'metadata/finalizers': undefined }), { 'metadata/finalizers': ['example.test/f'], 'spec/replicas': 9 }, null);
  expect(rules(result.decisions)).toEqual(['finalizer']);
  expect(look(result.value!, 'spec/replicas')).toBe(9);
  expect([look(result.value!, 'metadata/deletionTimestamp'), look(result.value!, 'metadata/deletionGracePeriodSeconds')]).toEqual([look(result.value!, 'metadata/creationTimestamp'), 0]);
});

test('encrypted, undecodable, not Kubernetes: the later write, deletions included', () => {
  const encrypted = Buffer.concat([Buffer.from('k8s:enc:aescbc:v1:key:'), Buffer.from([1, 2, 3])]);
  for (const value of [encrypted, Buffer.from('{"kind": broken'), Buffer.from('k8s\0broken'), Buffer.from('text'), Buffer.alloc(0)]) {
    const first = write(merger, { log: A, lamport: 1 }, [], value);
    const here = write(merger, { log: A, lamport: 2 }, [first], Buffer.concat([value, Buffer.from('here')]));
    const there = write(merger, { log: B, lamport: 3 }, [first], Buffer.concat([value, Buffer.from('there')]));
    expect(merge(merger, [here, there])).toMatchObject({ value: there.value, decisions: [{ rule: 'last-writer' }] });
    expect(merge(merger, [here, write(merger, { log: B, lamport: 3 }, [first], null)]).value).toBeNull();
    expect(merge(merger, [there, write(merger, { log: A, lamport: 2 }, [first], null)]).value).toEqual(there.value);
  }
});

test('every row of the table has an example', () => {
  const shown = new Set([...examples.flatMap(({ kinds }) => kinds), ...wholeKinds.map(({ kind }) => kind), 'builtin']);
  expect(defaultPolicy.kinds.flatMap(({ kinds }) => kinds).filter((kind) => !shown.has(kind))).toEqual([]);
});

/** Rules that say what holds anyway, because the schema has it so or the merge sees to it before; they stand in the table for who reads it. */
const plain = [
  'metadata.finalizers', 'metadata.ownerReferences', 'metadata.ownerReferences[]', 'spec.selector', 'spec.volumeClaimTemplates', 'spec.jobTemplate.spec.selector', 'imagePullSecrets', 'rules[]', 'aggregationRule', 'subjects[]', 'roleRef', 'one-controller',
];

test('without any one rule of the table, some example comes out differently', () => {
  const json = cases.filter(({ format }) => format === 'json');
  const outcome = (by: Merger, { base = {}, here, there, value }: (typeof json)[number]): string => {
    const { result } = sides(change(value, base), here, there, by);
    return [...rules(result.decisions), result.value === null ? '' : Buffer.from(result.value).toString()].join();
  };
  const usual = new Map(json.map((example) => [example, outcome(merger, example)]));
  const idle: string[] = [];
  const without = (what: string, policy: Policy, of: (name: string) => boolean): void => {
    const other = new Merger({ ...defaultMerging, policy });
    if (json.every((example) => !of(example.name) || outcome(other, example) === usual.get(example))) idle.push(what);
  };
  for (const path of Object.keys(defaultPolicy.common)) without(path, { ...defaultPolicy, common: less(defaultPolicy.common, path) }, (name) => ['apps/Deployment', 'Pod'].includes(name));
  defaultPolicy.kinds.forEach((row, i) => {
    const kinds = (other: KindPolicy): Policy => ({ ...defaultPolicy, kinds: defaultPolicy.kinds.map((each, j) => (i === j ? other : each)) });
    const of = (name: string): boolean => row.kinds.includes(name) || (row.kinds.includes('custom') && custom.includes(name));
    for (const path of Object.keys(row.fields ?? {})) without(path, kinds({ ...row, fields: less(row.fields!, path) }), of);
    for (const check of row.checks ?? []) without(check, kinds({ ...row, checks: row.checks!.filter((name) => name !== check) }), of);
    if (row.wholeIfDifferent !== undefined) without('wholeIfDifferent', kinds({ ...row, wholeIfDifferent: [] }), of);
    if (row.wholeIfTrue !== undefined) without('wholeIfTrue', kinds({ ...row, wholeIfTrue: [] }), of);
  });
  expect([...new Set(idle)].sort()).toEqual([...plain].sort());
});

const less = <T>(rows: Readonly<Record<string, T>>, path: string): Record<string, T> => Object.fromEntries(Object.entries(rows).filter(([other]) => other !== path));
