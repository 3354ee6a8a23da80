import { describe, expect, test } from '@jest/globals';
import { builtin } from '../schema/schema.ts';
import { corpus, testdata } from '../testing/corpus.ts';
import { at, equal, type Fields, type Leaf, type Tree } from '../tree.ts';
import { decode, encode, type DecodedObject } from './codec.ts';
import { WireWriter } from './wire.ts';

const stored = corpus();
const data = testdata();
const protobuf = (name: string): Buffer => data.find((entry) => entry.name === name)!.protobuf;
const text = (value: string): Buffer => Buffer.from(value);

function decoded(value: Uint8Array): DecodedObject {
  const object = decode(value);
  if (object === null) throw new Error('not decoded');
  return object;
}

describe('what apiserver stores', () => {
  test.each([...stored.keys()])('%s comes back byte for byte', (kind) => {
    const value = stored.get(kind)!;
    const object = decoded(value);
    expect(`${object.format} ${object.apiVersion} ${object.kind}`).toBe(kind);
    expect(Buffer.from(encode(object)).equals(value)).toBe(true);
  });

  test('has a uid, which tells one object from the next of its name', () => {
    for (const [kind, value] of stored) if (!/RangeAllocation|Endpoints/.test(kind)) expect([kind, decoded(value).uid]).toEqual([kind, expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test('of what 1.36 stores as protobuf, nothing is missing', () => {
    const kinds = [...stored.keys()].filter((kind) => kind.startsWith('protobuf'));
    expect(kinds.length).toBeGreaterThanOrEqual(65);
    for (const kind of ['v1 Pod', 'v1 RangeAllocation', 'apps/v1 Deployment', 'resource.k8s.io/v1 ResourceSlice', 'scheduling.k8s.io/v1alpha2 PodGroup']) expect(kinds).toContain(`protobuf ${kind}`);
  });
});

describe('every field of every kind', () => {
  test.each(data)('$name: protobuf and JSON come back byte for byte', ({ protobuf: p, json: j }) => {
    expect(Buffer.from(encode(decoded(p))).equals(p)).toBe(true);
    expect(Buffer.from(encode(decoded(j))).toString()).toBe(j.toString());
  });

  // Fields that are not looked into (opaque) are bytes of their format.
  const mixable = data.filter(({ name }) => !name.includes('CertificateSigningRequest'));
  test.each(mixable)('$name: the same tree from both', ({ protobuf: p, json: j }) => {
    const [fromProtobuf, fromJson] = [decoded(p), decoded(j)];
    expect(Buffer.from(encode({ ...fromJson, format: 'protobuf', envelope: fromProtobuf.envelope })).equals(p)).toBe(true);
    expect(fromJson.schema).toBe(fromProtobuf.schema);
    expect(fromJson.uid).toBe(fromProtobuf.uid);
  });

  test('the table has no kind that these tests lack', () => {
    const tested = new Set(data.map(({ protobuf: p }) => `${decoded(p).apiVersion} ${decoded(p).kind}`));
    for (const kind of stored.keys()) tested.add(kind.replace(/^\w+ /, ''));
    const missing = builtin().all().map(([apiVersion, kind]) => `${apiVersion} ${kind}`).filter((kind) => !tested.has(kind));
    // Served, but not what 1.36 stores.
    expect(missing).toEqual(['apiextensions.k8s.io/v1 CustomResourceDefinition', 'apiregistration.k8s.io/v1beta1 APIService']);
  });
});

describe('protobuf fields of a newer Kubernetes', () => {
  /** An unknown field of a newer version: written where its number belongs. */
  function field(number: number, content: string): Buffer {
    const out = new WireWriter();
    const from = out.length;
    out.text(content);
    out.close(number, from);
    return out.finish();
  }

  const withEntry = (tree: Tree, path: readonly string[], key: string, leaf: Leaf): Tree => {
    const { entries } = tree as Fields;
    const [name, ...rest] = path;
    const changed: [string, Tree] = name === undefined ? [key, leaf] : [name, withEntry(entries.get(name)!, rest, key, leaf)];
    return { kind: 'fields', entries: new Map([...entries, changed]) };
  };

  test.each([
    { where: [], key: '#900', number: 900 },
    { where: ['spec'], key: '#8', number: 8 }, // DeploymentSpec has 1 to 7 and 9
    { where: ['spec', 'template', 'spec'], key: '#1000', number: 1000 },
    { where: ['metadata'], key: '#900', number: 900 },
  ])('at $where.$key survive', ({ where, key, number }) => {
    const object = decoded(protobuf('apps.v1.Deployment'));
    const unknown = { kind: 'bytes', value: Buffer.concat([field(number, 'one'), field(number, 'two')]) } as const;
    const value = encode({ ...object, tree: withEntry(object.tree, where, key, unknown) as Fields });
    const again = decoded(value);
    expect(at(again.tree, ...where, key)).toEqual({ kind: 'bytes', value: expect.anything() });
    expect(equal(at(again.tree, ...where, key)!, unknown)).toBe(true);
    expect(Buffer.from(encode(again)).equals(value)).toBe(true);
  });

  test('inside of an embedded message survive there', () => {
    const object = decoded(protobuf('core.v1.Pod'));
    const pod = at(object.tree, 'spec', 'volumes')!;
    const volume = (pod as { items: readonly Tree[] }).items[0]!;
    const changed = withEntry(volume, [], '#2.77', { kind: 'bytes', value: field(77, 'source') });
    const spec = { kind: 'fields', entries: new Map([...(at(object.tree, 'spec') as Fields).entries, ['volumes', { kind: 'list', items: [changed] }]]) } as const;
    const value = encode({ ...object, tree: { kind: 'fields', entries: new Map([...object.tree.entries, ['spec', spec]]) } });
    const again = decoded(value);
    expect(Buffer.from(encode(again)).equals(value)).toBe(true);
    expect(value.length).toBe(object.tree.entries.size === 0 ? 0 : Buffer.from(encode(object)).length + field(77, 'source').length);
  });
});

describe('custom resources', () => {
  test('are maps by field; numbers keep their digits; names are sorted as Go sorts them', () => {
    const value = text('{"apiVersion":"a.test/v1","kind":"T","metadata":{"name":"n","uid":"u"},"spec":{"a":1.50,"b":12345678901234567890,"\uffff":1,"\u{1d11e}":[{"z":1,"y":[]}]}}\n');
    const object = decoded(value);
    expect(object).toMatchObject({ format: 'json', apiVersion: 'a.test/v1', group: 'a.test', kind: 'T', uid: 'u' });
    expect(at(object.tree, 'spec', 'a')).toEqual({ kind: 'number', text: '1.50' });
    expect(encode(object)).toEqual(text(value.toString().replace(',"y":[]', '').replace('{"z":1', '{"y":[],"z":1')));
  });

  test('text is escaped as Go does', () => {
    const value = text('{"apiVersion":"a/v1","kind":"T","x":"\\u003ca\\u003e \\u0026 \\u2028 \\b\\f\\n\\r\\t\\u0001\u007f \\" \\\\ /"}\n');
    expect(Buffer.from(encode(decoded(value))).toString()).toBe(value.toString());
  });
});

describe('what cannot be decoded is null', () => {
  test.each([
    ['nothing', text('')],
    ['other text', text('hello')],
    ['a number', text('1')],
    ['no object', text('[1]')],
    ['no kind', text('{"apiVersion":"v1"}')],
    ['cut off', text('{"apiVersion":"v1","kind":"Pod"')],
    ['two values', text('{"apiVersion":"v1","kind":"Pod"}{}')],
    ['not UTF-8', Buffer.from('{"apiVersion":"v1","kind":"\xff"}', 'latin1')],
    ['encrypted', text('k8s:enc:aescbc:v1:key1:abc')],
    ['CBOR', Buffer.from('d9d9f7a1', 'hex')],
    ['only the magic', text('k8s\0')],
    ['nested too deeply', text(`{"apiVersion":"v1","kind":"T","a":${'['.repeat(1000)}${']'.repeat(1000)}}`)],
    ['too large', Buffer.alloc(4 * 1024 * 1024, 0x7b)],
    ['protobuf of a kind that is not known', Buffer.concat([text('k8s\0'), Buffer.from('0a060a0176120158', 'hex')])],
  ])('%s', (_, value) => {
    expect(decode(value)).toBeNull();
  });

  test('another content type inside of the envelope', () => {
    const value = protobuf('v1.ConfigMap'.replace('v1', 'core.v1'));
    expect(value.subarray(-4)).toEqual(Buffer.from([0x1a, 0, 0x22, 0]));
    expect(decode(Buffer.concat([value.subarray(0, -2), Buffer.from([0x22, 1, 0x78])]))).toBeNull();
  });
});

describe('hostile bytes', () => {
  const seed = Number(process.env['SEED'] ?? 20261125);
  const rounds = Number(process.env['ROUNDS'] ?? 25);
  /** xorshift: the same bytes for the same seed. */
  const random = (() => {
    let state = seed;
    return (below: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
  })();
  const samples = [protobuf('core.v1.Pod'), protobuf('apps.v1.StatefulSet'), ...[...stored].filter(([kind]) => / (Pod|Thing|Service|CustomResourceDefinition)$/.test(kind)).map(([, value]) => value)];

  /** Whatever decodes can be written, and says the same when it is read again. */
  function check(value: Buffer): void {
    const object = decode(value);
    if (object === null) return;
    const again = decode(encode(object));
    if (again === null || !equal(again.tree, object.tree)) throw new Error(`seed ${seed}: not the same tree again: ${value.toString('base64').slice(0, 4000)}`);
  }

  test('cut off anywhere', () => {
    for (const value of samples) for (let length = 0; length < value.length; length += 1 + random(200)) check(value.subarray(0, length));
  });

  test(`with bytes changed at random (seed ${seed})`, () => {
    for (const value of samples) {
      for (let round = 0; round < rounds; round++) {
        const changed = Buffer.from(value);
        for (let i = 0; i <= random(3); i++) changed[random(changed.length)] = random(256);
        check(changed);
      }
    }
  });
});
