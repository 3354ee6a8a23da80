/**
 * What a connection writes: small frames are copied into a slab and leave together, once a turn of the event loop; large payloads
 * go by reference.
 */
import type { Duplex } from 'node:stream';
import type { Timer } from '../../host/host.ts';
import { frameHeaderBytes } from './constants.ts';

const slabBytes = 65_536;
/** Payloads from here on are not copied. */
const referenceBytes = 16_384;
/** Unsent bytes in one turn after which they are written at once. */
const flushBytes = 262_144;
/** How long an answer to a PING waits for something to go with: about as long as a write to a disk takes. */
const lingerMs = 1;

export class Output {
  readonly #socket: Duplex;
  readonly #schedule: (output: Output) => void;
  readonly #after: (delayMs: number, fn: () => void) => Timer;
  #slab: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #scheduled = false;
  /** Something waits that nobody waits for. */
  #lingering: Timer | null = null;
  /** The socket wants no more before 'drain'. Control frames are written all the same. */
  full = false;

  /**
   * @param schedule calls `flush` later in this turn
   * @param after calls a function once, after so many milliseconds
   */
  constructor(socket: Duplex, schedule: (output: Output) => void, after: (delayMs: number, fn: () => void) => Timer) {
    this.#socket = socket;
    this.#schedule = schedule;
    this.#after = after;
  }

  /** Bytes that have not left the process. */
  get pending(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /**
   * A frame that nobody waits for: it goes with the next one that somebody does, or by itself a little later. grpc-go sends a PING with nearly every
   * request; answered at once, each would cost a system call, and wake the client up, while its request is on the way to the disk.
   */
  lazyFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    const scheduled = this.#scheduled;
    this.#scheduled = true;
    this.frame(type, flags, stream, payload);
    this.#scheduled = scheduled;
    if (scheduled || this.#lingering !== null) return;
    this.#lingering = this.#after(lingerMs, () => this.flush());
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const { length } = payload;
    this.#header(length, type, flags, stream, length < referenceBytes ? length : 0);
    if (length >= referenceBytes) {
      this.#seal();
      this.#chunks.push(payload);
    } else {
      payload.copy(this.#slab, this.#end);
      this.#end += length;
    }
    this.#bytes += length;
    if (this.#bytes >= flushBytes) this.flush();
  }

  /** A frame's header, with room for `more` bytes of payload right behind it. */
  #header(length: number, type: number, flags: number, stream: number, more: number): void {
    const slab = this.#room(frameHeaderBytes + more);
    let pos = this.#end;
    slab[pos++] = length >>> 16;
    slab[pos++] = length >>> 8;
    slab[pos++] = length;
    slab[pos++] = type;
    slab[pos++] = flags;
    slab[pos++] = stream >>> 24;
    slab[pos++] = stream >>> 16;
    slab[pos++] = stream >>> 8;
    slab[pos++] = stream;
    this.#end = pos;
    this.#bytes += frameHeaderBytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this);
  }

  /** Writes everything to the socket. */
  flush(): void {
    this.#scheduled = false;
    this.#lingering?.cancel();
    this.#lingering = null;
    this.#seal();
    const chunks = this.#chunks;
    if (chunks.length === 0 || this.#socket.destroyed) return;
    this.#chunks = [];
    this.#bytes = 0;
    if (chunks.length === 1) {
      this.full = !this.#socket.write(chunks[0]);
      return;
    }
    this.#socket.cork();
    for (const chunk of chunks) this.full = !this.#socket.write(chunk);
    this.#socket.uncork();
  }

  #seal(): void {
    if (this.#end === this.#start) return;
    this.#chunks.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #room(count: number): Buffer {
    if (this.#slab.length - this.#end >= count) return this.#slab;
    this.#seal();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, count));
    this.#start = 0;
    this.#end = 0;
    return this.#slab;
  }
}
