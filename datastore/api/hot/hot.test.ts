import { describe, expect, test } from '@jest/globals';
import { Code, EtcdError } from '../../errors.ts';
import type { Change, KeyValue } from '../../keyspace/types.ts';
import type { DeleteRangeResult, PutResult, RangeResult, TxnResult } from '../../txn/types.ts';
import type { WatchMessage } from '../../watch/types.ts';
import { TestRandom } from '../fake/random.ts';
import * as pb from '../generated/etcdserverpb/rpc.ts';
import { encodeDeleteRange, encodeHeaderOnly, encodePut, encodeRange, encodeRangeChunk, encodeTxn } from './answers.ts';
import { HeaderCodec } from './header.ts';
import { decodeDeleteRange, decodePut, decodeRange, decodeTxn } from './requests.ts';
import { decodeWatchRequest, encodeWatchMessage, encodedEvent } from './watch.ts';
import { framePrefix } from './writer.ts';

const header = new HeaderCodec(0xcdf818194e3a8c32n, 7n, 2n);
const pbHeader = (revision: number) => ({ cluster_id: 0xcdf818194e3a8c32n, member_id: 7n, revision: BigInt(revision), raft_term: 2n });
const seed = Number(process.env['SEED'] ?? 20_261_121);
const rounds = 300;

function random(name: string): TestRandom {
  return new TestRandom([...name].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) >>> 0, seed));
}
/** Runs `fn` many times; a failure names the seed. */
function many(name: string, fn: (r: TestRandom) => void): void {
  test(`${name} (seed ${seed})`, () => {
    const r = random(name);
    for (let i = 0; i < rounds; i++) fn(r);
  });
}

function message(frame: Buffer): Buffer {
  expect(frame[0]).toBe(0);
  expect(frame.readUInt32BE(1)).toBe(frame.length - framePrefix);
  return frame.subarray(framePrefix);
}
const latin1 = (bytes: Buffer) => bytes.toString('latin1');
const end = (bytes: Buffer) => (bytes.length === 0 ? undefined : latin1(bytes));
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, v: unknown) => (key === '_unknownFields' ? undefined : typeof v === 'bigint' ? `${v}n` : v)));

function keyValue(r: TestRandom): KeyValue {
  return { key: latin1(r.bytes(40)), createRevision: r.revision(), modRevision: r.revision(), version: r.revision(), lease: r.lease(), value: r.bytes(r.pick([0, 10, 300])) };
}
function pbKeyValue(kv: KeyValue, keysOnly = false) {
  return {
    key: Buffer.from(kv.key, 'latin1'),
    create_revision: BigInt(kv.createRevision),
    mod_revision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    value: keysOnly ? Buffer.alloc(0) : Buffer.from(kv.value),
    lease: keysOnly ? 0n : kv.lease,
  };
}
const list = <T>(r: TestRandom, max: number, make: () => T): T[] => Array.from({ length: r.below(max + 1) }, make);

describe('requests', () => {
  const range = (r: TestRandom) =>
    pb.RangeRequest.fromPartial({
      key: r.bytes(20),
      range_end: r.bytes(3),
      limit: BigInt(r.revision()),
      revision: BigInt(r.revision()),
      sort_order: r.below(3) as 0,
      sort_target: r.below(5) as 0,
      serializable: r.bool(),
      keys_only: r.bool(),
      count_only: r.bool(),
      min_mod_revision: BigInt(r.revision()),
      max_mod_revision: BigInt(r.revision()),
      min_create_revision: BigInt(r.revision()),
      max_create_revision: BigInt(r.revision()),
    });
  const domainRange = (m: pb.RangeRequest) => ({
    range: { start: latin1(m.key), end: end(m.range_end) },
    limit: Number(m.limit),
    revision: Number(m.revision),
    sortOrder: m.sort_order,
    sortTarget: m.sort_target,
    serializable: m.serializable,
    keysOnly: m.keys_only,
    countOnly: m.count_only,
    minModRevision: Number(m.min_mod_revision),
    maxModRevision: Number(m.max_mod_revision),
    minCreateRevision: Number(m.min_create_revision),
    maxCreateRevision: Number(m.max_create_revision),
  });
  const put = (r: TestRandom) =>
    pb.PutRequest.fromPartial({ key: r.bytes(20), value: r.bytes(300), lease: r.lease(), prev_kv: r.bool(), ignore_value: r.bool(), ignore_lease: r.bool() });
  const domainPut = (m: pb.PutRequest) => ({ key: latin1(m.key), value: m.value, lease: m.lease, prevKv: m.prev_kv, ignoreValue: m.ignore_value, ignoreLease: m.ignore_lease });
  const del = (r: TestRandom) => pb.DeleteRangeRequest.fromPartial({ key: r.bytes(20), range_end: r.bytes(3), prev_kv: r.bool() });
  const domainDel = (m: pb.DeleteRangeRequest) => ({ range: { start: latin1(m.key), end: end(m.range_end) }, prevKv: m.prev_kv });
  const encoded = <T>(codec: { encode(m: T): { finish(): Uint8Array } }, m: T) => Buffer.from(codec.encode(m).finish());

  many('RangeRequest', (r) => {
    const m = range(r);
    expect(decodeRange(encoded(pb.RangeRequest, m))).toEqual(domainRange(m));
  });
  many('PutRequest', (r) => {
    const m = put(r);
    expect(plain(decodePut(encoded(pb.PutRequest, m)))).toEqual(plain(domainPut(m)));
  });
  many('DeleteRangeRequest', (r) => {
    const m = del(r);
    expect(decodeDeleteRange(encoded(pb.DeleteRangeRequest, m))).toEqual(domainDel(m));
  });

  const results = ['equal', 'greater', 'less', 'notEqual'];
  const targets = ['version', 'create', 'mod', 'value', 'lease'];
  const unions = ['version', 'create_revision', 'mod_revision', 'value', 'lease'] as const;
  const compare = (r: TestRandom) => {
    const target = r.below(5);
    const union = r.bool() ? target : r.below(5);
    const $case = unions[union]!;
    const value = $case === 'value' ? { $case, value: r.bytes(20) } : $case === 'lease' ? { $case, value: r.lease() } : { $case, value: BigInt(r.revision()) };
    return { m: pb.Compare.fromPartial({ result: r.below(4) as 0, target: target as 0, key: r.bytes(10), range_end: r.bytes(2), target_union: value }), value, fits: union === target };
  };
  const op = (r: TestRandom, depth: number): { m: pb.RequestOp; domain: unknown } => {
    const kind = r.below(depth > 0 ? 4 : 3);
    if (kind === 0) {
      const value = range(r);
      return { m: pb.RequestOp.fromPartial({ request: { $case: 'request_range', value } }), domain: { type: 'range', request: domainRange(value) } };
    }
    if (kind === 1) {
      const value = put(r);
      return { m: pb.RequestOp.fromPartial({ request: { $case: 'request_put', value } }), domain: { type: 'put', request: domainPut(value) } };
    }
    if (kind === 2) {
      const value = del(r);
      return { m: pb.RequestOp.fromPartial({ request: { $case: 'request_delete_range', value } }), domain: { type: 'delete', request: domainDel(value) } };
    }
    const value = txn(r, depth - 1);
    return { m: pb.RequestOp.fromPartial({ request: { $case: 'request_txn', value: value.m } }), domain: { type: 'txn', request: value.domain } };
  };
  const txn = (r: TestRandom, depth: number): { m: pb.TxnRequest; domain: unknown } => {
    const compares = list(r, 3, () => compare(r));
    const success = list(r, 3, () => op(r, depth));
    const failure = list(r, 3, () => op(r, depth));
    return {
      m: pb.TxnRequest.fromPartial({ compare: compares.map(({ m }) => m), success: success.map(({ m }) => m), failure: failure.map(({ m }) => m) }),
      domain: {
        compare: compares.map(({ m, value, fits }) => ({
          range: { start: latin1(m.key), end: end(m.range_end) },
          result: results[m.result],
          target: targets[m.target],
          number: fits && m.target < 3 ? Number(value.value) : 0,
          lease: fits && m.target === 4 ? value.value : 0n,
          value: fits && m.target === 3 ? value.value : Buffer.alloc(0),
        })),
        success: success.map(({ domain }) => domain),
        failure: failure.map(({ domain }) => domain),
      },
    };
  };
  many('TxnRequest', (r) => {
    const { m, domain } = txn(r, 2);
    expect(plain(decodeTxn(encoded(pb.TxnRequest, m)))).toEqual(plain(domain));
  });

  many('WatchRequest', (r) => {
    const create = pb.WatchCreateRequest.fromPartial({
      key: r.bytes(10),
      range_end: r.bytes(3),
      start_revision: r.pick([BigInt(r.revision()), -1n]),
      progress_notify: r.bool(),
      filters: list(r, 2, () => r.below(2) as 0),
      prev_kv: r.bool(),
      watch_id: r.lease(),
      fragment: r.bool(),
    });
    const m = pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: create } });
    expect(decodeWatchRequest(encoded(pb.WatchRequest, m))).toEqual({
      type: 'create',
      request: {
        range: { start: create.key.length === 0 ? '\0' : latin1(create.key), end: end(create.range_end) },
        startRevision: Number(create.start_revision),
        progressNotify: create.progress_notify,
        noPut: create.filters.includes(0),
        noDelete: create.filters.includes(1),
        prevKv: create.prev_kv,
        watchId: create.watch_id,
        fragment: create.fragment,
      },
    });
  });
  test('the other watch requests', () => {
    const bytes = (m: pb.DeepPartial<pb.WatchRequest>) => encoded(pb.WatchRequest, pb.WatchRequest.fromPartial(m));
    expect(decodeWatchRequest(bytes({ request_union: { $case: 'cancel_request', value: { watch_id: 5n } } }))).toEqual({ type: 'cancel', watchId: 5n });
    expect(decodeWatchRequest(bytes({ request_union: { $case: 'progress_request', value: {} } }))).toEqual({ type: 'progress' });
    expect(decodeWatchRequest(Buffer.alloc(0))).toEqual({ type: 'none' });
  });

  test('an absurd revision saturates, a negative one stays negative', () => {
    const at = (revision: bigint) => decodeRange(encoded(pb.RangeRequest, pb.RangeRequest.fromPartial({ key: Buffer.from('a'), revision }))).revision;
    expect(at(2n ** 63n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(at(2n ** 53n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(at(-5n)).toBe(-5);
    expect(at(-(2n ** 63n))).toBe(-Number.MAX_SAFE_INTEGER);
  });

  test('unknown fields are refused by number', () => {
    const unknown = Buffer.from([0x0a, 1, 0x61, 0xf8, 0x06, 1]); // key, then field 111
    for (const decode of [decodeRange, decodePut, decodeDeleteRange]) {
      expect(() => decode(unknown)).toThrow(/field 111 of \w+ is not supported/);
    }
    expect(() => decodeTxn(Buffer.from([0xf8, 0x06, 1]))).toThrow(/field 111 of TxnRequest/);
  });

  many('damaged requests fail or decode, but never crash', (r) => {
    const bytes = encoded(pb.TxnRequest, txn(r, 2).m);
    if (bytes.length > 0) bytes[r.below(bytes.length)]! ^= 1 << r.below(8);
    const torn = bytes.subarray(0, r.below(bytes.length + 1));
    for (const decode of [decodeTxn, decodePut, decodeRange, decodeWatchRequest]) {
      try {
        decode(torn);
      } catch (error) {
        expect(error).toBeInstanceOf(EtcdError);
        expect([Code.INTERNAL, Code.INVALID_ARGUMENT]).toContain((error as EtcdError).code);
      }
    }
  });

  test('nesting without end is malformed', () => {
    let bytes = Buffer.alloc(0);
    for (let i = 0; i < 300; i++) {
      for (const tag of [0x22, 0x12]) {
        const length = Buffer.from(pb.DefragmentRequest.encode(pb.DefragmentRequest.fromPartial({})).uint32(bytes.length).finish());
        bytes = Buffer.concat([Buffer.from([tag]), length, bytes]);
      }
    }
    expect(() => decodeTxn(bytes)).toThrow(/invalid wire-format/);
  });
});

describe('answers', () => {
  const rangeResult = (r: TestRandom): RangeResult => ({ type: 'range', revision: r.revision(), kvs: list(r, 5, () => keyValue(r)), more: r.bool(), count: r.revision(), keysOnly: r.bool() });
  const putResult = (r: TestRandom): PutResult => ({ type: 'put', revision: r.revision(), prevKv: r.bool() ? keyValue(r) : null });
  const deleteResult = (r: TestRandom): DeleteRangeResult => ({ type: 'delete', revision: r.revision(), deleted: r.revision(), prevKvs: list(r, 3, () => keyValue(r)) });
  const txnResult = (r: TestRandom, depth: number): TxnResult => ({
    type: 'txn',
    revision: r.revision(),
    succeeded: r.bool(),
    responses: list(r, 4, () => [rangeResult, putResult, deleteResult, (x: TestRandom) => txnResult(x, depth - 1)][r.below(depth > 0 ? 4 : 3)]!(r)),
  });
  type Header = (revision: number) => object;
  const nested: Header = (revision) => ({ revision: BigInt(revision) });
  const pbRange = (x: RangeResult, h: Header) => pb.RangeResponse.fromPartial({ header: h(x.revision), kvs: x.kvs.map((kv) => pbKeyValue(kv, x.keysOnly)), more: x.more, count: BigInt(x.count) });
  const pbPut = (x: PutResult, h: Header) => pb.PutResponse.fromPartial({ header: h(x.revision), ...(x.prevKv ? { prev_kv: pbKeyValue(x.prevKv) } : {}) });
  const pbDelete = (x: DeleteRangeResult, h: Header) => pb.DeleteRangeResponse.fromPartial({ header: h(x.revision), deleted: BigInt(x.deleted), prev_kvs: x.prevKvs.map((kv) => pbKeyValue(kv)) });
  const pbTxn = (x: TxnResult, h: Header): pb.TxnResponse =>
    pb.TxnResponse.fromPartial({
      header: h(x.revision),
      succeeded: x.succeeded,
      responses: x.responses.map((y) => ({
        response:
          y.type === 'range'
            ? { $case: 'response_range' as const, value: pbRange(y, nested) }
            : y.type === 'put'
              ? { $case: 'response_put' as const, value: pbPut(y, nested) }
              : y.type === 'delete'
                ? { $case: 'response_delete_range' as const, value: pbDelete(y, nested) }
                : { $case: 'response_txn' as const, value: pbTxn(y, nested) },
      })),
    });

  // Canonical protobuf: the bytes must be equal, not only the meaning.
  many('RangeResponse', (r) => {
    const x = rangeResult(r);
    expect(message(encodeRange(header, x))).toEqual(Buffer.from(pb.RangeResponse.encode(pbRange(x, pbHeader)).finish()));
  });
  many('PutResponse', (r) => {
    const x = putResult(r);
    expect(message(encodePut(header, x))).toEqual(Buffer.from(pb.PutResponse.encode(pbPut(x, pbHeader)).finish()));
  });
  many('DeleteRangeResponse', (r) => {
    const x = deleteResult(r);
    expect(message(encodeDeleteRange(header, x))).toEqual(Buffer.from(pb.DeleteRangeResponse.encode(pbDelete(x, pbHeader)).finish()));
  });
  many('TxnResponse', (r) => {
    const x = txnResult(r, 2);
    expect(message(encodeTxn(header, x))).toEqual(Buffer.from(pb.TxnResponse.encode(pbTxn(x, pbHeader)).finish()));
  });
  many('RangeStreamResponse', (r) => {
    const { kvs, keysOnly } = rangeResult(r);
    const last = r.bool() ? { revision: r.revision(), more: r.bool(), count: r.revision() } : null;
    const range_response = {
      kvs: kvs.map((kv) => pbKeyValue(kv, keysOnly)),
      ...(last === null ? {} : { header: pbHeader(last.revision), more: last.more, count: BigInt(last.count) }),
    };
    expect(message(encodeRangeChunk(header, kvs, keysOnly, last))).toEqual(Buffer.from(pb.RangeStreamResponse.encode(pb.RangeStreamResponse.fromPartial({ range_response })).finish()));
  });
  test('a header alone, and an answer larger than the scratch buffer', () => {
    expect(pb.CompactionResponse.decode(message(encodeHeaderOnly(header, 9)))).toMatchObject({ header: pbHeader(9) });
    const value = Buffer.alloc(3_000_000, 7);
    const kv = { ...keyValue(random('large')), value };
    const x: RangeResult = { type: 'range', revision: 5, kvs: [kv, kv, kv], more: false, count: 3, keysOnly: false };
    expect(message(encodeRange(header, x)).equals(Buffer.from(pb.RangeResponse.encode(pbRange(x, pbHeader)).finish()))).toBe(true);
    expect(message(encodePut(header, { type: 'put', revision: 1, prevKv: null })).length).toBeLessThan(40);
  });
});

describe('watch answers', () => {
  const change = (r: TestRandom): Change => {
    const type = r.bool() ? 'put' : 'delete';
    return { type, kv: keyValue(r), prev: r.bool() ? keyValue(r) : null, revision: r.revision() };
  };
  const pbEvent = ({ type, kv, prev }: Change, prevKv: boolean) => ({ type: type === 'put' ? (0 as const) : (1 as const), kv: pbKeyValue(kv), ...(prevKv && prev ? { prev_kv: pbKeyValue(prev) } : {}) });
  const frames = (m: WatchMessage, limit = 1e9): Buffer[] => {
    const all: Buffer[] = [];
    encodeWatchMessage(header, m, limit, (frame) => all.push(message(frame)));
    return all;
  };
  const bytes = (m: pb.DeepPartial<pb.WatchResponse>) => Buffer.from(pb.WatchResponse.encode(pb.WatchResponse.fromPartial(m)).finish());

  many('events', (r) => {
    const changes = list(r, 5, () => change(r));
    const prevKv = r.bool();
    const watchId = r.lease();
    const revision = r.revision();
    const [frame] = frames({ type: 'events', watchId, revision, changes, prevKv, fragment: false });
    expect(frame).toEqual(bytes({ header: pbHeader(revision), watch_id: watchId, events: changes.map((c) => pbEvent(c, prevKv)) }));
  });

  test('control messages', () => {
    expect(frames({ type: 'created', watchId: 3n, revision: 8 })).toEqual([bytes({ header: pbHeader(8), watch_id: 3n, created: true })]);
    expect(frames({ type: 'refused', watchId: 3n, revision: 8, reason: 'nö' })).toEqual([bytes({ header: pbHeader(8), watch_id: -1n, created: true, canceled: true, cancel_reason: 'nö' })]);
    expect(frames({ type: 'canceled', watchId: 3n, revision: 0, reason: '', compactRevision: 400 })).toEqual([bytes({ header: pbHeader(0), watch_id: 3n, canceled: true, compact_revision: 400n })]);
    expect(frames({ type: 'progress', watchId: -1n, revision: 8 })).toEqual([bytes({ header: pbHeader(8), watch_id: -1n })]);
  });

  test('each change is encoded once', () => {
    const r = random('once');
    const c = { ...change(r), prev: keyValue(r) };
    expect(encodedEvent(c, true)).toBe(encodedEvent(c, true));
    expect(encodedEvent(c, false)).toBe(encodedEvent(c, false));
    expect(encodedEvent(c, false)).not.toEqual(encodedEvent(c, true));
    const created: Change = { ...c, prev: null };
    expect(encodedEvent(created, true)).toBe(encodedEvent(created, false));
  });

  test('fragments', () => {
    const r = random('fragments');
    const changes = Array.from({ length: 10 }, (): Change => ({ type: 'put', kv: { ...keyValue(r), value: Buffer.alloc(1_000) }, prev: null, revision: 4 }));
    const all = frames({ type: 'events', watchId: 1n, revision: 4, changes, prevKv: false, fragment: true }, 3_500);
    const decoded = all.map((frame) => pb.WatchResponse.decode(frame));
    expect(decoded.length).toBeGreaterThan(2);
    expect(decoded.map(({ fragment }) => fragment)).toEqual([...decoded.slice(1).map(() => true), false]);
    expect(decoded.flatMap(({ events }) => events).map((e) => e.kv?.key)).toEqual(changes.map(({ kv }) => Buffer.from(kv.key, 'latin1')));
    expect(all.every((frame) => frame.length < 3_500)).toBe(true);
    // One event that is too large alone still goes out, and a small answer is not split.
    expect(frames({ type: 'events', watchId: 1n, revision: 4, changes, prevKv: false, fragment: true }, 10)).toHaveLength(10);
    expect(frames({ type: 'events', watchId: 1n, revision: 4, changes, prevKv: false, fragment: true })).toHaveLength(1);
  });
});
