/**
 * An HTTP/2 connection, the server's side (RFC 9113). It keeps to the peer's windows, gives its own back, and protects itself from
 * peers that reset, ping or split without end. It knows nothing of gRPC.
 */
import type { Duplex } from 'node:stream';
import type { Timer } from '../../host/host.ts';
import { ConnectionError, ErrorCode, Flag, Frame, Setting, defaultFrameBytes, defaultWindowBytes, preface, windowBytesMax } from './constants.ts';
import { FrameReader } from './frames.ts';
import { Guard } from './guard.ts';
import { type Headers, HpackDecoder } from './hpack.ts';
import { Output } from './output.ts';
import { Stream, type StreamHandler } from './stream.ts';

export interface ConnectionOptions {
  readonly concurrentStreamsMax: number;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Calls a function once, after so many milliseconds. */
  readonly after: (delayMs: number, fn: () => void) => Timer;
  /** A request's headers are complete. May answer at once. */
  readonly open: (stream: Stream, headers: Headers) => StreamHandler;
  /** Called once. `error`: why it ended, if the peer broke the protocol or the connection broke. */
  readonly closed: (error: Error | null) => void;
  /** Peers that ping more often without cause are sent away; 0: never. As grpc-go's EnforcementPolicy.MinTime. */
  readonly pingMinMs: number;
}

/** A message of up to half of this arrives without waiting for a window update. */
const streamWindowBytes = 1_048_576;
const connectionWindowBytes = 8 * 1_048_576;
/** Largest header list; a block comes in few frames. */
const headerListBytes = 65_536;
/** A block of that list comes in five frames at most, if they are full. */
const continuationsMax = 64;
/** Most streams that one connection may have open, whatever the option says: each costs memory even if nothing is asked. */
const streamsMax = 100_000;
/** Answers that may wait for one peer. Beyond it new requests are refused, which clients try again. */
const waitingMax = 256 * 1_048_576;
/** Streams whose late frames are expected, because this side ended them first; older ones are forgotten. */
const lateMax = 1_000;
/** Gaps in the peer's stream ids that are remembered. */
const skippedMax = 32;
/** Answers to SETTINGS and PING, and headers, that may wait for a peer which does not read. */
const unsentMax = 16 * 1_048_576;
const empty = Buffer.alloc(0);
/** Connections that have something to flush in this turn. */
const dirty: Output[] = [];

function schedule(output: Output): void {
  if (dirty.push(output) === 1) process.nextTick(flushAll);
}
function flushAll(): void {
  // A flush may not add: what it writes is written.
  for (const output of dirty.splice(0)) output.flush();
}

export class Connection {
  readonly socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #output: Output;
  readonly #guard: Guard;
  readonly #reader = new FrameReader((type, flags, stream, payload) => this.#frame(type, flags, stream, payload));
  readonly #hpack = new HpackDecoder(headerListBytes);
  readonly #streams = new Map<number, Stream>();
  /** Streams that wait for the connection's window or for the socket, longest first. */
  readonly #blocked = new Set<Stream>();
  #prefaceLeft: Buffer = preface;
  #window = defaultWindowBytes;
  #peerStreamWindow = defaultWindowBytes;
  #peerFrameBytes = defaultFrameBytes;
  #received = 0;
  #lastStream = 0;
  /** What GOAWAY said; later streams were not processed. */
  #lastTaken = windowBytesMax;
  /** Ended here before the peer had ended them, oldest first: what was under way to them is no fault. */
  readonly #late = new Set<number>();
  /** All streams up to this one count as `#late`: too many to remember. */
  #lateUpTo = 0;
  /** Stream ids that the peer left out: [first, last]. They can never be used. */
  #skipped: [number, number][] = [];
  /** Bytes that wait in the queues of all streams. */
  waitingBytes = 0;
  readonly #streamsMax: number;
  #settled = false;
  /** A header block that continues in the next frame. */
  #partial: { stream: number; endStream: boolean; blocks: Buffer[]; bytes: number } | null = null;
  #leaving = false;
  #closing = false;
  #ended = false;
  #pings = new Map<string, () => void>();
  #pingCount = 0;

  constructor(socket: Duplex, options: ConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    this.#streamsMax = Math.min(options.concurrentStreamsMax, streamsMax);
    this.#output = new Output(socket, schedule, options.after);
    this.#guard = new Guard(options.nowMs, options.pingMinMs);
    const settings = [
      [Setting.MAX_CONCURRENT_STREAMS, this.#streamsMax],
      [Setting.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, headerListBytes],
    ] as const;
    const payload = Buffer.alloc(settings.length * 6);
    settings.forEach(([id, value], i) => payload.writeUInt32BE(value, payload.writeUInt16BE(id, i * 6)));
    this.#output.frame(Frame.SETTINGS, 0, 0, payload);
    this.#windowUpdate(0, connectionWindowBytes - defaultWindowBytes);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error: Error) => this.#end(error));
    socket.on('close', () => this.#end(null));
    // A client that closes its side wants nothing more.
    socket.on('end', () => {
      this.#end(null);
      socket.end();
    });
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Takes no more streams (GOAWAY); closes once those that are open have ended. */
  leave(): void {
    if (this.#leaving || this.#ended) return;
    this.#leaving = true;
    this.#goAway(ErrorCode.NO_ERROR);
    this.#leaveIfIdle();
  }

  /**
   * As `leave`, and no request is lost on the way: the peer is told first, without a last stream (RFC 9113, 6.8), and what it sends until it has heard
   * that is taken still.
   * @param why for the peer's logs
   */
  retire(why: string): void {
    if (this.#leaving || this.#ended) return;
    this.#goAway(ErrorCode.NO_ERROR, why, windowBytesMax);
    this.ping(() => this.leave());
  }

  destroy(): void {
    this.#output.flush();
    this.socket.destroy();
    this.#end(null);
  }

  /** Calls `answered` when the peer has answered. */
  ping(answered: () => void): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pingCount % 0xffffffff, 4);
    this.#pings.set(payload.toString('latin1'), answered);
    this.#output.frame(Frame.PING, 0, 0, payload);
  }

  // What streams do.

  sendHeaders(stream: Stream, block: Buffer, end: boolean): void {
    this.#guard.answered = true;
    const first = block.subarray(0, this.#peerFrameBytes);
    let flags = end ? Flag.END_STREAM : 0;
    if (first.length === block.length) flags |= Flag.END_HEADERS;
    this.#output.frame(Frame.HEADERS, flags, stream.id, first);
    for (let at = first.length; at < block.length; at += this.#peerFrameBytes) {
      const part = block.subarray(at, at + this.#peerFrameBytes);
      this.#output.frame(Frame.CONTINUATION, at + part.length === block.length ? Flag.END_HEADERS : 0, stream.id, part);
    }
  }

  /** Sends as much of a stream's queue as the windows and the socket allow. */
  pump(stream: Stream): void {
    const { queue } = stream;
    while (queue.length > 0) {
      if (this.#output.full || this.#window === 0) {
        this.#blocked.add(stream);
        return;
      }
      const head = queue[0]!;
      const count = Math.min(head.length, this.#window, stream.window, this.#peerFrameBytes);
      if (count <= 0) return; // Until the peer widens the stream's window.
      this.#guard.answered = true;
      this.#window -= count;
      stream.window -= count;
      if (count === head.length) queue.shift();
      else queue[0] = head.subarray(count);
      this.#output.frame(Frame.DATA, 0, stream.id, count === head.length ? head : head.subarray(0, count));
      stream.taken(count);
    }
    if (stream.finale === null || stream.localEnded) return;
    if (stream.finale === 'data') this.#output.frame(Frame.DATA, Flag.END_STREAM, stream.id, empty);
    else this.sendHeaders(stream, stream.finale, true);
    stream.ended();
  }

  reset(stream: Stream, code: ErrorCode): void {
    if (!stream.remoteEnded) this.#expectLate(stream.id);
    this.#sendReset(stream.id, code);
    this.forget(stream);
  }

  #sendReset(id: number, code: ErrorCode): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(code);
    this.#output.frame(Frame.RST_STREAM, 0, id, payload);
  }

  /** Ends a stream because of what the peer did; it may not do that without end. */
  #fault(id: number, code: ErrorCode): void {
    this.#guard.reset();
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.reset(stream, code);
    else this.#sendReset(id, code);
  }

  #expectLate(id: number): void {
    this.#late.add(id);
    if (this.#late.size <= lateMax) return;
    const oldest = this.#late.values().next().value!;
    this.#late.delete(oldest);
    this.#lateUpTo = Math.max(this.#lateUpTo, oldest);
  }

  /** DATA or HEADERS on a stream that is over. */
  #afterEnd(id: number): void {
    if (this.#late.has(id) || id <= this.#lateUpTo || id > this.#lastTaken) return;
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, 'a frame on a closed stream');
  }

  /** The stream is over on both sides. */
  forget(stream: Stream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#blocked.delete(stream);
    stream.close();
    this.#leaveIfIdle();
  }

  // What the peer does.

  #data(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      const rest = this.#prefaceLeft.length > 0 ? this.#afterPreface(chunk) : chunk;
      if (rest.length > 0) this.#reader.push(rest);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#goAway(error.code, error.message);
      this.#output.flush();
      this.#end(error);
      // What the peer still sends is read and dropped: closing over unread bytes would make the kernel drop the GOAWAY.
      this.socket.end();
    }
  }

  #afterPreface(chunk: Buffer): Buffer {
    const length = Math.min(chunk.length, this.#prefaceLeft.length);
    if (!chunk.subarray(0, length).equals(this.#prefaceLeft.subarray(0, length))) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'no HTTP/2 preface');
    this.#prefaceLeft = this.#prefaceLeft.subarray(length);
    return chunk.subarray(length);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#ended) return;
    if (this.#partial !== null && (type !== Frame.CONTINUATION || id !== this.#partial.stream)) throw protocol('a header block was interrupted');
    if (!this.#settled) {
      if (type !== Frame.SETTINGS || (flags & Flag.ACK) !== 0) throw protocol('SETTINGS must come first');
      this.#settled = true;
    }
    if (type === Frame.DATA) this.#dataFrame(flags, id, payload);
    else if (type === Frame.HEADERS) this.#headersFrame(flags, id, payload);
    else if (type === Frame.CONTINUATION) this.#continuation(flags, payload);
    else if (type === Frame.WINDOW_UPDATE) this.#windowFrame(id, payload);
    else if (type === Frame.RST_STREAM) this.#resetFrame(id, payload);
    else if (type === Frame.SETTINGS) this.#settings(flags, id, payload);
    else if (type === Frame.PING) this.#ping(flags, id, payload);
    else if (type === Frame.PUSH_PROMISE) throw protocol('clients do not push');
    else if (type === Frame.PRIORITY) this.#priority(id, payload);
    else if (type === Frame.GOAWAY && id !== 0) throw protocol('GOAWAY on a stream');
    // GOAWAY and unknown frames: nothing to do. A leaving client closes by itself.
  }

  #dataFrame(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || id > this.#lastStream) throw protocol('DATA on an idle stream');
    const end = (flags & Flag.END_STREAM) !== 0;
    if (payload.length === 0 && !end) this.#guard.emptyFrame();
    const stream = this.#streams.get(id);
    this.#received += payload.length;
    if (this.#received > connectionWindowBytes) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than allowed');
    if (this.#received >= connectionWindowBytes / 2) {
      this.#windowUpdate(0, this.#received);
      this.#received = 0;
    }
    const data = flags & Flag.PADDED ? unpad(payload) : payload;
    if (stream === undefined) return this.#afterEnd(id);
    if (stream.remoteEnded) return this.#fault(id, ErrorCode.STREAM_CLOSED);
    if (stream.lengthLeft >= 0) {
      stream.lengthLeft -= data.length;
      if (stream.lengthLeft < 0 || (end && stream.lengthLeft > 0)) return this.#fault(id, ErrorCode.PROTOCOL_ERROR);
    }
    stream.received += payload.length;
    if (stream.received > streamWindowBytes) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than allowed');
    if (end) stream.remoteEnded = true;
    else if (stream.received >= streamWindowBytes / 2) {
      this.#windowUpdate(id, stream.received);
      stream.received = 0;
    }
    if (data.length > 0) stream.handler?.data(data);
    if (end && !stream.closed) stream.handler?.halfClosed();
  }

  #headersFrame(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || id % 2 === 0) throw protocol('HEADERS on a stream that no client may open');
    let block = flags & Flag.PADDED ? unpad(payload) : payload;
    if (flags & Flag.PRIORITY) {
      if (block.length < 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS too short');
      if ((block.readUInt32BE() & windowBytesMax) === id) throw protocol('a stream that depends on itself');
      block = block.subarray(5);
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if (flags & Flag.END_HEADERS) this.#headers(id, endStream, block);
    else this.#partial = { stream: id, endStream, blocks: [block], bytes: block.length };
  }

  #continuation(flags: number, payload: Buffer): void {
    const partial = this.#partial;
    if (partial === null) throw protocol('CONTINUATION without HEADERS');
    if (payload.length === 0) this.#guard.emptyFrame();
    partial.blocks.push(payload);
    partial.bytes += payload.length;
    if (partial.bytes > headerListBytes || partial.blocks.length > continuationsMax) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'header block too large');
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#partial = null;
    this.#headers(partial.stream, partial.endStream, Buffer.concat(partial.blocks));
  }

  #headers(id: number, endStream: boolean, block: Buffer): void {
    // Decoded in any case: the tables depend on every block.
    const { headers, fault } = this.#hpack.decode(block);
    if (id <= this.#lastStream) return this.#laterHeaders(id, endStream, headers, fault);
    if (id !== this.#lastStream + 2) this.#skip(this.#lastStream + 2 - (this.#lastStream === 0 ? 1 : 0), id - 2);
    this.#lastStream = id;
    // What comes after GOAWAY was not processed, and the client knows.
    if (this.#leaving) return;
    // Headers of answers do not wait in a queue.
    if (this.#output.full && this.#output.pending > unsentMax) throw unread();
    const stream = new Stream(this, id, this.#peerStreamWindow);
    stream.remoteEnded = endStream;
    if (this.#streams.size >= this.#streamsMax || this.waitingBytes > waitingMax) return this.#refuse(stream, ErrorCode.REFUSED_STREAM);
    if (fault !== '' || !isRequest(headers)) return this.#refuse(stream, ErrorCode.PROTOCOL_ERROR);
    const length = headers['content-length'];
    if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length) || (endStream && Number(length) !== 0)) return this.#refuse(stream, ErrorCode.PROTOCOL_ERROR);
      stream.lengthLeft = Number(length);
    }
    this.#streams.set(id, stream);
    const handler = this.#options.open(stream, headers);
    stream.handler = handler;
    if (stream.closed) handler.closed();
    else if (endStream) handler.halfClosed();
  }

  /** Trailers of a request; or HEADERS that may not be. */
  #laterHeaders(id: number, endStream: boolean, headers: Headers, fault: string): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#skipped.some(([first, last]) => id >= first && id <= last)) throw protocol('a stream id smaller than the last');
      return this.#afterEnd(id);
    }
    if (stream.remoteEnded) return this.#fault(id, ErrorCode.STREAM_CLOSED);
    const pseudo = headers[':method'] ?? headers[':path'] ?? headers[':scheme'] ?? headers[':authority'];
    if (!endStream || fault !== '' || pseudo !== undefined || stream.lengthLeft > 0) return this.#fault(id, ErrorCode.PROTOCOL_ERROR);
    stream.remoteEnded = true;
    stream.handler?.halfClosed();
  }

  #skip(first: number, last: number): void {
    if (first > last) return;
    this.#skipped.push([first, last]);
    if (this.#skipped.length > skippedMax) this.#skipped.shift();
  }

  #refuse(stream: Stream, code: ErrorCode): void {
    this.#guard.reset();
    this.reset(stream, code);
  }

  /** Priorities are not used, but they have a form. */
  #priority(id: number, payload: Buffer): void {
    if (id === 0) throw protocol('PRIORITY without a stream');
    if (payload.length !== 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY of another size');
    if ((payload.readUInt32BE() & windowBytesMax) === id) throw protocol('a stream that depends on itself');
  }

  #windowFrame(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'WINDOW_UPDATE of another size');
    const increment = payload.readUInt32BE() & windowBytesMax;
    if (id === 0) {
      if (increment === 0) throw protocol('WINDOW_UPDATE by nothing');
      this.#window += increment;
      if (this.#window > windowBytesMax) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window too large');
      this.#unblock();
      return;
    }
    if (id > this.#lastStream) throw protocol('WINDOW_UPDATE on an idle stream');
    const stream = this.#streams.get(id);
    if (increment === 0) return this.#fault(id, ErrorCode.PROTOCOL_ERROR);
    if (stream === undefined) return;
    stream.window += increment;
    if (stream.window > windowBytesMax) this.#fault(id, ErrorCode.FLOW_CONTROL_ERROR);
    else this.pump(stream);
  }

  #resetFrame(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'RST_STREAM of another size');
    if (id === 0 || id > this.#lastStream) throw protocol('RST_STREAM on an idle stream');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#guard.reset();
    this.forget(stream);
  }

  #settings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocol('SETTINGS on a stream');
    if (flags & Flag.ACK) {
      if (payload.length !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS with ACK and a payload');
      return;
    }
    this.#guard.settings();
    let windowBytes = this.#peerStreamWindow;
    if (payload.length % 6 !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS of another size');
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const setting = payload.readUInt16BE(at);
      if (setting === Setting.INITIAL_WINDOW_SIZE) {
        if (value > windowBytesMax) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window too large');
        windowBytes = value;
      } else if (setting === Setting.MAX_FRAME_SIZE) {
        if (value < defaultFrameBytes || value > 0xffffff) throw protocol('no such frame size');
        // Larger frames gain nothing, and make others wait longer.
        this.#peerFrameBytes = Math.min(value, 65_536);
      } else if (setting === Setting.ENABLE_PUSH && value > 1) throw protocol('no such value of ENABLE_PUSH');
    }
    this.#answer(Frame.SETTINGS, empty);
    if (windowBytes !== this.#peerStreamWindow) this.#widen(windowBytes);
  }

  /** Changes the windows of all streams. Once a frame, however often the frame says so. */
  #widen(windowBytes: number): void {
    const change = windowBytes - this.#peerStreamWindow;
    this.#peerStreamWindow = windowBytes;
    for (const stream of this.#streams.values()) {
      stream.window += change;
      if (stream.window > windowBytesMax) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window too large');
    }
    if (change > 0) for (const stream of [...this.#streams.values()]) this.pump(stream);
  }

  #ping(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocol('PING on a stream');
    if (payload.length !== 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'PING of another size');
    if ((flags & Flag.ACK) === 0) {
      this.#answer(Frame.PING, payload);
      this.#guard.ping(this.#streams.size);
      return;
    }
    const key = payload.toString('latin1');
    const answered = this.#pings.get(key);
    this.#pings.delete(key);
    answered?.();
  }

  #answer(type: number, payload: Buffer): void {
    if (this.#output.pending > unsentMax) throw unread();
    if (type === Frame.PING) this.#output.lazyFrame(type, Flag.ACK, 0, payload);
    else this.#output.frame(type, Flag.ACK, 0, payload);
  }

  #drained(): void {
    this.#output.full = false;
    this.#unblock();
  }

  /** Each waiting stream goes on in turn; one that blocks again goes to the end. */
  #unblock(): void {
    // Without a copy: this runs for every WINDOW_UPDATE. A stream that comes back to the end means that nothing more can be sent.
    for (const stream of this.#blocked) {
      if (this.#output.full || this.#window === 0) return;
      this.#blocked.delete(stream);
      this.pump(stream);
    }
  }

  #windowUpdate(id: number, increment: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(increment);
    this.#output.frame(Frame.WINDOW_UPDATE, 0, id, payload);
  }

  /** @param why clients look for `too_many_pings` */
  #goAway(code: ErrorCode, why = '', lastStream = this.#lastStream): void {
    const payload = Buffer.concat([Buffer.alloc(8), Buffer.from(why)]);
    this.#lastTaken = Math.min(this.#lastTaken, lastStream);
    payload.writeUInt32BE(this.#lastTaken);
    payload.writeUInt32BE(code, 4);
    this.#output.frame(Frame.GOAWAY, 0, 0, payload);
  }

  #leaveIfIdle(): void {
    if (!this.#leaving || this.#streams.size > 0 || this.#ended || this.#closing) return;
    this.#closing = true;
    this.#output.flush();
    this.socket.end();
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#blocked.clear();
    for (const stream of streams) stream.close();
    this.#options.closed(error);
  }
}

const unread = () => new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'answers are not read');

/** CONNECT has neither scheme nor path, and nothing to do here. */
function isRequest(headers: Headers): boolean {
  const path = headers[':path'];
  return headers[':method'] !== undefined && headers[':scheme'] !== undefined && path !== undefined && path !== '';
}

const protocol = (what: string) => new ConnectionError(ErrorCode.PROTOCOL_ERROR, what);

/** Without the length byte and that many bytes of padding at the end. */
function unpad(payload: Buffer): Buffer {
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) throw protocol('more padding than payload');
  return payload.subarray(1, payload.length - padding);
}
