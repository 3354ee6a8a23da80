import { describe as group, expect, test } from '@jest/globals';
import { decode } from './codec/codec.ts';
import { isProtobuf } from './codec/protobuf.ts';
import { describe } from './describe.ts';
import { Dots, OLD } from './dots.ts';
import { OWN } from './info.ts';
import { Policies } from './policy/policy.ts';
import { defaultPolicy } from './policy/table.ts';
import { Quick } from './quick.ts';
import { change } from './testing/changes.ts';
import { corpus, testdata } from './testing/corpus.ts';
import { draws, versions } from './testing/random.ts';

const SEED = 20251128;
const policies = new Policies(defaultPolicy);
const quick = new Quick(policies);
const values = [...corpus().values(), ...testdata().map(({ protobuf }) => protobuf)].filter(isProtobuf);
const stored = (name: string): Buffer => corpus().get(`protobuf ${name}`)!;

const before = new Dots(OLD, { lamport: 7, log: 3 }, new Map([['metadata/labels', { lamport: 9, log: 4 }], ['spec', { lamport: 8, log: 4 }], ['spec/template/spec', { lamport: 6, log: 5 }]]));
const listed = ({ created, usual, exceptions }: Dots): unknown[] => [created, usual, [...exceptions].sort(([a], [b]) => (a < b ? -1 : 1))];
const manager = (name: string, subresource: string, second: string): object => ({
  manager: name, operation: 'Update', apiVersion: 'v1', time: `2026-11-28T12:00:${second}Z`, fieldsType: 'FieldsV1', fieldsV1: Buffer.from('{"f:status":{}}'), ...(subresource === '' ? {} : { subresource }),
});

group('what has changed, found without decoding', () => {
  test('is what decoding and comparing finds, whatever was changed in whatever kind', () => {
    let [compared, passed] = [0, 0];
    for (const [from, to] of versions(values, 6, draws(SEED))) {
      const [a, b] = [decode(from), decode(to)];
      if (a === null || b === null) continue;
      const kind = policies.of(b);
      const found = quick.describe(from, to, () => before);
      // Of light kinds nothing is looked at.
      if (a.uid !== b.uid && kind.light !== true) expect(found).toBeUndefined();
      if (found === undefined) {
        if (a.uid === b.uid) passed++;
        continue;
      }
      const expected = kind.light === true ? new Dots(before.created, OLD, new Map()) : describe(a, before, b, kind, () => false);
      expect({ kind: b.kind, dots: listed(found) }).toEqual({ kind: b.kind, dots: listed(expected) });
      compared++;
    }
    expect(compared).toBeGreaterThan(1_000);
    // Those that have lost all their metadata, and had no uid before.
    expect(passed).toBeLessThan(compared / 50);
  });

  test('an update as they are has exactly its own paths', () => {
    const pod = stored('v1 Pod');
    const found = quick.describe(pod, change(pod, { 'metadata/annotations/seen': 'now', 'metadata/generation': 7, 'status/podIP': '10.0.0.9' }), () => new Dots(OLD, OLD, new Map()))!;
    // It had no annotations.
    expect([...found.exceptions]).toEqual([['metadata/generation', OWN], ['metadata/annotations', OWN], ['metadata/annotations/seen', OWN], ['status/{rest}', OWN]]);
  });

  test('entries of maps and elements that are replaced whole are told by their names', () => {
    const from = change(stored('v1 Pod'), {
      'metadata/annotations': { 'a/b': '1', 'c': '2', 'ü': '3' },
      'metadata/managedFields': [manager('kubelet', 'status', '10'), manager('a "b"', '', '10')],
    });
    const to = change(from, { 'metadata/annotations': { 'a/b': '1', 'c': '5', 'ü': '4' }, 'metadata/managedFields': [manager('kubelet', 'status', '10'), manager('a "b"', '', '20')] });
    const found = quick.describe(from, to, () => new Dots(OLD, OLD, new Map()))!;
    expect([...found.exceptions.keys()]).toEqual(['metadata/annotations/c', 'metadata/annotations/ü', 'metadata/managedFields/[["a \\"b\\"","Update","v1",""]]']);
  });

  test.each([['AAB', 'AAb'], ['ABC', 'AbA'], ['BAA', 'bAA'], ['AB', 'Ab']])('a list in which two elements have one key is one thing: %s, then %s', (old, now) => {
    // Small letters are the same names with another value.
    const list = (letters: string, value: string): unknown[] => [...letters].map((letter) => ({ name: letter.toUpperCase(), [value]: letter }));
    for (const containers of [(letters: string) => list(letters, 'image'), (letters: string) => [{ name: 'c', image: 'example.test/c:1', env: list(letters, 'value') }]]) {
      const [from, to] = [old, now].map((letters) => change(stored('apps/v1 Deployment'), { 'spec/template/spec/containers': containers(letters) })) as [Uint8Array, Uint8Array];
      const [a, b] = [decode(from)!, decode(to)!];
      const found = listed(quick.describe(from, to, () => before)!);
      expect(found).toEqual(listed(describe(a, before, b, policies.of(b), () => false)));
    }
  });

  test('the same bytes change nothing', () => {
    const pod = stored('v1 Pod');
    expect(quick.describe(pod, pod, () => before)!.exceptions).toEqual(before.exceptions);
  });
});

group('what takes the long way', () => {
  const pod = stored('v1 Pod');
  test.each<[string, Uint8Array, Uint8Array]>([
    ['JSON', Buffer.from('{"kind":"Pod","apiVersion":"v1"}'), Buffer.from('{"kind":"Pod","apiVersion":"v1","metadata":{}}')],
    ['another kind', pod, stored('v1 Node')],
    ['another uid', pod, change(pod, { 'metadata/uid': '00000000-0000-0000-0000-000000000000' })],
    ['what is cut off', pod, pod.subarray(0, pod.length - 5)],
    ['a length that is not true', pod, Buffer.concat([pod, Buffer.from('x')])],
    ['nothing', pod, new Uint8Array()],
    ['a kind that there is not', Buffer.from('k8s\0\x0a\x09\x0a\x02v1\x12\x03Nix\x12\x00\x1a\x00\x22\x00'), Buffer.from('k8s\0\x0a\x09\x0a\x02v1\x12\x03Nix\x12\x00\x1a\x00\x22\x00')],
  ])('%s', (_name, from, to) => {
    expect(quick.describe(from, to, () => before)).toBeUndefined();
  });

  test('bytes inside that are no message, and fields out of order', () => {
    const at = pod.indexOf(decode(pod)!.uid) - 2;
    const odd = Buffer.from(pod);
    odd[at] = 0x0b; // a wire type that there is not
    expect(quick.describe(pod, odd, () => before)).toBeUndefined();
    odd[at] = 0x0a; // the number of a field that was before
    expect(quick.describe(pod, odd, () => before)).toBeUndefined();
  });
});
