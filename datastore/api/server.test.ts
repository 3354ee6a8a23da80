import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import http2 from 'node:http2';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { Code, errUnavailable } from '../errors.ts';
import { Harness, type MethodOf, call, deserialize, serialize, until } from './fake/harness.ts';
import * as pb from './generated/etcdserverpb/rpc.ts';
import { HealthCheckRequest, HealthCheckResponse } from './generated/grpc/health/v1/health.ts';
import { frameOf } from './hot/writer.ts';

const range: MethodOf<pb.RangeRequest, pb.RangeResponse> = { path: '/etcdserverpb.KV/Range', request: pb.RangeRequest, response: pb.RangeResponse };
const put: MethodOf<pb.PutRequest, pb.PutResponse> = { path: '/etcdserverpb.KV/Put', request: pb.PutRequest, response: pb.PutResponse };
const txn: MethodOf<pb.TxnRequest, pb.TxnResponse> = { path: '/etcdserverpb.KV/Txn', request: pb.TxnRequest, response: pb.TxnResponse };
const raw: MethodOf<Buffer, Buffer> = { path: put.path, request: { encode: (m) => ({ finish: () => m }), decode: (b) => Buffer.from(b) }, response: { encode: (m) => ({ finish: () => m }), decode: (b) => Buffer.from(b) } };
const putOf = (key: string, value: Buffer | string) => pb.PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(value) });
const getOf = (key: string) => pb.RangeRequest.fromPartial({ key: Buffer.from(key) });

let h: Harness;
afterEach(() => h.close());

const watchOf = (client: grpc.Client) => {
  const stream = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', serialize(pb.WatchRequest), deserialize(pb.WatchResponse), new grpc.Metadata(), {});
  const got: pb.WatchResponse[] = [];
  let ended: grpc.ServiceError | null = null;
  stream.on('data', (m: pb.WatchResponse) => got.push(m));
  stream.on('error', (error: grpc.ServiceError) => (ended = error));
  const create = (request: pb.DeepPartial<pb.WatchCreateRequest>) =>
    stream.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value: request } }));
  return { stream, got, create, ended: () => ended };
};

/** The chunks of a RangeStream over all keys that begin with k, unless the request says otherwise. */
function streamed(harness: Harness, request: pb.DeepPartial<pb.RangeRequest>): Promise<pb.RangeResponse[]> {
  return new Promise((resolve, reject) => {
    const stream = harness.client().makeServerStreamRequest('/etcdserverpb.KV/RangeStream', serialize(pb.RangeRequest), deserialize(pb.RangeStreamResponse), pb.RangeRequest.fromPartial({ key: Buffer.from('k'), range_end: Buffer.from('l'), ...request }));
    const got: pb.RangeResponse[] = [];
    stream.on('data', (m: pb.RangeStreamResponse) => got.push(m.range_response!));
    stream.on('error', reject);
    stream.on('end', () => resolve(got));
  });
}

describe('unary', () => {
  test('put and range', async () => {
    h = await Harness.start();
    const client = h.client();
    expect((await call(client, put, putOf('a', 'b'))).header).toMatchObject({ cluster_id: 0xcdf818194e3a8c32n, member_id: 7n, revision: 2n, raft_term: 2n });
    const { kvs, count } = await call(client, range, getOf('a'));
    expect(count).toBe(1n);
    expect(kvs[0]).toMatchObject({ key: Buffer.from('a'), value: Buffer.from('b'), create_revision: 2n });
  });

  test('keys are bytes', async () => {
    h = await Harness.start();
    const client = h.client();
    const key = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await call(client, put, pb.PutRequest.fromPartial({ key, value: key }));
    const { kvs } = await call(client, range, pb.RangeRequest.fromPartial({ key }));
    expect(kvs[0]).toMatchObject({ key, value: key });
  });

  test('an error is a trailers-only answer with its text', async () => {
    h = await Harness.start();
    const client = h.client();
    await expect(call(client, range, pb.RangeRequest.fromPartial({ key: Buffer.from('a'), revision: 2n ** 63n - 1n }))).rejects.toMatchObject({
      code: Code.OUT_OF_RANGE,
      details: 'etcdserver: mvcc: required revision is a future revision',
    });
    await expect(call(client, put, pb.PutRequest.fromPartial({ key: Buffer.from('a'), lease: 5n }))).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });

  test('a programmer’s error is UNKNOWN and logged', async () => {
    h = await Harness.start();
    h.replica.gate = () => Promise.reject(new TypeError('oops ü'));
    await expect(call(h.client(), put, putOf('a', 'b'))).rejects.toMatchObject({ code: Code.UNKNOWN, details: 'oops ü' });
    expect(h.faults).toEqual(['a call failed unexpectedly']);
  });

  test('malformed and unknown', async () => {
    h = await Harness.start();
    const client = h.client();
    await expect(call(client, raw, Buffer.from([0x0a, 200, 1]))).rejects.toMatchObject({ code: Code.INTERNAL, details: expect.stringContaining('grpc: error unmarshalling request') });
    await expect(call(client, raw, Buffer.from([0xf8, 6, 1]))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT, details: expect.stringContaining('field 111') });
    const at = (path: string) => call(client, { ...raw, path }, Buffer.alloc(0));
    await expect(at('/etcdserverpb.KV/Nope')).rejects.toMatchObject({ code: Code.UNIMPLEMENTED, details: 'unknown method Nope for service etcdserverpb.KV' });
    await expect(at('/nope.Nope/Nope')).rejects.toMatchObject({ code: Code.UNIMPLEMENTED, details: 'unknown service nope.Nope' });
    await expect(at('/etcdserverpb.Cluster/MemberRemove')).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await expect(call(client, { ...raw, path: '/etcdserverpb.Lease/LeaseGrant' }, Buffer.from([0xf8, 6, 1]))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT, details: expect.stringContaining('field 111') });
    await expect(call(client, { ...raw, path: '/etcdserverpb.Lease/LeaseGrant' }, Buffer.from([0x08]))).rejects.toMatchObject({ code: Code.INTERNAL });
  });

  test('too large: etcd’s error above --max-request-bytes, gRPC’s far above', async () => {
    h = await Harness.start({ requestBytesMax: 10_000 });
    const client = h.client();
    await call(client, put, putOf('a', Buffer.alloc(9_900)));
    await expect(call(client, put, putOf('a', Buffer.alloc(10_000)))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT, details: 'etcdserver: request is too large' });
    await expect(call(client, put, putOf('a', Buffer.alloc(600_000)))).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED, details: expect.stringMatching(/^grpc: received message larger than max \(\d+ vs. 534288\)$/) });
    const many = (op: pb.DeepPartial<pb.RequestOp>) => pb.TxnRequest.fromPartial({ success: Array.from({ length: 20 }, () => op) });
    const key = Buffer.alloc(1_000, 'k');
    await expect(call(client, txn, many({ request: { $case: 'request_put', value: { key } } }))).rejects.toMatchObject({ details: 'etcdserver: request is too large' });
    await call(client, txn, many({ request: { $case: 'request_range', value: { key } } }));
    expect(await call(client, put, putOf('a', 'still fine'))).toBeDefined();
  });

  test('large values both ways', async () => {
    h = await Harness.start();
    const client = h.client({ 'grpc.max_receive_message_length': -1 });
    const value = Buffer.alloc(1_500_000, 9);
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => call(client, put, putOf(key, value))));
    const { kvs } = await call(client, range, pb.RangeRequest.fromPartial({ key: Buffer.from('a'), range_end: Buffer.from('z') }));
    expect(kvs.map((kv) => kv.value.equals(value))).toEqual([true, true, true, true]);
  });

  test('the client’s deadline', async () => {
    h = await Harness.start();
    let release = () => {};
    h.replica.gate = () => new Promise((resolve) => (release = resolve));
    const handled: [string, number][] = [];
    await h.close();
    h = await Harness.start({ observer: { started() {}, received() {}, sent() {}, handled: ({ name }, code) => handled.push([name, code]) } });
    h.replica.gate = () => new Promise((resolve) => (release = resolve));
    await expect(call(h.client(), put, putOf('a', 'b'), { deadline: new Date(Date.now() + 1_000) })).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    await until(() => handled.length === 1);
    expect([[['Put', Code.DEADLINE_EXCEEDED]], [['Put', Code.CANCELLED]]]).toContainEqual(handled);
    release();
    expect(h.server.stats.calls).toBe(0);
  });

  test('a cancelled call is over', async () => {
    h = await Harness.start();
    let release = () => {};
    h.replica.gate = () => new Promise((resolve) => (release = resolve));
    const client = h.client();
    const sent = client.makeUnaryRequest(put.path, serialize(pb.PutRequest), deserialize(pb.PutResponse), putOf('a', 'b'), () => {});
    await until(() => h.server.stats.calls === 1);
    sent.cancel();
    await until(() => h.server.stats.calls === 0);
    release();
    h.replica.gate = () => Promise.resolve();
    await call(client, put, putOf('a', 'c'));
  });

  test('gzip requests', async () => {
    h = await Harness.start();
    await call(h.client({ 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip }), put, putOf('zipped', Buffer.alloc(5_000, 1)));
    expect(h.replica.data.get('zipped')?.value.length).toBe(5_000);
  });

  test('observer', async () => {
    const seen: unknown[] = [];
    h = await Harness.start({
      observer: {
        started: ({ name, type }) => seen.push(['started', name, type]),
        handled: ({ service, name }, code, seconds) => seen.push(['handled', service, name, code, seconds >= 0 && seconds < 60]),
        received: ({ name }, bytes) => seen.push(['received', name, bytes]),
        sent: ({ name }, bytes) => seen.push(['sent', name, bytes > 10]),
      },
    });
    await call(h.client(), put, putOf('a', 'b'));
    await until(() => seen.length === 4);
    expect(seen).toEqual([
      ['started', 'Put', 'unary'],
      ['received', 'Put', 6],
      ['sent', 'Put', true],
      ['handled', 'etcdserverpb.KV', 'Put', Code.OK, true],
    ]);
  });
});

describe('frames by hand', () => {
  const open = (port: number) => http2.connect(`http://127.0.0.1:${port}`);
  const headers = { ':method': 'POST', ':path': put.path, 'content-type': 'application/grpc', te: 'trailers' };
  /** Sends `chunks` as DATA frames of their own; resolves with headers, trailers and body. */
  const send = (session: http2.ClientHttp2Session, given: http2.OutgoingHttpHeaders, chunks: readonly Buffer[], finish = true) =>
    new Promise<{ status: unknown; trailers: http2.IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
      const stream = session.request(given, { endStream: false });
      const body: Buffer[] = [];
      let head: http2.IncomingHttpHeaders = {};
      let trailers: http2.IncomingHttpHeaders = {};
      stream.on('response', (got) => (head = got));
      stream.on('trailers', (got) => (trailers = got));
      stream.on('data', (chunk: Buffer) => body.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => resolve({ status: head[':status'], trailers: 'grpc-status' in head ? head : trailers, body: Buffer.concat(body) }));
      void (async () => {
        for (const chunk of chunks) await new Promise<void>((done) => stream.write(chunk, () => setImmediate(done)));
        if (finish) stream.end();
      })();
    });

  test('a request in DATA frames of one byte', async () => {
    h = await Harness.start();
    const session = open(h.port);
    const frame = frameOf(pb.PutRequest.encode(putOf('torn', 'value')).finish());
    const { trailers, body } = await send(session, headers, [...frame].map((byte) => Buffer.from([byte])));
    expect(trailers['grpc-status']).toBe('0');
    expect(pb.PutResponse.decode(body.subarray(5)).header?.revision).toBe(2n);
    session.close();
  });

  test('no message, half a message, two messages', async () => {
    h = await Harness.start();
    const session = open(h.port);
    const frame = frameOf(pb.PutRequest.encode(putOf('a', 'b')).finish());
    expect((await send(session, headers, [])).trailers['grpc-status']).toBe(String(Code.INTERNAL));
    expect((await send(session, headers, [frame.subarray(0, 8)])).trailers['grpc-status']).toBe(String(Code.INTERNAL));
    h.replica.gate = () => new Promise(() => {});
    expect((await send(session, headers, [frame, frame])).trailers['grpc-status']).toBe(String(Code.INTERNAL));
    session.close();
  });

  test('an error before the request is complete ends the stream', async () => {
    h = await Harness.start();
    const session = open(h.port);
    const { trailers } = await send(session, headers, [Buffer.from([0, 255, 0, 0, 0])], false);
    expect(trailers['grpc-status']).toBe(String(Code.RESOURCE_EXHAUSTED));
    session.close();
  });

  test('what is no gRPC call', async () => {
    h = await Harness.start();
    const session = open(h.port);
    expect((await send(session, { ...headers, 'grpc-encoding': 'snappy' }, [])).trailers).toMatchObject({ 'grpc-status': String(Code.UNIMPLEMENTED), 'grpc-message': expect.stringContaining('snappy') });
    expect((await send(session, { ...headers, 'grpc-timeout': 'soon' }, [])).trailers['grpc-status']).toBe(String(Code.INTERNAL));
    expect((await send(session, { ...headers, ':path': '/nope' }, [])).trailers).toMatchObject({ 'grpc-status': String(Code.UNIMPLEMENTED), 'grpc-message': 'malformed method name: "/nope"' });
    // HTTP on HTTP/2: Go's clients come so over TLS.
    const version = await send(session, { ':method': 'GET', ':path': '/version' }, []);
    expect(JSON.parse(String(version.body))).toMatchObject({ etcdserver: '3.7.3' });
    session.close();
  });

  test('gzip with the flag, and the flag without gzip', async () => {
    h = await Harness.start();
    const session = open(h.port);
    const frame = frameOf(gzipSync(pb.PutRequest.encode(putOf('a', 'b')).finish()));
    frame[0] = 1;
    expect((await send(session, { ...headers, 'grpc-encoding': 'gzip' }, [frame])).trailers['grpc-status']).toBe('0');
    expect((await send(session, headers, [frame])).trailers['grpc-status']).toBe(String(Code.INTERNAL));
    session.close();
  });

  test('bytes that are no HTTP at all', async () => {
    h = await Harness.start();
    for (const bytes of [Buffer.from([0, 1, 2, 3]), Buffer.from('PRI * HTTP/9.9\r\n\r\n'), Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(200, 255)])]) {
      const socket = net.connect(h.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    await call(h.client(), put, putOf('a', 'b'));
  });
});

describe('streams', () => {
  test('watch: created, events, cancel, progress', async () => {
    h = await Harness.start();
    const client = h.client();
    const { stream, got, create } = watchOf(client);
    create({ key: Buffer.from('a'), range_end: Buffer.from('b') });
    await until(() => got.length === 1);
    expect(got[0]).toMatchObject({ created: true, watch_id: 0n });
    await call(client, put, putOf('a1', 'x'));
    await until(() => got.length === 2);
    expect(got[1]!.events[0]).toMatchObject({ type: 0, kv: { key: Buffer.from('a1'), mod_revision: 2n } });
    create({ key: Buffer.from('a'), start_revision: -1n });
    await until(() => got.length === 3);
    expect(got[2]).toMatchObject({ created: true, canceled: true, watch_id: -1n, cancel_reason: 'etcdserver: mvcc: required revision has been compacted' });
    stream.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'progress_request', value: {} } }));
    stream.write(pb.WatchRequest.fromPartial({ request_union: { $case: 'cancel_request', value: { watch_id: 0n } } }));
    await until(() => got.length === 5);
    expect(got.slice(3)).toMatchObject([{ watch_id: -1n, events: [] }, { canceled: true, watch_id: 0n }]);
    stream.cancel();
    await until(() => h.replica.streams.size === 0);
  });

  test('watch goes on when the client has nothing more to ask', async () => {
    h = await Harness.start();
    const client = h.client();
    const { stream, got, create } = watchOf(client);
    create({ key: Buffer.from('a') });
    stream.end();
    await until(() => got.length === 1);
    await call(client, put, putOf('a', 'x'));
    await until(() => got.length === 2);
    stream.cancel();
  });

  test('a slow reader’s bytes are counted, and it is told when they have left', async () => {
    h = await Harness.start();
    const client = h.client();
    const { stream, got, create } = watchOf(client);
    create({ key: Buffer.from('a') });
    await until(() => got.length === 1);
    const { output } = [...h.replica.streams][0]!;
    let idle = false;
    output.onDrain(() => (idle = true));
    await until(() => idle);
    expect(output.bufferedBytes).toBe(0);
    stream.pause();
    const value = Buffer.alloc(1_000_000);
    for (let i = 0; i < 30; i++) await call(client, put, putOf('a', value));
    await until(() => output.bufferedBytes > 10_000_000);
    let drained = false;
    output.onDrain(() => (drained = true));
    await call(client, put, putOf('other', 'x'));
    expect(drained).toBe(false);
    stream.resume();
    await until(() => drained);
    expect(output.bufferedBytes).toBe(0);
    await until(() => got.length === 31);
    stream.cancel();
  });

  test('lease keepalive answers in order and ends with the client', async () => {
    h = await Harness.start();
    await h.replica.leases.grant(5n, 60);
    const stream = h.client().makeBidiStreamRequest('/etcdserverpb.Lease/LeaseKeepAlive', serialize(pb.LeaseKeepAliveRequest), deserialize(pb.LeaseKeepAliveResponse), new grpc.Metadata(), {});
    const got: pb.LeaseKeepAliveResponse[] = [];
    stream.on('data', (m: pb.LeaseKeepAliveResponse) => got.push(m));
    for (const ID of [5n, 6n, 5n]) stream.write(pb.LeaseKeepAliveRequest.fromPartial({ ID }));
    stream.end();
    await new Promise((resolve) => stream.on('end', resolve));
    expect(got.map(({ ID, TTL }) => [ID, TTL])).toEqual([[5n, 60n], [6n, 0n], [5n, 60n]]);
  });

  test('RangeStream: a sort target without an order sorts the whole range, and sends it in chunks', async () => {
    h = await Harness.start();
    for (let i = 0; i < 30; i++) await h.replica.kv.put({ key: `k${String(i).padStart(2, '0')}`, value: Buffer.from(String(99 - i)), lease: 0n, prevKv: false, ignoreLease: false, ignoreValue: false });
    const chunks = await streamed(h, { sort_target: 4 });
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.flatMap(({ kvs }) => kvs.map(({ value }) => Number(value)))).toEqual(Array.from({ length: 30 }, (_, i) => 70 + i));
    expect(chunks.at(-1)).toMatchObject({ count: 30n, more: false, header: { revision: 31n } });
    expect(chunks.slice(0, -1).every(({ header, count }) => header === undefined && count === 0n)).toBe(true);
    expect((await streamed(h, { sort_target: 4, limit: 3n })).at(-1)).toMatchObject({ count: 30n, more: true });
    expect(await streamed(h, { sort_target: 4, count_only: true })).toMatchObject([{ count: 30n, kvs: [] }]);
    expect(await streamed(h, { key: Buffer.from('x'), range_end: Buffer.from('y'), sort_target: 4 })).toMatchObject([{ count: 0n, kvs: [] }]);
  });

  test('RangeStream: chunks that add up to one range', async () => {
    h = await Harness.start();
    for (let i = 0; i < 100; i++) await h.replica.kv.put({ key: `k${String(i).padStart(3, '0')}`, value: Buffer.alloc(10), lease: 0n, prevKv: false, ignoreLease: false, ignoreValue: false });
    const read = (request: pb.DeepPartial<pb.RangeRequest>) => streamed(h, request);
    const chunks = await read({});
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.flatMap(({ kvs }) => kvs)).toHaveLength(100);
    expect(chunks.at(-1)).toMatchObject({ count: 100n, more: false, header: { revision: 101n } });
    expect(chunks.slice(0, -1).every(({ header, count }) => header === undefined && count === 0n)).toBe(true);
    const limited = await read({ limit: 25n });
    expect(limited.flatMap(({ kvs }) => kvs)).toHaveLength(25);
    expect(limited.at(-1)).toMatchObject({ count: 100n, more: true });
    expect(await read({ count_only: true })).toMatchObject([{ count: 100n, kvs: [] }]);
    await expect(read({ sort_order: 2 })).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
    await expect(read({ sort_order: 1, sort_target: 3 })).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
    await expect(read({ min_mod_revision: 3n })).rejects.toMatchObject({ code: Code.UNIMPLEMENTED });
    await expect(read({ key: Buffer.alloc(0) })).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });
});

describe('serving, draining, closing', () => {
  test('a replica that does not serve refuses everything but health', async () => {
    h = await Harness.start();
    const client = h.client();
    const check: MethodOf<HealthCheckRequest, HealthCheckResponse> = { path: '/grpc.health.v1.Health/Check', request: HealthCheckRequest, response: HealthCheckResponse };
    const health = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', serialize(HealthCheckRequest), deserialize(HealthCheckResponse), HealthCheckRequest.fromPartial({ service: 'etcdserverpb.KV' }));
    const statuses: number[] = [];
    health.on('data', ({ status }: HealthCheckResponse) => statuses.push(status));
    health.on('error', () => {});
    await until(() => statuses.length === 1);
    h.replica.serve(errUnavailable('this replica has not caught up'));
    await expect(call(client, range, getOf('a'))).rejects.toMatchObject({ code: Code.UNAVAILABLE, details: 'etcdserver: this replica has not caught up' });
    expect((await call(client, check, HealthCheckRequest.fromPartial({}))).status).toBe(2);
    await expect(call(client, check, HealthCheckRequest.fromPartial({ service: 'x' }))).rejects.toMatchObject({ code: Code.NOT_FOUND });
    h.replica.serve(null);
    await call(client, range, getOf('a'));
    await until(() => statuses.length === 3);
    expect(statuses).toEqual([1, 2, 1]);
    health.cancel();
    await until(() => h.replica.servingListeners.size === 0);
  });

  test('closeAll ends calls with Unavailable and closes connections', async () => {
    h = await Harness.start();
    const client = h.client();
    const { create, got, ended } = watchOf(client);
    create({ key: Buffer.from('a') });
    await until(() => got.length === 1);
    h.replica.gate = () => new Promise(() => {});
    const pending = call(client, put, putOf('a', 'b'));
    pending.catch(() => {});
    await until(() => h.server.stats.calls === 2);
    await h.server.closeAll(errUnavailable('this replica drains'));
    await expect(pending).rejects.toMatchObject({ code: Code.UNAVAILABLE, details: 'etcdserver: this replica drains' });
    await until(() => ended() !== null);
    expect(ended()).toMatchObject({ code: Code.UNAVAILABLE });
    expect(h.server.stats).toEqual({ connections: 0, calls: 0 });
  });

  test('drain lets a write finish and takes no more', async () => {
    h = await Harness.start();
    const client = h.client();
    let release = () => {};
    h.replica.gate = () => new Promise((resolve) => (release = resolve));
    const pending = call(client, put, putOf('a', 'b'));
    await until(() => h.server.stats.calls === 1);
    const drained = h.server.drain(60_000);
    release();
    await pending;
    await drained;
    expect(h.server.stats.connections).toBe(0);
    await expect(call(h.client(), range, getOf('a'), { deadline: new Date(Date.now() + 200) })).rejects.toBeDefined();
  });

  test('drain ends what does not finish in time', async () => {
    h = await Harness.start();
    h.replica.gate = () => new Promise(() => {});
    const pending = call(h.client(), put, putOf('a', 'b'));
    pending.catch(() => {});
    await until(() => h.server.stats.calls === 1);
    await h.server.drain(20);
    await expect(pending).rejects.toMatchObject({ code: Code.UNAVAILABLE, details: 'etcdserver: server stopped' });
  });

  test('a client that does not answer pings is dropped', async () => {
    h = await Harness.start({ keepaliveIntervalMs: 20, keepaliveTimeoutMs: 20 });
    const socket = net.connect(h.port, '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // SETTINGS, and never an answer to a PING
    socket.resume();
    await until(() => h.server.stats.connections === 1);
    await until(() => h.server.stats.connections === 0);
    socket.destroy();
  });

  test('keepalive leaves a client alone that answers', async () => {
    h = await Harness.start({ keepaliveIntervalMs: 5, keepaliveTimeoutMs: 10_000 });
    const client = h.client();
    await call(client, put, putOf('a', 'b'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(h.server.stats.connections).toBe(1);
  });
});
