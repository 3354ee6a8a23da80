/**
 * One link, from its first message to its end.
 *
 *     hello ──► accepted ──► closed
 *       └──────────────────────▲
 *
 * hello: who accepted the link says it first; who dialled reads it, and says its own unless it finds that it needs no link to that one. Nothing but the
 * other's hello is accepted, and it must come in time. accepted: messages flow; the
 * other side is asked for a sign of life, for a connection whose other end vanished looks like a quiet one.
 * closed is reached once, whichever side began, and reported once.
 */
import type { Clock, Link, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';
import { closeReason, closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import type { Hello } from './hello.ts';
import { joined } from './joined.ts';
import type { PeerStats } from './types.ts';
import { decodeMessage, encodeMessage, MalformedMessage, MESSAGE_BYTES_MAX, PART } from './wire.ts';
import type { Message } from './wire.ts';

export interface SessionEvents {
  /** The other side's hello: answer with `accept` or `close`, now or later. */
  hello(session: Session, hello: Hello): void;
  message(session: Session, message: Message): void;
  /** The other side's configuration of the membership: after its hello, whether it is accepted or not. */
  config(session: Session, bytes: Uint8Array): void;
  /** Instead of a hello: somebody asks for a place in the cluster. */
  join(session: Session, bytes: Uint8Array): void;
  /** `reason` null: the connection broke. `here`: this side closed it. */
  closed(session: Session, reason: CloseReason | null, here: boolean): void;
}

export class Session {
  readonly remote: string;
  /** Whether this side dialled. */
  readonly dialled: boolean;
  /** The other side's; null before it came. */
  hello: Hello | null = null;
  openedMs = 0;
  /** Counts into the peer's figures once it is known whose link this is. */
  stats: PeerStats | null = null;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #events: SessionEvents;
  #state: 'hello' | 'accepted' | 'closed' = 'hello';
  #heardMs: number;
  #timer: Timer | null = null;
  readonly #mine: Hello;
  #introduced = false;
  #answeredMs = -Infinity;
  /** What came between the other side's acceptance and this one's, which may have to find something out first. */
  #early: Message[] = [];
  /** Of a message that has not come whole. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #gone = false;

  constructor(link: Link, dialled: boolean, mine: Hello, clock: Clock, events: SessionEvents) {
    this.remote = link.remote;
    this.dialled = dialled;
    this.#link = link;
    this.#clock = clock;
    this.#events = events;
    this.#mine = mine;
    this.#heardMs = clock.monotonicMs();
  }

  /** Says hello, if the other side dialled, and listens. Events may come before this returns: the other side's hello may be there already. */
  start(): void {
    this.#timer = this.#clock.after(limits.handshake_ms, () => this.close(closeReasons.handshakeTimeout));
    if (!this.dialled) this.introduce();
    this.#link.onMessage = (bytes) => this.#received(bytes);
    this.#link.onClose = (code) => {
      this.#gone = true;
      this.#ended(closeReason(code), false);
    };
  }

  /** Says hello, once. */
  introduce(): void {
    if (this.#introduced || this.#state === 'closed') return;
    this.#introduced = true;
    this.#link.send(encodeMessage({ type: 'hello', hello: this.#mine }));
  }

  /** Nothing more travels on the link: everything that was sent has been taken, or never will be. */
  get gone(): boolean {
    return this.#gone;
  }

  /** What this side's hello said. */
  get mine(): Hello {
    return this.#mine;
  }

  get state(): 'hello' | 'accepted' | 'closed' {
    return this.#state;
  }

  get bufferedBytes(): number {
    return this.#state === 'closed' ? 0 : this.#link.bufferedBytes;
  }

  /** Milliseconds (monotonic) of the last sign of life. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** When the newest of this side's pings that the other side answered was sent (monotonic). */
  get answeredMs(): number {
    return this.#answeredMs;
  }

  /** The other side is who it should be. Call it when everything is ready for messages: some may be there already. */
  accept(stats: PeerStats): void {
    if (this.#state !== 'hello') return;
    this.#state = 'accepted';
    this.stats = stats;
    this.openedMs = this.#clock.monotonicMs();
    this.#timer?.cancel();
    this.#keepAlive();
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#pass(message);
  }

  send(message: Message): void {
    this.sendEncoded(encodeMessage(message));
  }

  /** Sends what `encodeMessage` made, perhaps for several peers. */
  sendEncoded(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (this.stats !== null) this.stats.bytesSent += bytes.length;
    if (bytes.length <= limits.part_bytes * 2) return this.#link.send(bytes);
    for (let at = 0; at < bytes.length; at += limits.part_bytes) {
      const end = at + limits.part_bytes;
      this.#link.send(encodeMessage({ type: 'part', last: end >= bytes.length, bytes: bytes.subarray(at, end) }));
    }
  }

  ping(): void {
    this.send({ type: 'ping', nonce: Math.ceil(this.#clock.monotonicMs() * 1_000), wallMs: this.#wallMs() });
  }

  close(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    this.#link.close(reason.code, reason.name);
    this.#ended(reason, true);
  }

  #ended(reason: CloseReason | null, here: boolean): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#events.closed(this, reason, here);
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#heardMs = this.#clock.monotonicMs();
    if (this.stats !== null) this.stats.bytesReceived += bytes.length;
    // Whoever has not said who he is cannot make this side look at much.
    if (this.hello === null && bytes.length > limits.hello_bytes + 64) return this.close(closeReasons.malformed);
    this.#decode(bytes);
  }

  #decode(bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return this.close(closeReasons.malformed);
    }
    if (message.type === 'join' && this.hello === null) return this.#events.join(this, message.bytes);
    if ((message.type === 'hello') !== (this.hello === null)) return this.close(closeReasons.unexpected);
    switch (message.type) {
      case 'hello':
        this.hello = message.hello;
        return this.#events.hello(this, message.hello);
      case 'ping':
        return this.send({ type: 'pong', nonce: message.nonce, wallMs: this.#wallMs() });
      case 'pong':
        return this.#pong(message.nonce, message.wallMs);
      case 'part':
        return this.#part(message.bytes, message.last);
      case 'config':
        return this.#events.config(this, message.bytes);
      default:
        if (this.#state === 'accepted') return this.#pass(message);
        if (this.#early.length >= limits.early_messages) return this.close(closeReasons.overloaded);
        this.#early.push(message);
    }
  }

  #part(bytes: Uint8Array, last: boolean): void {
    // Nothing that is needed before both sides have accepted each other is long.
    if (this.#state !== 'accepted') return this.close(closeReasons.unexpected);
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    if (this.#partBytes > MESSAGE_BYTES_MAX) return this.close(closeReasons.malformed);
    if (!last) return;
    const whole = joined(this.#parts, this.#partBytes);
    this.#parts = [];
    this.#partBytes = 0;
    // A part's part would be taken in again, as deep as someone cares to nest them.
    if (whole[0] === PART) return this.close(closeReasons.malformed);
    this.#decode(whole);
  }

  #pass(message: Message): void {
    if (this.#state === 'accepted') this.#events.message(this, message);
  }

  #pong(nonce: number, wallMs: number): void {
    const sentMs = nonce / 1_000;
    const rtt = this.#clock.monotonicMs() - sentMs;
    if (this.stats === null || rtt < -0.001) return;
    this.#answeredMs = Math.max(this.#answeredMs, sentMs);
    this.stats.rttMs = Math.max(0, rtt);
    this.stats.clockSkewMs = wallMs + rtt / 2 - this.#clock.wallMs();
  }

  #keepAlive(): void {
    this.ping();
    this.#timer = this.#clock.after(limits.ping_ms, () => {
      if (this.#clock.monotonicMs() - this.#heardMs > limits.silence_ms) return this.close(closeReasons.silent);
      this.#keepAlive();
    });
  }

  #wallMs(): number {
    return Math.max(0, Math.floor(this.#clock.wallMs()));
  }
}
