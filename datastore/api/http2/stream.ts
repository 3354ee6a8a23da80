/** One HTTP/2 stream as the server sees it: what to send, in which order, and how much of it is waiting. */
import type { Connection } from './connection.ts';
import { ErrorCode } from './constants.ts';

/** Told what the client does on a stream. */
export interface StreamHandler {
  /** A piece of the request's body: a view, valid as long as it is kept. */
  data(chunk: Buffer): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The stream is gone: complete on both sides, reset, or its connection lost. Nothing is called after it. */
  closed(): void;
}

export class Stream {
  readonly id: number;
  readonly connection: Connection;
  handler: StreamHandler | null = null;
  /** What the peer lets this stream send. */
  window: number;
  /** Received and not yet given back by WINDOW_UPDATE. */
  received = 0;
  remoteEnded = false;
  /** What `content-length` says is still to come; -1: it says nothing. */
  lengthLeft = -1;
  localEnded = false;
  headersSent = false;
  closed = false;
  readonly queue: Buffer[] = [];
  #queuedBytes = 0;
  /** After the queue: trailers (a header block), or an empty DATA frame that ends the stream; null: more may come. */
  finale: Buffer | 'data' | null = null;
  #drains: (() => void)[] = [];

  constructor(connection: Connection, id: number, window: number) {
    this.connection = connection;
    this.id = id;
    this.window = window;
  }

  /** Bytes that wait for the peer's windows or for the socket. */
  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sends the header block of the answer; `end`: it is all of the answer. */
  headers(block: Buffer, end: boolean): void {
    if (this.closed || this.localEnded) return;
    this.headersSent = true;
    this.connection.sendHeaders(this, block, end);
    if (end) this.ended();
  }

  data(chunk: Buffer): void {
    if (this.closed || this.localEnded || this.finale !== null || chunk.length === 0) return;
    this.queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.connection.waitingBytes += chunk.length;
    this.connection.pump(this);
  }

  /** Ends the answer, with trailers or without. */
  finish(trailers: Buffer | 'data'): void {
    if (this.closed || this.localEnded || this.finale !== null) return;
    this.finale = trailers;
    this.connection.pump(this);
  }

  reset(code: ErrorCode): void {
    if (!this.closed) this.connection.reset(this, code);
  }

  /** Calls `fn` once nothing waits any more, or the stream is closed; never within this call. */
  onDrain(fn: () => void): void {
    this.#drains.push(fn);
    if (this.#queuedBytes === 0) process.nextTick(drain, this);
  }

  /** The connection took `bytes` from the queue. */
  taken(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.connection.waitingBytes -= bytes;
    if (this.#queuedBytes === 0 && this.#drains.length > 0) process.nextTick(drain, this);
  }

  drained(): void {
    if (this.#queuedBytes > 0 || this.#drains.length === 0) return;
    const drains = this.#drains;
    this.#drains = [];
    for (const fn of drains) fn();
  }

  /** This side has said everything. */
  ended(): void {
    this.localEnded = true;
    // The rest of the request is of no use: NO_ERROR tells the client to stop sending (RFC 9113, 8.1).
    if (this.remoteEnded) this.connection.forget(this);
    else this.connection.reset(this, ErrorCode.NO_ERROR);
  }

  /** Drops what waits; called by the connection once, at the end. */
  close(): void {
    this.closed = true;
    this.queue.length = 0;
    this.connection.waitingBytes -= this.#queuedBytes;
    this.#queuedBytes = 0;
    this.handler?.closed();
    this.drained();
  }
}

function drain(stream: Stream): void {
  stream.drained();
}
