/** Writing and reading snapshot files (format.ts), as streams. */
import { crc32 } from 'node:zlib';
import type { Disk } from '../host/host.ts';
import { DamagedError } from './errors.ts';
import { snapshotPath, temporaryPath } from './folder.ts';
import { CHUNK_HEADER_BYTES, FILE_HEADER_BYTES, Magic, TRAILER_BYTES, TRAILER_LENGTH, VERSION, encodeFileHeader, encodeTrailer } from './format.ts';
import type { FileHeader } from './format.ts';
import { Reader } from './reader.ts';
import { readFileHeader } from './scan.ts';

/** Synced each time this much has been written, so that the last sync is short and commits on the same disk are not held up. */
const SYNC_BYTES = 8 * 1_048_576;

/**
 * Writes snapshot `number` under its temporary name, on stable storage when this resolves. @returns its size in bytes.
 * @param beforeChunk called before each chunk: to take turns, or to throw when the snapshot is not wanted any more.
 */
export async function writeSnapshot(
  disk: Disk, dir: string, header: Omit<FileHeader, 'version'>, chunks: Iterable<Uint8Array>, beforeChunk: () => Promise<void>,
): Promise<number> {
  const path = temporaryPath(snapshotPath(dir, header.number));
  if (await disk.exists(path)) await disk.remove(path);
  const file = await disk.open(path, 'create');
  try {
    await file.write([encodeFileHeader(Magic.snapshot, { ...header, version: VERSION })], 0);
    let at = FILE_HEADER_BYTES;
    let synced = 0;
    let count = 0;
    let total = 0;
    let crc = header.salt;
    for (const chunk of chunks) {
      await beforeChunk();
      crc = crc32(chunk, crc);
      const head = Buffer.alloc(CHUNK_HEADER_BYTES);
      head.writeUInt32LE(chunk.length, 0);
      head.writeUInt32LE(crc, 4);
      await file.write([head, chunk], at);
      at += CHUNK_HEADER_BYTES + chunk.length;
      total += chunk.length;
      count++;
      if (at - synced >= SYNC_BYTES) {
        await file.datasync();
        synced = at;
      }
    }
    await file.write([encodeTrailer(count, total, crc)], at);
    await file.datasync();
    return at + TRAILER_BYTES;
  } finally {
    await file.close();
  }
}

export interface SnapshotReader {
  readonly header: FileHeader;
  readonly bytes: number;
  /** Every chunk, checked. Throws DamagedError at the first that is not what was written, and at the end if the file is short. */
  chunks(): AsyncGenerator<Uint8Array, void>;
  close(): Promise<void>;
}

/** @throws DamagedError, NewerVersionError */
export async function openSnapshot(disk: Disk, path: string, number: number): Promise<SnapshotReader> {
  const file = await disk.open(path, 'read');
  try {
    const reader = new Reader(file, await file.size());
    const header = await readFileHeader(reader, path, Magic.snapshot, number);
    return { header, bytes: reader.size, chunks: () => readChunks(reader, path, header.salt), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* readChunks(reader: Reader, path: string, salt: number): AsyncGenerator<Uint8Array, void> {
  let at = FILE_HEADER_BYTES;
  let count = 0;
  let total = 0;
  let crc = salt;
  for (;;) {
    const head = await reader.read(at, CHUNK_HEADER_BYTES);
    if (head.length < CHUNK_HEADER_BYTES) throw new DamagedError(path, at, 'the snapshot ends too early');
    const length = head.readUInt32LE(0);
    const wanted = head.readUInt32LE(4);
    if (length === TRAILER_LENGTH) break;
    const from = at + CHUNK_HEADER_BYTES;
    if (from + length > reader.size) throw new DamagedError(path, at, 'the snapshot ends too early');
    const chunk = await reader.read(from, length);
    crc = crc32(chunk, crc);
    if (crc !== wanted) throw new DamagedError(path, at, 'the CRC of a chunk is wrong');
    yield chunk;
    at = from + length;
    total += length;
    count++;
  }
  const trailer = await reader.read(at, TRAILER_BYTES);
  if (at + TRAILER_BYTES !== reader.size || !trailer.equals(encodeTrailer(count, total, crc))) {
    throw new DamagedError(path, at, 'the trailer of the snapshot does not agree with what comes before it');
  }
}
