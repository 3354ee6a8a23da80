/** One RPC on one HTTP/2 stream. */
import { Code, EtcdError } from '../../errors.ts';
import type { Timer } from '../../host/host.ts';
import type { Frame } from '../hot/writer.ts';
import { type Headers, encodeHeaders } from '../http2/hpack.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import { Deframer } from './deframer.ts';
import { type Status, encodeMessage, statusOf } from './status.ts';
import type { Method, Peer, Receiver, StreamCall } from './types.ts';

/** What all calls of a server share. */
export interface CallEnvironment {
  readonly messageBytesMax: number;
  monotonicMs(): number;
  after(delayMs: number, fn: () => void): Timer;
  /** The call is not answered yet (added once, if it cannot be answered at once). */
  pending(call: GrpcCall): void;
  /** The call is over; reported exactly once. */
  handled(call: GrpcCall, status: Status, seconds: number): void;
  sent(call: GrpcCall, bytes: number): void;
  received(call: GrpcCall, bytes: number): void;
  /** Something was thrown that is no `EtcdError`. */
  fault(call: GrpcCall, error: unknown): void;
}

const contentType = ['content-type', 'application/grpc'] as const;
const answerHeaders = encodeHeaders([[':status', '200'], contentType]);
const okTrailers = encodeHeaders([['grpc-status', '0']]);
const okStatus: Status = { code: Code.OK, message: '' };

export class GrpcCall implements StreamCall, StreamHandler {
  readonly method: Method;
  readonly metadata: Headers;
  readonly peer: Peer;
  readonly #env: CallEnvironment;
  readonly #stream: Stream;
  readonly #startMs: number;
  readonly #deframer: Deframer;
  #receiver: Receiver | null = null;
  #status: Status | null = null;
  #gotRequest = false;
  #deadline: Timer | null = null;
  #overs: (() => void)[] | null = null;

  constructor(env: CallEnvironment, stream: Stream, method: Method, metadata: Headers, peer: Peer) {
    this.#env = env;
    this.#stream = stream;
    this.method = method;
    this.metadata = metadata;
    this.peer = peer;
    this.#startMs = env.monotonicMs();
    this.#deframer = new Deframer(env.messageBytesMax, metadata['grpc-encoding'] === 'gzip');
  }

  /** @param timeoutMs the client's deadline, null for none */
  start(timeoutMs: number | null): void {
    if (timeoutMs !== null) this.#deadline = this.#env.after(timeoutMs, () => this.#finish(deadlineExceeded));
    if (this.method.type !== 'bidi_stream') return;
    this.#env.pending(this);
    try {
      this.#receiver = this.method.handle(this);
    } catch (error) {
      this.end(error);
    }
  }

  get over(): boolean {
    return this.#status !== null;
  }

  onOver(fn: () => void): void {
    if (this.#status !== null) fn();
    else (this.#overs ??= []).push(fn);
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  send(frame: Frame): void {
    if (this.#status !== null) return;
    this.#env.sent(this, frame.length);
    if (!this.#stream.headersSent) this.#stream.headers(answerHeaders, false);
    this.#stream.data(frame);
  }

  onDrain(fn: () => void): void {
    this.#stream.onDrain(fn);
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

  // What the client does.

  /** A chunk of the request. */
  data(chunk: Buffer): void {
    if (this.#status !== null) return;
    try {
      for (const message of this.#deframer.push(chunk)) this.#message(message);
    } catch (error) {
      this.end(error);
    }
  }

  /** The client sends no more. (Not `end`: that is this side's.) */
  halfClosed(): void {
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

  /** Headers, the message and trailers of a unary call; they leave together. */
  #answer(frame: Frame): void {
    if (this.#status !== null) return;
    this.#env.sent(this, frame.length);
    this.#settle(okStatus);
    this.#stream.headers(answerHeaders, false);
    this.#stream.data(frame);
    this.#stream.finish(okTrailers);
  }

  #finish(status: Status): void {
    if (this.#status !== null) return;
    this.#settle(status);
    if (this.#stream.headersSent) this.#stream.finish(trailersOf(status));
    else if (status.code === Code.OK) {
      this.#stream.headers(answerHeaders, false);
      this.#stream.finish(okTrailers);
    } else this.#stream.headers(trailersOnly(200, status), true);
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

const deadlineExceeded: Status = { code: Code.DEADLINE_EXCEEDED, message: 'context deadline exceeded' };

const statusHeaders = ({ code, message }: Status) => [['grpc-status', String(code)], ['grpc-message', encodeMessage(message)]] as const;

function trailersOf(status: Status): Buffer {
  return status.code === Code.OK ? okTrailers : encodeHeaders(statusHeaders(status));
}

/** An answer that is nothing but a status. */
export function trailersOnly(httpStatus: number, status: Status): Buffer {
  return encodeHeaders([[':status', String(httpStatus)], contentType, ...statusHeaders(status)]);
}
