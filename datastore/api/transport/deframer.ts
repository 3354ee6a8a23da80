/**
 * Cuts a gRPC stream into messages: a flag byte (1: compressed), the length (32 bits, big-endian), the message.
 * Chunks may be torn anywhere.
 */
import { gunzipSync } from 'node:zlib';
import { Code, EtcdError } from '../../errors.ts';
import { framePrefix } from '../hot/writer.ts';

/** grpc-go's texts. */
const errTooLarge = (bytes: number, max: number) =>
  new EtcdError(Code.RESOURCE_EXHAUSTED, `grpc: received message larger than max (${bytes} vs. ${max})`);
const errFlag = (flag: number) => new EtcdError(Code.INTERNAL, `grpc: received unexpected payload format ${flag}`);
const errNoEncoding = () => new EtcdError(Code.INTERNAL, 'grpc: compressed flag set with identity or empty encoding');
const errGzip = (why: string) => new EtcdError(Code.INTERNAL, `grpc: failed to decompress the received message: ${why}`);

/** Pieces of a message up to this size are merged. */
const mergeBytes = 16_384;

export class Deframer {
  readonly #messageBytesMax: number;
  readonly #gzip: boolean;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that the message being received has with its prefix; 0: the prefix is not complete. */
  #wanted = 0;

  /** @param gzip whether the call's `grpc-encoding` is gzip */
  constructor(messageBytesMax: number, gzip: boolean) {
    this.#messageBytesMax = messageBytesMax;
    this.#gzip = gzip;
  }

  /** True if the stream may end here. */
  get idle(): boolean {
    return this.#length === 0;
  }

  /** Takes a chunk; returns the messages it completes. Throws `EtcdError`; the stream is useless then. */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      // The usual case: nothing is pending, and the message is whole within the chunk.
      if (this.#length === 0 && rest.length >= framePrefix) {
        const total = this.#total(rest);
        if (rest.length >= total) {
          messages.push(this.#message(rest.subarray(0, total)));
          rest = rest.subarray(total);
          continue;
        }
        this.#wanted = total;
      }
      const take = Math.min(rest.length, (this.#wanted || framePrefix) - this.#length);
      this.#keep(rest.subarray(0, take));
      this.#length += take;
      rest = rest.subarray(take);
      if (this.#length < (this.#wanted || framePrefix)) break;
      const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#length);
      if (this.#wanted === 0) this.#wanted = this.#total(whole);
      if (this.#length === this.#wanted) {
        this.#chunks = [];
        this.#length = 0;
        this.#wanted = 0;
        messages.push(this.#message(whole));
      } else {
        this.#chunks = [whole];
      }
    }
    return messages;
  }

  /** Small pieces are merged, each with one of about its size: a message of single bytes must not cost a buffer each. */
  #keep(piece: Buffer): void {
    const chunks = this.#chunks;
    let last = piece;
    while (chunks.length > 0) {
      const before = chunks.at(-1)!;
      if (before.length + last.length > mergeBytes || before.length > 2 * last.length) break;
      last = Buffer.concat([before, last]);
      chunks.pop();
    }
    chunks.push(last);
  }

  #total(frame: Buffer): number {
    const length = frame.readUInt32BE(1);
    if (length > this.#messageBytesMax) throw errTooLarge(length, this.#messageBytesMax);
    return framePrefix + length;
  }

  #message(frame: Buffer): Buffer {
    const flag = frame[0]!;
    if (flag === 0) return frame.subarray(framePrefix);
    if (flag !== 1) throw errFlag(flag);
    if (!this.#gzip) throw errNoEncoding();
    try {
      return gunzipSync(frame.subarray(framePrefix), { maxOutputLength: this.#messageBytesMax });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw errTooLarge(this.#messageBytesMax + 1, this.#messageBytesMax);
      throw errGzip((error as Error).message);
    }
  }
}
