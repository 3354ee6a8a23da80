/** Reading and writing the binary formats of the store: little-endian fixed integers and LEB128 variable ones. */
import { Buffer } from 'node:buffer';

/** Bytes that are not what the format says: torn, flipped, hostile or of another version. Never a programmer's error. */
export class MalformedError extends Error {
  constructor(what: string) {
    super(`malformed: ${what}`);
    this.name = 'MalformedError';
  }
}

/** Bytes that `varuint` takes for `value`. */
export function varuintLength(value: number): number {
  let n = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    n++;
  }
  return n;
}

/** Grows as needed; `take` hands out a copy as a plain Uint8Array (Yjs refuses Buffers). */
export class Writer {
  #buffer: Buffer;
  #at = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.from(new ArrayBuffer(capacity));
  }

  get length(): number {
    return this.#at;
  }

  #room(bytes: number): void {
    const need = this.#at + bytes;
    if (need <= this.#buffer.length) return;
    const grown = Buffer.from(new ArrayBuffer(Math.max(need, this.#buffer.length * 2)));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }

  u8(value: number): this {
    this.#room(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
    return this;
  }

  i64(value: bigint): this {
    this.#room(8);
    this.#at = this.#buffer.writeBigInt64LE(value, this.#at);
    return this;
  }

  /** An integer from 0 to 2^53 - 1. */
  varuint(value: number): this {
    this.#room(8);
    while (value >= 0x8000_0000) {
      this.#buffer[this.#at++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    while (value >= 128) {
      this.#buffer[this.#at++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.#buffer[this.#at++] = value;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** Length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varuint(bytes.length).raw(bytes);
  }

  /** A string of one character per byte: length, then the bytes. */
  latin1(text: string): this {
    this.varuint(text.length);
    this.#room(text.length);
    this.#at += this.#buffer.write(text, this.#at, 'latin1');
    return this;
  }

  /** Text: its length in UTF-8, then that. */
  utf8(text: string): this {
    const length = Buffer.byteLength(text);
    this.varuint(length).#room(length);
    this.#at += this.#buffer.write(text, this.#at);
    return this;
  }

  /** What has been written so far, not copied; invalid after the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer as ArrayBuffer, this.#buffer.byteOffset, this.#at);
  }

  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.view());
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#at = 0;
    return this;
  }
}

/** Reads within bounds; everything out of them is a `MalformedError`, and nothing is allocated for a length that is not there. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    this.#at = start;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw new MalformedError(`${bytes} bytes expected, ${this.#end - at} left`);
    this.#at = at + bytes;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u32(): number {
    return this.#view.readUInt32LE(this.#take(4));
  }

  i64(): bigint {
    return this.#view.readBigInt64LE(this.#take(8));
  }

  varuint(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < 8; n++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new MalformedError('integer above 2^53');
  }

  /** How many items follow, each of at least `itemBytes` bytes. */
  count(itemBytes: number): number {
    const n = this.varuint();
    if (n * itemBytes > this.left) throw new MalformedError(`${n} items in ${this.left} bytes`);
    return n;
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.varuint());
  }

  /** Steps over `length` bytes and says where they begin. */
  skip(length: number): number {
    return this.#take(length);
  }

  latin1(): string {
    const length = this.varuint();
    const at = this.#take(length);
    return this.#view.toString('latin1', at, at + length);
  }

  utf8(): string {
    const length = this.varuint();
    const at = this.#take(length);
    return this.#view.toString('utf8', at, at + length);
  }

  end(): void {
    if (this.left !== 0) throw new MalformedError(`${this.left} bytes too many`);
  }
}
