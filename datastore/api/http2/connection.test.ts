import { afterEach, describe, expect, test } from '@jest/globals';
import { EventEmitter } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { until } from '../fake/harness.ts';
import { nodeClock } from '../../host/node-clock.ts';
import { TestRandom } from '../fake/random.ts';
import { Connection } from './connection.ts';
import { ErrorCode, Frame, preface } from './constants.ts';
import { FrameReader } from './frames.ts';
import { type Headers, encodeHeaders } from './hpack.ts';
import type { Stream } from './stream.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

interface Opened {
  stream: Stream;
  headers: Headers;
  body: Buffer[];
  ended: boolean;
  closed: boolean;
}

/** A server whose streams do what `serve` says, and a raw client that sees every frame. */
class Lab extends EventEmitter {
  readonly opened: Opened[] = [];
  readonly frames: { type: number; flags: number; stream: number; payload: Buffer }[] = [];
  connection!: Connection;
  error: Error | null | undefined;
  now = 0;
  pingMinMs = 0;
  client!: net.Socket;
  #reader = new FrameReader((type, flags, stream, payload) => void this.frames.push({ type, flags, stream, payload: Buffer.from(payload) }));

  static async start(serve: (o: Opened) => void = () => {}, concurrentStreamsMax = 100, pingMinMs = 0): Promise<Lab> {
    const lab = new Lab();
    lab.pingMinMs = pingMinMs;
    const server = net.createServer((socket) => {
      lab.connection = new Connection(socket, {
        concurrentStreamsMax,
        pingMinMs: lab.pingMinMs,
        nowMs: () => lab.now,
        after: nodeClock.after,
        closed: (error) => void (lab.error = error),
        open: (stream, headers) => {
          const o: Opened = { stream, headers, body: [], ended: false, closed: false };
          lab.opened.push(o);
          serve(o);
          return { data: (chunk) => void o.body.push(Buffer.from(chunk)), halfClosed: () => void (o.ended = true), closed: () => void (o.closed = true) };
        },
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    lab.client = net.connect(port, '127.0.0.1');
    lab.client.on('data', (chunk) => lab.#reader.push(chunk));
    lab.client.on('error', () => {});
    lab.client.on('close', () => lab.emit('close'));
    closers.push(() => {
      lab.client.destroy();
      lab.connection?.destroy();
      server.close();
    });
    lab.client.write(preface);
    lab.send(Frame.SETTINGS, 0, 0);
    await until(() => lab.connection !== undefined);
    return lab;
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    this.client.write(Buffer.concat([header, payload]));
  }

  request(stream: number, end = true): void {
    this.send(Frame.HEADERS, end ? 5 : 4, stream, encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', `/${stream}`]]));
  }

  /** A request with more fields. */
  fields(stream: number, more: [string, string][], end = true): void {
    this.send(Frame.HEADERS, end ? 5 : 4, stream, encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', `/${stream}`], ...more]));
  }

  of(type: number, stream?: number) {
    return this.frames.filter((frame) => frame.type === type && (stream === undefined || frame.stream === stream));
  }
  received(stream?: number): number {
    return this.of(Frame.DATA, stream).reduce((sum, { payload }) => sum + payload.length, 0);
  }
  /** The code of the GOAWAY that ended the connection. */
  async gone(): Promise<number> {
    if (!this.client.destroyed) await new Promise((resolve) => this.once('close', resolve));
    return this.of(Frame.GOAWAY).at(-1)!.payload.readUInt32BE(4);
  }
}

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const setting = (id: number, value: number) => Buffer.concat([Buffer.from([0, id]), uint32(value)]);
const ok = encodeHeaders([[':status', '200']]);
const trailers = encodeHeaders([['grpc-status', '0']]);
const answer = (body: Buffer) => (o: Opened) => {
  o.stream.headers(ok, false);
  o.stream.data(body);
  o.stream.finish(trailers);
};

describe('streams', () => {
  test('a request and its answer leave the connection empty', async () => {
    const lab = await Lab.start(answer(Buffer.from('hello')));
    lab.request(1, false);
    lab.send(Frame.DATA, 8, 1, Buffer.concat([Buffer.from([3]), Buffer.from('padded'), Buffer.alloc(3)]));
    await until(() => lab.of(Frame.HEADERS, 1).length === 2);
    expect(String(lab.of(Frame.DATA, 1)[0]!.payload)).toBe('hello');
    expect(lab.of(Frame.HEADERS, 1)[1]!.flags & 1).toBe(1);
    // The answer was complete before the request: the client is told to stop.
    await until(() => lab.of(Frame.RST_STREAM, 1).length === 1);
    expect(lab.of(Frame.RST_STREAM, 1)[0]!.payload.readUInt32BE()).toBe(ErrorCode.NO_ERROR);
    expect(lab.connection.streams).toBe(0);
    expect(lab.opened[0]!.closed).toBe(true);
  });

  test('headers in CONTINUATION frames, with priority and padding', async () => {
    const lab = await Lab.start();
    const block = encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', '/x'], ['long', 'y'.repeat(20_000)]]);
    lab.send(Frame.HEADERS, 8 | 32, 1, Buffer.concat([Buffer.from([2]), Buffer.alloc(5), block.subarray(0, 10), Buffer.alloc(2)]));
    lab.send(Frame.CONTINUATION, 0, 1, block.subarray(10, 12_000));
    lab.send(Frame.CONTINUATION, 4, 1, block.subarray(12_000));
    await until(() => lab.opened.length === 1);
    expect(lab.opened[0]!.headers['long']).toHaveLength(20_000);
  });

  test('a request with trailers', async () => {
    const lab = await Lab.start();
    lab.request(1, false);
    lab.send(Frame.DATA, 0, 1, Buffer.from('body'));
    lab.send(Frame.HEADERS, 5, 1, encodeHeaders([['x', 'y']]));
    await until(() => lab.opened[0]?.ended === true);
    expect(String(Buffer.concat(lab.opened[0]!.body))).toBe('body');
  });

  test('what was under way to a stream that this side ended is ignored', async () => {
    const lab = await Lab.start((o) => o.stream.reset(ErrorCode.CANCEL));
    lab.request(1, false);
    await until(() => lab.opened[0]?.closed === true);
    lab.send(Frame.DATA, 0, 1, Buffer.from('late'));
    lab.send(Frame.WINDOW_UPDATE, 0, 1, uint32(5));
    lab.send(Frame.HEADERS, 5, 1, encodeHeaders([['late', 'trailers']]));
    lab.request(3);
    await until(() => lab.opened.length === 2);
    expect(lab.opened[0]!.body).toEqual([]);
  });

  test('more streams than allowed are refused', async () => {
    const lab = await Lab.start(() => {}, 2);
    for (const id of [1, 3, 5]) lab.request(id, false);
    await until(() => lab.of(Frame.RST_STREAM).length === 1);
    expect(lab.of(Frame.RST_STREAM)[0]).toMatchObject({ stream: 5, payload: uint32(ErrorCode.REFUSED_STREAM) });
  });
});

describe('flow control', () => {
  test('never more than the peer’s windows allow, and on as they widen', async () => {
    const body = Buffer.alloc(200_000, 1);
    const lab = await Lab.start(answer(body));
    lab.request(1);
    await until(() => lab.received() === 65_535);
    const { stream } = lab.opened[0]!;
    expect(stream.bufferedBytes).toBe(200_000 - 65_535);
    lab.send(Frame.WINDOW_UPDATE, 0, 1, uint32(1_000_000)); // The connection's window is still empty.
    lab.send(Frame.PING, 0, 0, Buffer.from('barrier1'));
    await until(() => lab.of(Frame.PING).length === 1);
    expect(lab.received()).toBe(65_535);
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(10_000));
    await until(() => lab.received() === 75_535);
    let drained = false;
    stream.onDrain(() => (drained = true));
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(1_000_000));
    await until(() => lab.of(Frame.HEADERS, 1).length === 2);
    expect(lab.received()).toBe(200_000);
    expect(drained).toBe(true);
  });

  test('SETTINGS change the windows of open streams, also below zero', async () => {
    const lab = await Lab.start(answer(Buffer.alloc(100_000)));
    lab.send(Frame.SETTINGS, 0, 0, setting(4, 1_000));
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(10_000_000));
    lab.request(1);
    await until(() => lab.received() === 1_000);
    lab.send(Frame.SETTINGS, 0, 0, setting(4, 500)); // The stream's window is -500 now.
    lab.send(Frame.WINDOW_UPDATE, 0, 1, uint32(500));
    lab.send(Frame.PING, 0, 0, Buffer.from('barrier1'));
    await until(() => lab.of(Frame.PING).length === 1);
    expect(lab.received()).toBe(1_000);
    lab.send(Frame.SETTINGS, 0, 0, setting(4, 200_000));
    await until(() => lab.received() === 100_000);
  });

  test('a stuck stream does not hold up another', async () => {
    const lab = await Lab.start((o) => answer(Buffer.alloc(o.headers[':path'] === '/1' ? 100_000 : 10))(o));
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(1_000_000));
    lab.request(1);
    await until(() => lab.received(1) === 65_535);
    lab.request(3);
    await until(() => lab.of(Frame.HEADERS, 3).length === 2);
    expect(lab.received(1)).toBe(65_535);
  });

  test('the client’s uploads are given their windows back', async () => {
    const lab = await Lab.start();
    lab.request(1, false);
    for (let i = 0; i < 640; i++) lab.send(Frame.DATA, 0, 1, Buffer.alloc(16_384)); // 10 MiB
    await until(() => lab.opened[0]?.body.length === 640);
    const given = (stream: number) => lab.of(Frame.WINDOW_UPDATE, stream).reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
    await until(() => given(1) > 9 * 1_048_576 && given(0) > 9 * 1_048_576);
  });

  test('a window larger than there can be', async () => {
    const lab = await Lab.start();
    lab.request(1, false);
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(0x7fffffff));
    expect(await lab.gone()).toBe(ErrorCode.FLOW_CONTROL_ERROR);
  });

  test('a client that does not read costs one socket buffer, and the rest waits in its streams', async () => {
    const lab = await Lab.start(answer(Buffer.alloc(1_000_000)));
    lab.send(Frame.SETTINGS, 0, 0, setting(4, 0x7fffffff));
    lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(0x70000000));
    await until(() => lab.of(Frame.SETTINGS).length === 3); // The server's, and its answers to both of ours.
    lab.client.pause();
    for (let i = 0; i < 50; i++) lab.request(2 * i + 1);
    await until(() => lab.opened.length === 50);
    const waiting = () => lab.opened.reduce((sum, { stream }) => sum + stream.bufferedBytes, 0);
    expect(waiting()).toBeGreaterThan(30_000_000);
    lab.client.resume();
    await until(() => lab.received() === 50_000_000);
    expect(waiting()).toBe(0);
  });
});

describe('peers that break the protocol', () => {
  test.each<[string, number, (lab: Lab) => void]>([
    ['DATA on an idle stream', ErrorCode.PROTOCOL_ERROR, (lab) => lab.send(Frame.DATA, 0, 9, Buffer.from('x'))],
    ['an even stream', ErrorCode.PROTOCOL_ERROR, (lab) => lab.request(2)],
    ['a push', ErrorCode.PROTOCOL_ERROR, (lab) => lab.send(Frame.PUSH_PROMISE, 4, 1)],
    ['padding beyond the payload', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.request(1, false), lab.send(Frame.DATA, 8, 1, Buffer.from([9, 1])))],
    ['an interrupted header block', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.send(Frame.HEADERS, 0, 1, ok), lab.send(Frame.PING, 0, 0, Buffer.alloc(8)))],
    ['a malformed header block', ErrorCode.COMPRESSION_ERROR, (lab) => lab.send(Frame.HEADERS, 4, 1, Buffer.from([0x80]))],
    ['a header block without end', ErrorCode.ENHANCE_YOUR_CALM, (lab) => (lab.send(Frame.HEADERS, 0, 1, ok), Array.from({ length: 10 }, () => lab.send(Frame.CONTINUATION, 0, 1, Buffer.alloc(16_000))))],
    ['PING of another size', ErrorCode.FRAME_SIZE_ERROR, (lab) => lab.send(Frame.PING, 0, 0, Buffer.alloc(7))],
    ['SETTINGS of another size', ErrorCode.FRAME_SIZE_ERROR, (lab) => lab.send(Frame.SETTINGS, 0, 0, Buffer.alloc(7))],
    ['a frame that is too large', ErrorCode.FRAME_SIZE_ERROR, (lab) => lab.send(Frame.DATA, 0, 1, Buffer.alloc(20_000))],
    ['empty frames without end', ErrorCode.ENHANCE_YOUR_CALM, (lab) => (lab.request(1, false), Array.from({ length: 10_002 }, () => lab.send(Frame.DATA, 0, 1)))],
    ['DATA after the client’s own reset', ErrorCode.STREAM_CLOSED, (lab) => (lab.request(1, false), lab.send(Frame.RST_STREAM, 0, 1, uint32(8)), lab.send(Frame.DATA, 0, 1))],
    ['HEADERS after the client’s own reset', ErrorCode.STREAM_CLOSED, (lab) => (lab.request(1, false), lab.send(Frame.RST_STREAM, 0, 1, uint32(8)), lab.request(1))],
    ['a stream id that was left out', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.request(5), lab.request(3))],
    ['SETTINGS without end', ErrorCode.ENHANCE_YOUR_CALM, (lab) => Array.from({ length: 1_100 }, (_, i) => lab.send(Frame.SETTINGS, 0, 0, setting(4, 1 + (i % 2))))],
    ['single bytes of a header block without end', ErrorCode.ENHANCE_YOUR_CALM, (lab) => (lab.send(Frame.HEADERS, 0, 1), Array.from({ length: 100 }, () => lab.send(Frame.CONTINUATION, 0, 1, Buffer.alloc(1))))],
    ['a window that SETTINGS make too large', ErrorCode.FLOW_CONTROL_ERROR, (lab) => (lab.request(1, false), lab.send(Frame.WINDOW_UPDATE, 0, 1, uint32(100_000)), lab.send(Frame.SETTINGS, 0, 0, setting(4, 0x7fffffff)))],
    ['a small block that stands for a large list', ErrorCode.ENHANCE_YOUR_CALM, (lab) => lab.send(Frame.HEADERS, 4, 1, Buffer.concat([Buffer.from('4001617fa11e', 'hex'), Buffer.alloc(4_000, 'x'), Buffer.alloc(40, 0xbe)]))],
    ['a compression table that grows', ErrorCode.COMPRESSION_ERROR, (lab) => lab.send(Frame.HEADERS, 5, 1, Buffer.from('3fe23f', 'hex'))],
    ['a compression table changed in the middle of a block', ErrorCode.COMPRESSION_ERROR, (lab) => lab.send(Frame.HEADERS, 5, 1, Buffer.from('8220', 'hex'))],
    ['resets that the client makes the server send', ErrorCode.ENHANCE_YOUR_CALM, (lab) => Array.from({ length: 10_100 }, (_, i) => (lab.request(2 * i + 1, false), lab.send(Frame.WINDOW_UPDATE, 0, 2 * i + 1, uint32(0))))],
  ])('%s', async (_what, code, act) => {
    const lab = await Lab.start();
    act(lab);
    expect(await lab.gone()).toBe(code);
    expect(lab.error).toBeInstanceOf(Error);
    expect(lab.opened.every(({ closed }) => closed)).toBe(true);
  });

  test.each<[string, ErrorCode, (lab: Lab) => void]>([
    ['DATA after the end', ErrorCode.STREAM_CLOSED, (lab) => (lab.request(1), lab.send(Frame.DATA, 0, 1, Buffer.from('x')))],
    ['HEADERS after the end', ErrorCode.STREAM_CLOSED, (lab) => (lab.request(1), lab.request(1))],
    ['HEADERS in the middle', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.request(1, false), lab.request(1, false))],
    ['less DATA than content-length says', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.fields(1, [['content-length', '2']], false), lab.send(Frame.DATA, 1, 1, Buffer.from('x')))],
    ['more DATA than content-length says', ErrorCode.PROTOCOL_ERROR, (lab) => (lab.fields(1, [['content-length', '2']], false), lab.send(Frame.DATA, 0, 1, Buffer.from('xyz')))],
    ['a name in upper case', ErrorCode.PROTOCOL_ERROR, (lab) => lab.fields(1, [['X', 'y']])],
    ['a line break in a value', ErrorCode.PROTOCOL_ERROR, (lab) => lab.fields(1, [['x', 'y\r\nz: 1']])],
    ['a field of HTTP/1.1', ErrorCode.PROTOCOL_ERROR, (lab) => lab.fields(1, [['connection', 'close']])],
    ['a pseudo header field twice', ErrorCode.PROTOCOL_ERROR, (lab) => lab.fields(1, [[':path', '/again']])],
    ['a pseudo header field after others', ErrorCode.PROTOCOL_ERROR, (lab) => lab.fields(1, [['x', 'y'], [':authority', 'z']])],
    ['a window of one stream that is too large', ErrorCode.FLOW_CONTROL_ERROR, (lab) => (lab.request(1, false), lab.send(Frame.WINDOW_UPDATE, 0, 1, uint32(0x7fffffff)))],
  ])('%s ends the stream, not the connection', async (_what, code, act) => {
    const lab = await Lab.start();
    act(lab);
    await until(() => lab.of(Frame.RST_STREAM, 1).length > 0);
    expect(lab.of(Frame.RST_STREAM, 1)[0]!.payload.readUInt32BE()).toBe(code);
    lab.request(3);
    await until(() => lab.opened.some(({ headers }) => headers[':path'] === '/3'));
    expect(lab.opened.filter(({ closed }) => !closed)).toHaveLength(1);
  });

  test('answers that wait for a client are bounded: then requests are refused', async () => {
    const body = Buffer.alloc(16 * 1_048_576);
    const lab = await Lab.start((o) => (o.stream.headers(ok, false), o.stream.data(body)));
    for (let i = 0; i < 20; i++) lab.request(2 * i + 1);
    await until(() => lab.of(Frame.RST_STREAM).length === 3);
    expect(lab.of(Frame.RST_STREAM)[0]).toMatchObject({ stream: 35, payload: uint32(ErrorCode.REFUSED_STREAM) });
    for (const { stream } of lab.opened) stream.reset(ErrorCode.CANCEL);
    expect(lab.connection.waitingBytes).toBe(0);
  });

  test('the head of answers does not wait in a queue: who does not read it is sent away', async () => {
    const big = encodeHeaders([[':status', '200'], ['x', 'y'.repeat(15_000)]]);
    const lab = await Lab.start((o) => o.stream.headers(big, true));
    lab.client.pause();
    for (let i = 0; i < 3_000; i++) lab.request(2 * i + 1);
    await until(() => lab.error !== undefined);
    expect(String(lab.error)).toContain('answers are not read');
  });

  test('one byte of window at a time, with many streams waiting', async () => {
    const lab = await Lab.start(answer(Buffer.alloc(1_000)), 100_000);
    for (let i = 0; i < 2_000; i++) lab.request(2 * i + 1);
    await until(() => lab.opened.length === 2_000 && lab.received() === 65_535);
    for (let i = 0; i < 2_000; i++) lab.send(Frame.WINDOW_UPDATE, 0, 0, uint32(1));
    await until(() => lab.received() === 67_535);
  });

  test('valid traffic, changed in single bytes, never throws (seed 12)', async () => {
    const r = new TestRandom(12);
    for (let i = 0; i < 40; i++) {
      const lab = await Lab.start((o) => r.below(2) === 0 && answer(r.bytes(100))(o));
      const frame = (type: number, flags: number, stream: number, payload: Buffer) => Buffer.concat([Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream]), payload]);
      const valid = Buffer.concat(Array.from({ length: 10 }, (_, j) => Buffer.concat([
        frame(Frame.HEADERS, 4, 2 * j + 1, encodeHeaders([[':method', 'POST'], [':scheme', 'http'], [':path', '/x'], ['te', 'trailers']])),
        frame(Frame.WINDOW_UPDATE, 0, 2 * j + 1, uint32(100)),
        frame(Frame.SETTINGS, 0, 0, setting(4, 1_000 + j)),
        frame(Frame.DATA, r.below(2), 2 * j + 1, Buffer.alloc(50)),
      ])));
      for (let j = r.below(4); j >= 0; j--) valid[r.below(valid.length)] = r.below(256);
      lab.client.write(valid);
      lab.client.end();
      await until(() => lab.client.destroyed || lab.error !== undefined);
      expect(lab.opened.every(({ closed }) => closed)).toBe(true);
    }
  });

  test('rapid resets', async () => {
    const lab = await Lab.start();
    const burst = (from: number, count: number) => {
      for (let i = 0; i < count; i++) {
        lab.request(2 * (from + i) + 1, false);
        lab.send(Frame.RST_STREAM, 0, 2 * (from + i) + 1, uint32(ErrorCode.CANCEL));
      }
    };
    burst(0, 9_000);
    await until(() => lab.opened.length === 9_000);
    lab.now = 5_000; // 5,000 more are allowed by now.
    burst(9_000, 5_000);
    await until(() => lab.opened.length === 14_000);
    burst(14_000, 6_000);
    expect(await lab.gone()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  test('pings without cause', async () => {
    const lab = await Lab.start((o) => o.headers[':path'] === '/3' && answer(Buffer.from('x'))(o), 100, 5_000);
    const ping = async () => {
      const before = lab.of(Frame.PING).length;
      lab.send(Frame.PING, 0, 0, Buffer.alloc(8));
      await until(() => lab.of(Frame.PING).length > before);
    };
    lab.request(1, false);
    await until(() => lab.opened.length === 1);
    for (let i = 0; i < 5; i++) {
      lab.now += 6_000; // Seldom enough, with a stream open.
      await ping();
    }
    for (let i = 0; i < 2; i++) await ping(); // Two strikes.
    lab.request(3); // An answer forgives them.
    await until(() => lab.of(Frame.HEADERS, 3).length === 2);
    for (let i = 0; i < 3; i++) await ping();
    lab.send(Frame.PING, 0, 0, Buffer.alloc(8));
    expect(await lab.gone()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    expect(String(lab.of(Frame.GOAWAY)[0]!.payload.subarray(8))).toBe('too_many_pings');
  });

  test('pings whose answers are not read', async () => {
    const lab = await Lab.start();
    lab.client.pause();
    let closed = false;
    lab.connection.socket.on('close', () => (closed = true));
    const pings = Buffer.concat(Array.from({ length: 5_000 }, () => Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.alloc(8)])));
    await until(() => (lab.client.writableLength < 1_000_000 && lab.client.write(pings), lab.error !== undefined || closed));
    expect(String(lab.error)).toContain('answers are not read');
    lab.client.resume();
  });

  test('random bytes after the preface never throw (seed 11)', async () => {
    const r = new TestRandom(11);
    for (let i = 0; i < 30; i++) {
      const lab = await Lab.start();
      for (let j = 0; j < 20; j++) lab.send(r.below(11), r.below(64), r.below(4), r.bytes(30));
      lab.client.end();
      await until(() => lab.client.destroyed || lab.error !== undefined);
    }
  });
});

describe('leaving', () => {
  test('streams that are open finish, later ones are not processed', async () => {
    const lab = await Lab.start();
    lab.request(1);
    await until(() => lab.opened.length === 1);
    lab.connection.leave();
    await until(() => lab.of(Frame.GOAWAY).length === 1);
    expect(lab.of(Frame.GOAWAY)[0]!.payload.readUInt32BE()).toBe(1);
    lab.request(3);
    answer(Buffer.from('last words'))(lab.opened[0]!);
    expect(await lab.gone()).toBe(ErrorCode.NO_ERROR);
    expect(String(lab.of(Frame.DATA, 1)[0]!.payload)).toBe('last words');
    expect(lab.opened).toHaveLength(1);
  });

  test('retiring: what was sent before the peer heard of it is answered; then as leaving', async () => {
    const lab = await Lab.start(answer(Buffer.from('still')));
    await until(() => lab.of(Frame.SETTINGS).length > 0);
    lab.connection.retire('old');
    await until(() => lab.of(Frame.PING).length === 1);
    const [first] = lab.of(Frame.GOAWAY);
    expect([first!.payload.readUInt32BE(), first!.payload.readUInt32BE(4), String(first!.payload.subarray(8))]).toEqual([2 ** 31 - 1, ErrorCode.NO_ERROR, 'old']);
    lab.request(1);
    await until(() => lab.received(1) === 5);
    expect(lab.of(Frame.GOAWAY)).toHaveLength(1);
    lab.send(Frame.PING, 1, 0, lab.of(Frame.PING)[0]!.payload);
    expect(await lab.gone()).toBe(ErrorCode.NO_ERROR);
    expect(lab.of(Frame.GOAWAY)[1]!.payload.readUInt32BE()).toBe(1);
    expect(lab.opened).toHaveLength(1);
  });

  test('the connection breaks: every stream is told once', async () => {
    const lab = await Lab.start();
    lab.request(1);
    lab.request(3, false);
    await until(() => lab.opened.length === 2);
    lab.client.destroy();
    await until(() => lab.error !== undefined);
    expect(lab.opened.map(({ closed }) => closed)).toEqual([true, true]);
    lab.opened[0]!.stream.data(Buffer.from('to nobody'));
    lab.opened[0]!.stream.finish(trailers);
  });
});

test('node’s own client: many streams of random sizes at once (seed 3)', async () => {
  const r = new TestRandom(3);
  const server = net.createServer((socket) => {
    const connection = new Connection(socket, {
      concurrentStreamsMax: 1_000,
      pingMinMs: 0,
      nowMs: () => 0,
      after: nodeClock.after,
      closed: () => {},
      open: (stream, headers) => {
        const body: Buffer[] = [];
        return {
          data: (chunk) => void body.push(chunk),
          // Back come the bytes, in pieces, and the header's value in the trailers.
          halfClosed: () => {
            stream.headers(ok, false);
            for (const chunk of body) stream.data(chunk);
            stream.finish(encodeHeaders([['echo', headers['x'] ?? '']]));
          },
          closed() {},
        };
      },
    });
    closers.push(() => connection.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
  closers.push(() => {
    session.destroy();
    server.close();
  });
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const x = `v${r.below(1e9)}-${'ä'.repeat(r.below(3))}`;
      const sent = Buffer.alloc(r.pick([0, 1, 100, 20_000, 300_000]), r.below(256));
      const stream = session.request({ ':method': 'POST', ':path': '/', x: Buffer.from(x).toString('latin1') });
      let echo: unknown;
      stream.on('trailers', (headers) => (echo = headers['echo']));
      stream.end(sent);
      const got: Buffer[] = [];
      for await (const chunk of stream) got.push(chunk as Buffer);
      expect(Buffer.concat(got).equals(sent)).toBe(true);
      expect(Buffer.from(String(echo), 'latin1').toString()).toBe(x);
    }),
  );
});
