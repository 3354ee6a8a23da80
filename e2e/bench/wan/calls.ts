/**
 * gRPC calls over one HTTP/2 connection for next to no processor time: what a client library costs at 1,000 puts a second (a third of a processor) would be
 * measured as lag. Only what the lag needs: puts of one shape, and one watch. Headers are sent without compression; of answers, frames are told apart and
 * nothing more.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import * as pb from '../../../datastore/api/generated/etcdserverpb/rpc.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const Type = { data: 0, headers: 1, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const Flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;
const FRAME_HEADER_BYTES = 9;
const MESSAGE_HEADER_BYTES = 5;
const INITIAL_WINDOW = 65_535;
/** What the server may send before it is told that there is more room: never reached. */
const WINDOW = 2 ** 31 - 1;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function message(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(MESSAGE_HEADER_BYTES);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** HPACK (RFC 7541) by its static table, nothing remembered. */
function headers(path: string, authority: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // POST, http
    Buffer.from([0x04]), text(path), Buffer.from([0x01]), text(authority),
    Buffer.from([0x0f, 0x10]), text('application/grpc'), Buffer.from([0x00]), text('te'), text('trailers'),
  ]);
}

const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
};

/** One connection. Whatever goes wrong with it throws, unhandled: there is no measurement then. */
class Connection {
  readonly authority: string;
  readonly #socket: Socket;
  readonly #onData: (stream: number, payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of DATA that the server takes before it says that there is room for more, over all streams. A put is far smaller than the window of its own stream. */
  #window = INITIAL_WINDOW;
  #waiting: { readonly bytes: Buffer; readonly data: number }[] = [];
  #nextStream = 1;

  private constructor(socket: Socket, authority: string, onData: (stream: number, payload: Buffer) => void) {
    this.#socket = socket;
    this.authority = authority;
    this.#onData = onData;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => {
      throw error;
    });
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(Type.settings, 0, 0, setting(4, WINDOW)), frame(Type.windowUpdate, 0, 0, uint32(WINDOW - INITIAL_WINDOW))]));
  }

  /** @param onData what comes as DATA, and on which stream */
  static open(endpoint: string, onData: (stream: number, payload: Buffer) => void): Promise<Connection> {
    const { hostname, port, host } = new URL(endpoint);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new Connection(socket, host, onData)));
      socket.once('error', reject);
    });
  }

  /** The next stream's number. */
  stream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** HEADERS and DATA of one stream, `data` bytes of which count as DATA. */
  send(bytes: Buffer, data: number): void {
    if (this.#waiting.length > 0 || this.#window < data) {
      this.#waiting.push({ bytes, data });
      return;
    }
    this.#window -= data;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (rest.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#frame(rest[3]!, rest[4]!, rest.readUInt32BE(5), rest.subarray(FRAME_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case Type.data:
        return this.#onData(stream, payload);
      case Type.settings:
        if ((flags & Flag.ack) === 0) this.#socket.write(frame(Type.settings, Flag.ack, 0, Buffer.alloc(0)));
        return;
      case Type.ping:
        if ((flags & Flag.ack) === 0) this.#socket.write(frame(Type.ping, Flag.ack, 0, payload));
        return;
      case Type.windowUpdate:
        if (stream === 0) this.#room(payload.readUInt32BE(0));
        return;
      case Type.goAway:
        throw new Error(`the server ended the connection, code ${payload.readUInt32BE(4)}`);
    }
  }

  #room(bytes: number): void {
    this.#window += bytes;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes: held, data } of waiting) this.send(held, data);
  }
}

/** Puts of values that begin with a text, under keys of one length. */
export class Puts {
  readonly #connection: Connection;
  readonly #head: Buffer;
  readonly #valueBytes: number;

  private constructor(connection: Connection, valueBytes: number) {
    this.#connection = connection;
    this.#valueBytes = valueBytes;
    this.#head = headers('/etcdserverpb.KV/Put', connection.authority);
  }

  /** @param answered called for each put that was made: a refusal has no message, only headers */
  static async open(endpoint: string, valueBytes: number, answered: () => void): Promise<Puts> {
    return new Puts(await Connection.open(endpoint, answered), valueBytes);
  }

  put(key: string, text: string): void {
    const stream = this.#connection.stream();
    const put = pb.PutRequest.encode(pb.PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from(text.padEnd(this.#valueBytes)) })).finish();
    const data = message(put);
    this.#connection.send(Buffer.concat([frame(Type.headers, Flag.endHeaders, stream, this.#head), frame(Type.data, Flag.endStream, stream, data)]), data.length);
  }

  close(): void {
    this.#connection.close();
  }
}

/** Watches keys from `start` to before `end`; each message of the server is given to `onMessage`, the one that says that it watches first. */
export async function watch(endpoint: string, start: string, end: string, onMessage: (message: Buffer) => void): Promise<{ close(): void }> {
  let rest: Buffer = Buffer.alloc(0);
  const connection = await Connection.open(endpoint, (_stream, payload) => {
    let bytes = rest.length === 0 ? payload : Buffer.concat([rest, payload]);
    while (bytes.length >= MESSAGE_HEADER_BYTES) {
      const to = MESSAGE_HEADER_BYTES + bytes.readUInt32BE(1);
      if (bytes.length < to) break;
      onMessage(bytes.subarray(MESSAGE_HEADER_BYTES, to));
      bytes = bytes.subarray(to);
    }
    rest = bytes;
  });
  const value = pb.WatchCreateRequest.fromPartial({ key: Buffer.from(start), range_end: Buffer.from(end) });
  const request = message(pb.WatchRequest.encode(pb.WatchRequest.fromPartial({ request_union: { $case: 'create_request', value } })).finish());
  const stream = connection.stream();
  connection.send(Buffer.concat([frame(Type.headers, Flag.endHeaders, stream, headers('/etcdserverpb.Watch/Watch', connection.authority)), frame(Type.data, 0, stream, request)]), request.length);
  return connection;
}
