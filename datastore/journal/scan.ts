/** Reads one journal file and judges what stands behind its last good record. */
import { crc32 } from 'node:zlib';
import { DamagedError, NewerVersionError } from './errors.ts';
import { ALIGN, FILE_HEADER_BYTES, RECORD_HEADER_BYTES, VERSION, alignUp, decodeEntries, decodeFileHeader, decodeRecordHeader, readSequence } from './format.ts';
import type { FileHeader, Magic } from './format.ts';
import type { Reader } from './reader.ts';
import type { Slicer } from './slicer.ts';

export interface ScanResult {
  /** Where the next record goes. */
  readonly end: number;
  /** Its sequence number. */
  readonly sequence: number;
  readonly entries: number;
  /** What follows `end` is not all zeros: an unfinished write. Says what is wrong with it. */
  readonly torn: string | undefined;
}

/** @throws DamagedError, NewerVersionError */
export async function readFileHeader(reader: Reader, path: string, magic: Magic, number: number): Promise<FileHeader> {
  const header = decodeFileHeader(magic, await reader.read(0, FILE_HEADER_BYTES));
  if (header === null) throw new DamagedError(path, 0, 'the file header is not one of EdgeStore, or its CRC is wrong');
  if (header.version > VERSION) throw new NewerVersionError(path, 0, header.version, VERSION);
  if (header.number !== number) throw new DamagedError(path, 0, `the file says it is number ${header.number}: it has been renamed`);
  return header;
}

/**
 * Gives every record's entries to `apply`, in order.
 * @param isNewest whether a torn tail is possible: an older file was complete before the next was begun.
 * @throws DamagedError, NewerVersionError
 */
export async function scanFile(
  reader: Reader, path: string, header: FileHeader, isNewest: boolean, slicer: Slicer, apply: (entry: Uint8Array, offset: number) => void,
): Promise<ScanResult> {
  let at = FILE_HEADER_BYTES;
  let sequence = header.sequence;
  let entryCount = 0;
  let fault: string;
  for (;;) {
    const bytes = reader.view(at, RECORD_HEADER_BYTES) ?? (await reader.read(at, RECORD_HEADER_BYTES));
    fault = 'the record header is incomplete';
    if (bytes.length < RECORD_HEADER_BYTES) break;
    const record = decodeRecordHeader(bytes, 0, header.salt);
    fault = 'the CRC of the record header is wrong';
    if (record === null) break;
    if (record.version > VERSION) throw new NewerVersionError(path, at, record.version, VERSION);
    if (record.sequence !== sequence) throw new DamagedError(path, at, `record ${sequence} expected, ${record.sequence} found`);
    const from = at + RECORD_HEADER_BYTES;
    const payload = reader.view(from, record.payloadBytes) ?? (await readPayload(reader, from, record.payloadBytes));
    fault = 'the record is incomplete';
    if (payload === undefined) break;
    fault = "the CRC of the record's payload is wrong";
    if (crc32(payload, header.salt) !== record.payloadCrc) break;
    const entries = decodeEntries(payload, record.entries);
    if (entries === null) throw new DamagedError(path, at, 'the entries of the record do not add up');
    for (const entry of entries) {
      apply(entry, at);
      if (slicer.due) await slicer.pause();
    }
    entryCount += entries.length;
    sequence++;
    at = from + alignUp(record.payloadBytes);
  }
  const rest = await inspectRest(reader, at, header.salt, sequence, slicer);
  if (rest === 'zeros') return { end: at, sequence, entries: entryCount, torn: undefined };
  if (typeof rest === 'number') throw new DamagedError(path, at, `${fault}, but a later record follows at offset ${rest}`);
  if (!isNewest) throw new DamagedError(path, at, `${fault}, and a newer file follows`);
  return { end: at, sequence, entries: entryCount, torn: fault };
}

/** undefined if the file ends before. Not read then: a damaged length must not cost memory. */
async function readPayload(reader: Reader, from: number, length: number): Promise<Buffer | undefined> {
  return from + length > reader.size ? undefined : await reader.read(from, length);
}

/**
 * What is there from `at` to the end of the file: zeros, something that is no record, or (its offset) a record after number `sequence`,
 * which was begun only when `sequence` was on stable storage.
 */
async function inspectRest(reader: Reader, at: number, salt: number, sequence: number, slicer: Slicer): Promise<'zeros' | 'torn' | number> {
  const step = 65_536;
  const zeros = Buffer.alloc(step + RECORD_HEADER_BYTES);
  let found: 'zeros' | 'torn' = 'zeros';
  for (let from = at; from < reader.size; from += step) {
    // Windows overlap by a header, so that none is missed at their border.
    const bytes = await reader.read(from, Math.min(step + RECORD_HEADER_BYTES - ALIGN, reader.size - from));
    if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
    found = 'torn';
    for (let i = 0; i + RECORD_HEADER_BYTES <= bytes.length; i += ALIGN) {
      if (readSequence(bytes, i + 8) <= sequence) continue;
      const record = decodeRecordHeader(bytes, i, salt);
      if (record !== null && record.sequence > sequence) return from + i;
    }
    if (slicer.due) await slicer.pause();
  }
  return found;
}
