import { describe, expect, test } from '@jest/globals';
import { decode } from './codec/codec.ts';
import { peekKind } from './peek.ts';
import { kindName } from './policy/policy.ts';
import { corpus, testdata } from './testing/corpus.ts';

const text = (value: string): Buffer => Buffer.from(value);
const pod = corpus().get('protobuf v1 Pod')!;

describe('group and kind, without decoding', () => {
  const stored = [...corpus().entries(), ...testdata().flatMap(({ name, protobuf, json }) => [[`protobuf ${name}`, protobuf], [`json ${name}`, json]] as const)];

  /** It has a field that sorts before `apiVersion`. */
  const late = 'json example.test/v1alpha1 Wide';

  test.each(stored.filter(([name]) => name !== late))('%s: what decoding says', (_name, value) => {
    const object = decode(value);
    expect(object).not.toBeNull();
    expect(peekKind(value)).toBe(kindName(object!));
  });

  test('of a custom resource with a field that sorts before its kind nothing is told', () => {
    expect(peekKind(corpus().get(late)!)).toBe('');
  });

  test('the version is left out', () => {
    expect(peekKind(text('{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{}}'))).toBe('coordination.k8s.io/Lease');
    expect(peekKind(text('{"kind":"Lease","apiVersion":"coordination.k8s.io/v1beta1"}'))).toBe('coordination.k8s.io/Lease');
    expect(peekKind(text('{"apiVersion":"v1","kind":"Pod"}'))).toBe('Pod');
  });

  test('a value is read where it lies in a larger buffer', () => {
    const around = Buffer.concat([text('{"kind":"X","apiVersion":"y/v1"'), pod, text('more')]);
    expect(peekKind(around.subarray(31, 31 + pod.length))).toBe('Pod');
  });
});

describe('what cannot be told so is no kind, and no error', () => {
  test.each<[string, Uint8Array]>([
    ['nothing', text('')],
    ['text', text('hello')],
    ['JSON that is no object', text('["kind"]')],
    ['an object without a kind', text('{"metadata":{}}')],
    ['a kind that comes later', text('{"metadata":{},"kind":"Pod","apiVersion":"v1"}')],
    ['a kind that is no word', text('{"kind":"A/B","apiVersion":"v1"}')],
    ['JSON with spaces, which apiserver does not write', text('{ "kind": "Pod", "apiVersion": "v1" }')],
    ['encrypted', text('k8s:enc:aescbc:v1:key:xxxx')],
    ['an envelope without its type', text('k8s\0\x12\x00')],
    ['an envelope whose type begins with something else', text('k8s\0\x0a\x03\x12\x01P')],
    ['a version that is longer than any', Buffer.concat([text('k8s\0\x0a\xc8'), Buffer.from([0x0a, 0x80, 0x01]), Buffer.alloc(128, 'v')])],
  ])('%s', (_name, value) => {
    expect(peekKind(value)).toBe('');
  });

  test('nor is anything that is cut off', () => {
    for (let length = 0; length < 32; length++) expect(['', 'P', 'Po', 'Pod']).toContain(peekKind(pod.subarray(0, length)));
    const json = text('{"kind":"Pod","apiVersion":"v1"');
    for (let length = 0; length < json.length; length++) expect(peekKind(json.subarray(0, length))).toBe('');
  });
});
