/**
 * What a connection writes: small frames are copied into a slab and leave together, once a turn of the event loop; large payloads
 * go by reference.
 */
import type { Duplex } from 'node:stream';
import { frameHeaderBytes } from './constants.ts';

const slabBytes = 65_536;
/** Payloads from here on are not copied. */
const referenceBytes = 16_384;
/** Unsent bytes in one turn after which they are written at once. */
const flushBytes = 262_144;

export class Output {
  readonly #socket: Duplex;
  readonly #schedule: (output: Output) => void;
  readonly #later: (fn: () => void) => void;
  #slab: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #scheduled = false;
  #lingering = false;
  /** The socket wants no more before 'drain'. Control frames are written all the same. */
  full = false;

  /**
   * @param schedule calls `flush` later in this turn
   * @param later calls a function in the next turn
   */
  constructor(socket: Duplex, schedule: (output: Output) => void, later: (fn: () => void) => void) {
    this.#socket = socket;
    this.#schedule = schedule;
    this.#later = later;
  }

  /** Bytes that have not left the process. */
  get pending(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /**
   * A frame that nobody waits for: it goes with the next one that somebody does, or by itself two turns later. grpc-go sends a PING with nearly every
   * request; answered at once, each would cost a system call before the request is as much as handed to the disk.
   */
  lazyFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    const scheduled = this.#scheduled;
    this.#scheduled = true;
    this.frame(type, flags, stream, payload);
    this.#scheduled = scheduled;
    if (scheduled || this.#lingering) return;
    this.#lingering = true;
    this.#later(() => this.#later(() => {
      if (this.#lingering) this.flush();
    }));
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
    this.#lingering = false;
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
