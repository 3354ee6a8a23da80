/**
 * Reads protobuf from one request's bytes, straight into numbers and latin1 strings.
 *
 * A 64-bit integer outside ±(2^53 − 1) saturates instead of throwing: an absurd revision must be a future one, not a crash.
 */
import { Code, EtcdError } from '../../errors.ts';

/** Deepest nesting of messages: etcd allows at most one nested transaction per operation (128). */
const depthMax = 200;

/** The request is no valid protobuf: grpc-go's own answer. */
export const errMalformed = () =>
  new EtcdError(Code.INTERNAL, 'grpc: error unmarshalling request: proto: cannot parse invalid wire-format data');

/** A field this server does not know, refused by its number: ignoring it could do something else than was asked. */
export const errUnknownField = (message: string, number: number) =>
  new EtcdError(Code.INVALID_ARGUMENT, `etcdserver: field ${number} of ${message} is not supported by this server`);

interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
}

export class Reader {
  readonly bytes: Buffer;
  pos = 0;
  /** End of the message being read. */
  end: number;
  #depth = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** The next field's tag (number × 8 + wire type), or 0 at the end of the message. */
  tag(): number {
    if (this.pos >= this.end) return 0;
    const tag = this.uint32();
    if (tag < 8) throw errMalformed();
    return tag;
  }

  /** A varint below 2^32; longer ones are malformed. */
  uint32(): number {
    const { bytes } = this;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#next(bytes);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0xffffffff) throw errMalformed();
        return value;
      }
    }
    throw errMalformed();
  }

  /** An int64, saturated to the safe integers. */
  int64(): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#next(bytes);
      // The tenth byte holds bit 63, the sign.
      if (i === 9) return byte & 1 ? this.#negative(this.pos - 10) : Number.MAX_SAFE_INTEGER;
      value += (byte & 127) * scale;
      if (byte < 128) return value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : value;
      scale *= 128;
    }
    throw errMalformed();
  }

  int64Big(): bigint {
    const { bytes } = this;
    const start = this.pos;
    const first = this.#next(bytes);
    if (first < 128) return BigInt(first);
    while (this.#next(bytes) >= 128) if (this.pos - start >= 10) throw errMalformed();
    return this.#exact(start);
  }

  bool(): boolean {
    const start = this.pos;
    let set = false;
    for (;;) {
      const byte = this.#next(this.bytes);
      if ((byte & 127) !== 0) set = true;
      if (byte < 128) return set;
      if (this.pos - start >= 10) throw errMalformed();
    }
  }

  /** A view into the request. */
  view(): Buffer {
    const length = this.uint32();
    const start = this.pos;
    if (length > this.end - start) throw errMalformed();
    this.pos = start + length;
    return this.bytes.subarray(start, this.pos);
  }

  /** Bytes as a string of one character each. */
  latin1(): string {
    const length = this.uint32();
    const start = this.pos;
    if (length > this.end - start) throw errMalformed();
    this.pos = start + length;
    return length === 0 ? '' : (this.bytes as unknown as Latin1Buffer).latin1Slice(start, this.pos);
  }

  /** Enters a nested message; returns the outer end, to be given back to `leave`. */
  enter(): number {
    const length = this.uint32();
    const outer = this.end;
    if (length > outer - this.pos) throw errMalformed();
    if (++this.#depth > depthMax) throw errMalformed();
    this.end = this.pos + length;
    return outer;
  }

  leave(outer: number): void {
    this.#depth--;
    this.end = outer;
  }

  #next(bytes: Buffer): number {
    if (this.pos >= this.end) throw errMalformed();
    return bytes[this.pos++]!;
  }

  #negative(start: number): number {
    const exact = this.#exact(start);
    return exact < BigInt(-Number.MAX_SAFE_INTEGER) ? -Number.MAX_SAFE_INTEGER : Number(exact);
  }

  #exact(start: number): bigint {
    let value = 0n;
    for (let i = this.pos - 1; i >= start; i--) value = (value << 7n) | BigInt(this.bytes[i]! & 127);
    return BigInt.asIntN(64, value);
  }
}
