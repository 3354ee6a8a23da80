/**
 * The bytes of journal files and snapshots. Integers are little endian, offsets and lengths in bytes.
 *
 * File header, 64 bytes, of both kinds. Its place, its size and its CRC stay what they are in all versions.
 *
 *      0  8  magic: "EDGEJRNL" a journal file, "EDGESNAP" a snapshot
 *      8  4  format version
 *     12  4  salt: random, the starting value of every CRC in the file, so that bytes that a client stored, or that were
 *            in these blocks before, are never taken for a record
 *     16  8  number of the file; of a snapshot: the last journal file it covers
 *     24  8  sequence number of the first record; of a snapshot: of the first record after it
 *     32 28  zero
 *     60  4  CRC32 of the 60 bytes before
 *
 * A journal file goes on with records, each at a multiple of 8, one for each write to disk, numbered by 1 through all files:
 *
 *      0  4  CRC32 (from the salt) of the 28 bytes that follow; place and meaning stay in all versions
 *      4  4  length of the payload
 *      8  8  sequence number
 *     16  2  format version
 *     18  2  zero
 *     20  4  number of entries
 *     24  4  CRC32 (from the salt) of the payload
 *     28  4  zero
 *     32     payload: for each entry its length (4) and its bytes; then zeros up to a multiple of 8
 *
 * After the last record there is nothing but zeros, allocated ahead. Only one record is under way at a time, and the next is begun when
 * it is on stable storage. So whatever is not a record, with no header of a higher sequence number behind it, is a write that
 * was never acknowledged; with such a header behind it, it is damage.
 *
 * A snapshot goes on with chunks: length (4), CRC32 (4), bytes. Each CRC starts from the one before (the first from the salt), so
 * order and completeness are covered. The trailer is a chunk of length 0xffffffff with 16 bytes: number of chunks (8) and their bytes (8).
 */
import { crc32 } from 'node:zlib';
import type { Random } from '../host/host.ts';

export const VERSION = 1;
export const FILE_HEADER_BYTES = 64;
export const RECORD_HEADER_BYTES = 32;
export const CHUNK_HEADER_BYTES = 8;
export const TRAILER_BYTES = CHUNK_HEADER_BYTES + 16;
export const TRAILER_LENGTH = 0xffff_ffff;
/** Records begin at multiples of this, so that a sector boundary never splits a length. */
export const ALIGN = 8;

export const Magic = { journal: 'EDGEJRNL', snapshot: 'EDGESNAP' } as const;
export type Magic = (typeof Magic)[keyof typeof Magic];

export interface FileHeader {
  readonly version: number;
  readonly salt: number;
  readonly number: number;
  readonly sequence: number;
}

export interface RecordHeader {
  readonly payloadBytes: number;
  readonly sequence: number;
  readonly version: number;
  readonly entries: number;
  readonly payloadCrc: number;
}

export const alignUp = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/** A salt for a new file. One of the 2^32 would make a header of zeros look right, and what is not written is zeros. */
export function drawSalt(random: Random): number {
  for (;;) {
    const salt = random.uint32();
    if (decodeRecordHeader(Buffer.alloc(RECORD_HEADER_BYTES), 0, salt) === null) return salt;
  }
}

/** Bytes that a record of these entries takes in the file. */
export function recordBytes(entries: readonly Uint8Array[]): number {
  let payload = 0;
  for (const entry of entries) payload += 4 + entry.length;
  return RECORD_HEADER_BYTES + alignUp(payload);
}

export function encodeFileHeader(magic: Magic, header: FileHeader): Uint8Array {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt32LE(header.version, 8);
  bytes.writeUInt32LE(header.salt, 12);
  bytes.writeBigUInt64LE(BigInt(header.number), 16);
  bytes.writeBigUInt64LE(BigInt(header.sequence), 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** @returns null if these are not the bytes of such a header. The version is the caller's to check. */
export function decodeFileHeader(magic: Magic, data: Uint8Array): FileHeader | null {
  if (data.length < FILE_HEADER_BYTES) return null;
  const bytes = asBuffer(data);
  if (bytes.toString('latin1', 0, 8) !== magic) return null;
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return null;
  return {
    version: bytes.readUInt32LE(8),
    salt: bytes.readUInt32LE(12),
    number: Number(bytes.readBigUInt64LE(16)),
    sequence: Number(bytes.readBigUInt64LE(24)),
  };
}

/** Writes a record of these entries to the front of `into`. @returns its length, as `recordBytes` has it. */
export function encodeRecord(into: Buffer, entries: readonly Uint8Array[], sequence: number, salt: number): number {
  let end = RECORD_HEADER_BYTES;
  for (const entry of entries) {
    into.writeUInt32LE(entry.length, end);
    into.set(entry, end + 4);
    end += 4 + entry.length;
  }
  const payload = into.subarray(RECORD_HEADER_BYTES, end);
  const padded = RECORD_HEADER_BYTES + alignUp(payload.length);
  into.fill(0, end, padded);
  into.writeUInt32LE(payload.length, 4);
  writeSequence(into, sequence, 8);
  into.writeUInt16LE(VERSION, 16);
  into.writeUInt16LE(0, 18);
  into.writeUInt32LE(entries.length, 20);
  into.writeUInt32LE(crc32(payload, salt), 24);
  into.writeUInt32LE(0, 28);
  into.writeUInt32LE(crc32(into.subarray(4, RECORD_HEADER_BYTES), salt), 0);
  return padded;
}

/** @returns null if no record header stands at `offset`. */
export function decodeRecordHeader(bytes: Buffer, offset: number, salt: number): RecordHeader | null {
  if (bytes.readUInt32LE(offset) !== crc32(bytes.subarray(offset + 4, offset + RECORD_HEADER_BYTES), salt)) return null;
  return {
    payloadBytes: bytes.readUInt32LE(offset + 4),
    sequence: readSequence(bytes, offset + 8),
    version: bytes.readUInt16LE(offset + 16),
    entries: bytes.readUInt32LE(offset + 20),
    payloadCrc: bytes.readUInt32LE(offset + 24),
  };
}

/** The entries of a payload, as views of it; null if the lengths do not add up. */
export function decodeEntries(payload: Buffer, count: number): Uint8Array[] | null {
  const entries: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 4 > payload.length) return null;
    const end = at + 4 + payload.readUInt32LE(at);
    if (end > payload.length) return null;
    entries.push(payload.subarray(at + 4, end));
    at = end;
  }
  return at === payload.length ? entries : null;
}

export function encodeTrailer(chunks: number, bytes: number, crc: number): Uint8Array {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(TRAILER_LENGTH, 0);
  trailer.writeBigUInt64LE(BigInt(chunks), 8);
  trailer.writeBigUInt64LE(BigInt(bytes), 16);
  trailer.writeUInt32LE(crc32(trailer.subarray(CHUNK_HEADER_BYTES), crc), 4);
  return trailer;
}

/** A sequence number without a BigInt: this is on the path of every commit. */
function writeSequence(into: Buffer, sequence: number, offset: number): void {
  into.writeUInt32LE(sequence >>> 0, offset);
  into.writeUInt32LE(Math.floor(sequence / 4_294_967_296), offset + 4);
}

export function readSequence(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 4) * 4_294_967_296 + bytes.readUInt32LE(offset);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
