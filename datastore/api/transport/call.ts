/** One RPC on one HTTP/2 stream. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { Code, EtcdError } from '../../errors.ts';
import type { Timer } from '../../host/host.ts';
import type { Frame } from '../hot/writer.ts';
import { Deframer } from './deframer.ts';
import { type Status, encodeMessage, statusOf } from './status.ts';
import type { Method, Peer, Receiver, StreamCall } from './types.ts';

/** What all calls of a server share. */
export interface CallEnvironment {
  readonly messageBytesMax: number;
  monotonicMs(): number;
  after(delayMs: number, fn: () => void): Timer;
  soon(fn: () => void): void;
  /** The call is not answered yet (added once, if it cannot be answered at once). */
  pending(call: GrpcCall): void;
  /** The call is over; reported exactly once. */
  handled(call: GrpcCall, status: Status, seconds: number): void;
  sent(call: GrpcCall, bytes: number): void;
  received(call: GrpcCall, bytes: number): void;
  /** Something was thrown that is no `EtcdError`. */
  fault(call: GrpcCall, error: unknown): void;
}

const answerHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const;
const answerOptions = { waitForTrailers: true, endStream: false } as const;
const okTrailers = { 'grpc-status': '0' } as const;
const okStatus: Status = { code: Code.OK, message: '' };

const callOf = Symbol('the call of a stream');
type CallStream = ServerHttp2Stream & { [callOf]: GrpcCall };

export class GrpcCall implements StreamCall {
  readonly method: Method;
  readonly metadata: IncomingHttpHeaders;
  readonly peer: Peer;
  readonly #env: CallEnvironment;
  readonly #stream: CallStream;
  readonly #startMs: number;
  readonly #deframer: Deframer;
  #receiver: Receiver | null = null;
  #status: Status | null = null;
  #gotRequest = false;
  #halfClosed = false;
  #deadline: Timer | null = null;
  #overs: (() => void)[] | null = null;
  #queue: Frame[] = [];
  #queuedBytes = 0;
  #flushing = false;
  #drains: (() => void)[] = [];
  /** Writes that the stream has not taken yet. */
  #writes = 0;
  #written: (() => void) | null = null;
  /** The answer was complete before the request. */
  #early = false;
  #trailersOnly = false;
  /** OK, or what ended the call; null while it runs. */
  #trailers: Status = okStatus;

  constructor(env: CallEnvironment, stream: ServerHttp2Stream, method: Method, metadata: IncomingHttpHeaders, peer: Peer) {
    this.#env = env;
    this.#stream = stream as CallStream;
    this.method = method;
    this.metadata = metadata;
    this.peer = peer;
    this.#startMs = env.monotonicMs();
    this.#deframer = new Deframer(env.messageBytesMax, metadata['grpc-encoding'] === 'gzip');
    this.#stream[callOf] = this;
    stream.on('error', onError);
    stream.on('close', onClose);
  }

  /** Starts reading. @param timeoutMs the client's deadline, null for none */
  start(timeoutMs: number | null): void {
    const stream = this.#stream;
    if (timeoutMs !== null) this.#deadline = this.#env.after(timeoutMs, () => this.#deadlinePassed());
    if (this.method.type === 'bidi_stream') {
      this.#env.pending(this);
      try {
        this.#receiver = this.method.handle(this);
      } catch (error) {
        this.end(error);
        return;
      }
    }
    stream.on('data', onData);
    stream.on('end', onEnd);
  }

  get over(): boolean {
    return this.#status !== null;
  }

  onOver(fn: () => void): void {
    if (this.#status !== null) fn();
    else (this.#overs ??= []).push(fn);
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + this.#stream.writableLength;
  }

  send(frame: Frame): void {
    if (this.#status !== null) return;
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    this.#env.sent(this, frame.length);
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(flush, this);
  }

  onDrain(fn: () => void): void {
    this.#drains.push(fn);
    process.nextTick(drained, this);
  }

  end(error?: unknown): void {
    if (this.#status !== null) return;
    if (error === undefined) {
      this.#finish(okStatus);
      return;
    }
    if (!(error instanceof EtcdError)) this.#env.fault(this, error);
    this.#finish(statusOf(error));
  }

  /** A chunk of the request. */
  data(chunk: Buffer): void {
    if (this.#status !== null) return;
    try {
      for (const message of this.#deframer.push(chunk)) this.#message(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** The client sends no more. */
  halfClose(): void {
    this.#halfClosed = true;
    if (this.#status !== null) return;
    try {
      if (!this.#deframer.idle) throw new EtcdError(Code.INTERNAL, 'unexpected EOF');
      if (this.#receiver !== null) this.#receiver.end();
      else if (!this.#gotRequest) throw new EtcdError(Code.INTERNAL, 'EOF');
    } catch (error) {
      this.end(error);
    }
  }

  /** The stream is gone: if the call still ran, the client cancelled it or vanished. */
  closed(): void {
    if (this.#status === null) this.#settle({ code: Code.CANCELLED, message: 'context canceled' });
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writes = 0;
    this.drained();
  }

  #message(message: Buffer): void {
    this.#env.received(this, message.length);
    if (this.#receiver !== null) {
      this.#receiver.message(message);
      return;
    }
    if (this.#gotRequest) throw new EtcdError(Code.INTERNAL, 'grpc: received more than one request message');
    this.#gotRequest = true;
    if (this.method.type === 'unary') this.#unary(message);
    else if (this.method.type === 'server_stream') {
      this.#env.pending(this);
      this.method.handle(message, this);
    }
  }

  #unary(message: Buffer): void {
    if (this.method.type !== 'unary') return;
    const answer = this.method.handle(message, this);
    if (Buffer.isBuffer(answer)) {
      this.#answer(answer);
      return;
    }
    this.#env.pending(this);
    answer.then(
      (frame) => this.#answer(frame),
      (error: unknown) => this.end(error),
    );
  }

  /** Headers, the message and trailers of a unary call, in one go. */
  #answer(frame: Frame): void {
    if (this.#status !== null) return;
    const stream = this.#stream;
    this.#env.sent(this, frame.length);
    this.#settle(okStatus);
    stream.respond(answerHeaders, answerOptions);
    stream.on('wantTrailers', onWantTrailers);
    stream.end(frame);
  }

  #finish(status: Status): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) {
      this.#settle(status);
      return;
    }
    if (!stream.headersSent && this.#queue.length === 0 && status.code !== Code.OK) {
      this.#settle(status);
      this.#trailersOnly = true;
      stream.respond({ ...answerHeaders, ...trailersOf(status) }, { endStream: true });
      this.#discard();
      return;
    }
    this.flush();
    this.#trailers = status;
    this.#settle(status);
    this.#open();
    stream.end();
    this.#discard();
  }

  /** After an early end the rest of the request is of no use; NO_ERROR tells the client to stop sending (RFC 9113, 8.1). */
  #discard(): void {
    if (this.#halfClosed) return;
    this.#early = true;
    this.#stream.resume();
    if (this.#stream.writableEnded && this.#trailersOnly) this.#stream.once('finish', () => this.ended());
  }

  /** Everything that this side sends is sent. */
  ended(): void {
    if (!this.#early) return;
    const stream = this.#stream;
    this.#env.soon(() => {
      if (!stream.destroyed && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  #open(): void {
    if (this.#stream.headersSent) return;
    this.#stream.respond(answerHeaders, answerOptions);
    this.#stream.on('wantTrailers', onWantTrailers);
  }

  flush(): void {
    this.#flushing = false;
    const stream = this.#stream;
    const queue = this.#queue;
    if (queue.length === 0 || stream.destroyed || stream.closed) return;
    this.#open();
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writes++;
    stream.write(queue.length === 1 ? queue[0]! : Buffer.concat(queue), (this.#written ??= () => this.#wrote()));
  }

  #wrote(): void {
    this.#writes--;
    this.drained();
  }

  /** Tells those who wait, if nothing is buffered any more. */
  drained(): void {
    if (this.#drains.length === 0 || this.#writes > 0 || this.#queue.length > 0) return;
    const drains = this.#drains;
    this.#drains = [];
    for (const fn of drains) fn();
  }

  get trailers(): Record<string, string> {
    return trailersOf(this.#trailers);
  }

  #deadlinePassed(): void {
    if (this.#status !== null) return;
    this.#finish({ code: Code.DEADLINE_EXCEEDED, message: 'context deadline exceeded' });
  }

  #settle(status: Status): void {
    this.#status = status;
    this.#deadline?.cancel();
    this.#env.handled(this, status, (this.#env.monotonicMs() - this.#startMs) / 1_000);
    const overs = this.#overs;
    this.#overs = null;
    if (overs !== null) for (const fn of overs) fn();
  }
}

export function trailersOf(status: Status): Record<string, string> {
  if (status.code === Code.OK) return okTrailers;
  return { 'grpc-status': String(status.code), 'grpc-message': encodeMessage(status.message) };
}

// Listeners are shared by all streams, so that a call costs no closures.
function onData(this: CallStream, chunk: Buffer): void {
  this[callOf].data(chunk);
}
function onEnd(this: CallStream): void {
  this[callOf].halfClose();
}
function onClose(this: CallStream): void {
  this[callOf].closed();
}
function onWantTrailers(this: CallStream): void {
  if (this.destroyed || this.closed) return;
  this.sendTrailers(this[callOf].trailers);
  this[callOf].ended();
}
function onError(): void {
  // A reset or a lost connection: 'close' follows.
}
function flush(call: GrpcCall): void {
  call.flush();
}
function drained(call: GrpcCall): void {
  call.drained();
}
