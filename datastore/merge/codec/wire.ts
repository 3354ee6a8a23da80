/** Protobuf's wire format: a reader that checks every bound, and a writer that works from the end as gogo-protobuf does, so that lengths are known when they are written. */
import { Malformed } from './errors.ts';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

export class WireReader {
  private readonly data: Uint8Array;
  private position = 0;
  /** Of the field that `next` went to. */
  number = 0;
  wireType = 0;
  private start = 0;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  /** Goes to the next field; false at the end. Its value must be read before the next call. */
  next(): boolean {
    if (this.position >= this.data.length) return false;
    this.start = this.position;
    const tag = this.small();
    this.number = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.number === 0) throw new Malformed('field number 0');
    return true;
  }

  /** A varint below 2^53. Tags and lengths always are. */
  private small(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.data[this.position++];
      if (byte === undefined) throw new Malformed('cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new Malformed('a tag or length too large');
  }

  /** A signed 64-bit varint as decimal text. */
  integer(): string {
    this.expect(VARINT);
    return this.rawInteger();
  }

  private rawInteger(): string {
    const from = this.position;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.data[this.position++];
      if (byte === undefined) throw new Malformed('cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return String(value);
      scale *= 128;
    }
    this.position = from;
    let large = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.data[this.position++];
      if (byte === undefined) throw new Malformed('cut off');
      large |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, large).toString();
    }
    throw new Malformed('a varint of more than 10 bytes');
  }

  double(): number {
    this.expect(FIXED64);
    const at = this.advance(8);
    return new DataView(this.data.buffer, this.data.byteOffset + at, 8).getFloat64(0, true);
  }

  /** The content of a string, bytes or message; a view. */
  bytes(): Uint8Array {
    this.expect(BYTES);
    const length = this.small();
    const at = this.advance(length);
    return this.data.subarray(at, at + length);
  }

  /** The integers of a field that was written packed, or the one that was not. */
  integers(): string[] {
    if (this.wireType !== BYTES) return [this.integer()];
    const packed = new WireReader(this.bytes());
    const found: string[] = [];
    while (packed.position < packed.data.length) found.push(packed.rawInteger());
    return found;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.position;
  }

  /** Passes over the field. */
  pass(): void {
    if (this.wireType === VARINT) this.passInteger();
    else if (this.wireType === FIXED64) this.advance(8);
    else if (this.wireType === FIXED32) this.advance(4);
    else {
      this.expect(BYTES);
      this.advance(this.small());
    }
  }

  private passInteger(): void {
    for (let i = 0; i < 10; i++) {
      const byte = this.data[this.position++];
      if (byte === undefined) throw new Malformed('cut off');
      if (byte < 0x80) return;
    }
    throw new Malformed('a varint of more than 10 bytes');
  }

  /** Passes over the field; its bytes with the tag. */
  whole(): Uint8Array {
    this.pass();
    return this.data.subarray(this.start, this.position);
  }

  private advance(length: number): number {
    const at = this.position;
    if (length > this.data.length - at) throw new Malformed('cut off');
    this.position += length;
    return at;
  }

  private expect(wireType: number): void {
    if (this.wireType !== wireType) throw new Malformed(`wire type ${this.wireType}, not ${wireType}, for field ${this.number}`);
  }
}

/** Writes from the end to the front: what comes last in the message is written first. */
export class WireWriter {
  private data: Buffer;
  private position: number;

  constructor(size = 4096) {
    this.data = Buffer.allocUnsafe(size);
    this.position = size;
  }

  /** How much is written; the difference of two is a length. */
  get length(): number {
    return this.data.length - this.position;
  }

  finish(): Buffer {
    return Buffer.from(this.data.subarray(this.position));
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** A non-negative integer below 2^53. */
  varint(value: number): void {
    this.reserve(8);
    let length = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
    this.position -= length;
    let rest = value;
    for (let i = 0; i < length; i++) {
      this.data[this.position + i] = (rest % 128) | (i < length - 1 ? 0x80 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  /** Decimal text of a signed 64-bit integer. What is no such number counts as 0. */
  integer(text: string): void {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 0) return this.varint(value);
    let rest = 0n;
    try {
      rest = BigInt.asUintN(64, BigInt(text));
    } catch {
      // not an integer
    }
    const out: number[] = [];
    for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
    out.push(Number(rest));
    this.raw(Uint8Array.from(out));
  }

  double(value: number): void {
    this.reserve(8);
    this.position -= 8;
    this.data.writeDoubleLE(value, this.position);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.position -= bytes.length;
    this.data.set(bytes, this.position);
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.reserve(length);
    this.position -= length;
    this.data.write(text, this.position);
  }

  /** Length and tag before what was written since `from` (a `length` of before). */
  close(field: number, from: number): void {
    this.varint(this.length - from);
    this.tag(field, BYTES);
  }

  private reserve(length: number): void {
    if (this.position >= length) return;
    const used = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.data.length * 2, used + length + 64));
    this.data.copy(larger, larger.length - used, this.position);
    this.position = larger.length - used;
    this.data = larger;
  }
}
