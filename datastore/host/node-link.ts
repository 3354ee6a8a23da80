import type { RawData, WebSocket } from 'ws';
import type { Clock, Link, Timer } from './host.ts';

export interface Keepalive {
  readonly clock: Clock;
  readonly pingMs: number;
  readonly deadMs: number;
}

/** Close codes (RFC 6455) of a link's own: 1003 text was sent; 1006 the link broke or nothing arrived any more. */
const CLOSE_TEXT = 1003;
const CLOSE_BROKEN = 1006;
/** Longest reason a close frame carries. */
const REASON_BYTES = 123;

/** One WebSocket as a Link. Messages that arrive before `onMessage` is set are kept for it. */
export class NodeLink implements Link {
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #keepalive: Keepalive;
  #heardMs: number;
  #timer: Timer | undefined;
  #early: Uint8Array[] | undefined = [];
  #onMessage: (message: Uint8Array) => void = () => {};
  #onClose: (code: number, reason: string) => void = () => {};
  #closed: { code: number; reason: string } | undefined;
  #lastError = '';

  constructor(socket: WebSocket, remote: string, keepalive: Keepalive) {
    this.#socket = socket;
    this.#keepalive = keepalive;
    this.remote = remote;
    this.#heardMs = keepalive.clock.monotonicMs();
    socket.on('message', (data: RawData, isBinary: boolean) => this.#receive(data, isBinary));
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    // ws closes the socket by itself after an error; `close` follows.
    socket.on('error', (error) => (this.#lastError = error.message));
    socket.on('close', (code, reason) => this.#finish(code, reason.toString() || this.#lastError));
    this.#watch();
  }

  get onMessage(): (message: Uint8Array) => void {
    return this.#onMessage;
  }

  set onMessage(handler: (message: Uint8Array) => void) {
    this.#onMessage = handler;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) handler(message);
  }

  get onClose(): (code: number, reason: string) => void {
    return this.#onClose;
  }

  set onClose(handler: (code: number, reason: string) => void) {
    this.#onClose = handler;
    if (this.#closed !== undefined) handler(this.#closed.code, this.#closed.reason);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(message, { binary: true, compress: false }, ignore);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, Buffer.from(reason).subarray(0, REASON_BYTES));
  }

  #heard(): void {
    this.#heardMs = this.#keepalive.clock.monotonicMs();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard();
    if (!isBinary) return this.close(CLOSE_TEXT, 'binary messages only');
    const message = data as Buffer;
    if (this.#early !== undefined) this.#early.push(message);
    else this.#onMessage(message);
  }

  /** Pings, and gives the link up when the other side has gone silent: a host that lost power sends no FIN. */
  #watch(): void {
    const { clock, pingMs, deadMs } = this.#keepalive;
    this.#timer = clock.after(pingMs, () => {
      if (clock.monotonicMs() - this.#heardMs >= deadMs) {
        this.#finish(CLOSE_BROKEN, 'nothing heard from the peer');
        this.#socket.terminate();
        return;
      }
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping(undefined, undefined, ignore);
      this.#watch();
    });
  }

  #finish(code: number, reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = { code, reason };
    this.#timer?.cancel();
    this.#onClose(code, reason);
  }
}

/** A failed send is followed by `close`, which tells the owner. */
function ignore(): void {}
