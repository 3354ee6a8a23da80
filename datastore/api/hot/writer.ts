/**
 * Writes protobuf backwards: a message's fields from last to first, so that a nested message's length is known when its
 * prefix is due, without measuring first. One scratch buffer serves the whole process: a writer is never used across an `await`.
 */

/** A message with gRPC's five-byte prefix (uncompressed flag, length), ready for the wire. */
export type Frame = Buffer;
export const framePrefix = 5;

/** A scratch buffer that grew beyond this for one huge answer is given back afterwards. */
const keepBytes = 4 * 1_048_576;
const initialBytes = 65_536;

interface Latin1Buffer {
  latin1Write(text: string, offset: number, length: number): number;
}

export class Writer {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #pos = initialBytes;

  /** How much is written: differences give the lengths of nested messages. */
  get length(): number {
    return this.#bytes.length - this.#pos;
  }

  /** Makes room for `count` bytes; every other method relies on it. */
  reserve(count: number): void {
    if (this.#pos >= count) return;
    const written = this.length;
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(written + count + 1)));
    this.#bytes.copy(larger, larger.length - written, this.#pos);
    this.#pos = larger.length - written;
    this.#bytes = larger;
  }

  byte(value: number): void {
    this.#bytes[--this.#pos] = value;
  }

  /** An unsigned integer up to 2^53 − 1. */
  varint(value: number): void {
    const bytes = this.#bytes;
    if (value < 0x80) {
      bytes[--this.#pos] = value;
      return;
    }
    let pos = this.#pos - varintLength(value);
    this.#pos = pos;
    while (value >= 0x80000000) {
      const rest = Math.floor(value / 128);
      bytes[pos++] = value - rest * 128 + 128;
      value = rest;
    }
    while (value >= 0x80) {
      bytes[pos++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    bytes[pos] = value;
  }

  /** An int64 or uint64: negative ones take ten bytes. */
  varintBig(value: bigint): void {
    if (value >= 0n && value <= 9007199254740991n) {
      this.varint(Number(value));
      return;
    }
    let rest = BigInt.asUintN(64, value);
    const groups: number[] = [];
    do {
      groups.push(Number(rest & 127n));
      rest >>= 7n;
    } while (rest > 0n);
    for (let i = groups.length - 1; i >= 0; i--) this.byte(groups[i]! | (i === groups.length - 1 ? 0 : 128));
  }

  bytes(value: Uint8Array): void {
    this.#pos -= value.length;
    this.#bytes.set(value, this.#pos);
  }

  latin1(value: string): void {
    this.#pos -= value.length;
    (this.#bytes as unknown as Latin1Buffer).latin1Write(value, this.#pos, value.length);
  }

  /** What was written, copied; the writer is empty again. */
  finish(): Buffer {
    const length = this.length;
    const message = Buffer.allocUnsafe(length);
    this.#bytes.copy(message, 0, this.#pos);
    this.#pos = this.#bytes.length;
    if (this.#bytes.length > keepBytes) {
      this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
      this.#pos = initialBytes;
    }
    return message;
  }

  /** What was written as one gRPC frame. */
  frame(): Frame {
    const { length } = this;
    this.reserve(framePrefix);
    this.#pos -= framePrefix;
    this.#bytes[this.#pos] = 0;
    this.#bytes.writeUInt32BE(length, this.#pos + 1);
    return this.finish();
  }

  /** Starts a message: throws away what an exception in the middle of another one left behind. */
  reset(): void {
    this.#pos = this.#bytes.length;
  }
}

export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value < 0x800000000) return 5;
  if (value < 0x40000000000) return 6;
  if (value < 0x2000000000000) return 7;
  return 8;
}

/** A message that another codec wrote, as a frame. */
export function frameOf(message: Uint8Array): Frame {
  const frame = Buffer.allocUnsafe(framePrefix + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, framePrefix);
  return frame;
}
