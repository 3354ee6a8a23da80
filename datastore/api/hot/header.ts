import type { Writer } from './writer.ts';

/** Longest encoding of a ResponseHeader as a field. */
const headerBytesMax = 48;

/**
 * Writes `ResponseHeader header = 1`. Cluster and member never change, so their bytes are kept; there is no consensus, so
 * the term is a constant too (see docs/decisions: clients only print it).
 */
export class HeaderCodec {
  readonly #ids: Buffer;
  readonly #term: Buffer;

  constructor(clusterId: bigint, memberId: bigint, raftTerm: bigint) {
    this.#ids = Buffer.concat([uint64Field(0x08, clusterId), uint64Field(0x10, memberId)]);
    this.#term = uint64Field(0x20, raftTerm);
  }

  /** The whole header; revision 0 is left out, as protobuf does. */
  write(w: Writer, revision: number): void {
    w.reserve(headerBytesMax);
    const before = w.length;
    w.bytes(this.#term);
    if (revision !== 0) writeRevision(w, revision);
    w.bytes(this.#ids);
    w.varint(w.length - before);
    w.byte(0x0a);
  }
}

/** The header of an answer inside a transaction's answer: the revision alone. */
export function writeNestedHeader(w: Writer, revision: number): void {
  w.reserve(headerBytesMax);
  const before = w.length;
  if (revision !== 0) writeRevision(w, revision);
  w.varint(w.length - before);
  w.byte(0x0a);
}

function writeRevision(w: Writer, revision: number): void {
  w.varint(revision);
  w.byte(0x18);
}

function uint64Field(tag: number, value: bigint): Buffer {
  if (value === 0n) return Buffer.alloc(0);
  const bytes = [tag];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
