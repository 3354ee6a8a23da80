/**
 * What a write of a Kubernetes object carries besides its value, so that it can be merged: when the object was created, and the dots of its fields
 * (dots.ts). It stands in the record behind the value (replica/record.ts).
 *
 *     u8       format version, 1
 *     u32      which tables its author went by (the beginning of their hash): paths mean nothing under others
 *     varuint  number of stamps; for each: u8 slot · u32 incarnation · varuint Lamport counter
 *     varuint  created: an index, see below
 *     varuint  the usual dot: an index
 *     varuint  number of exceptions; for each: varuint length, path (UTF-8) · varuint index
 *
 * An index is 0 for the stamp of the record itself, 1 for a stable dot (`OLD`), 2 and up for the stamps listed. Integers are little-endian,
 * varuints LEB128 (lib0's).
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { incarnationOf, logId, slotOf } from '../stamp.ts';
import type { Stamp } from '../stamp.ts';
import { Dots, OLD, sameStamp } from './dots.ts';

const VERSION = 1;
const OWN_INDEX = 0;
const OLD_INDEX = 1;
const LISTED = 2;

/** Stands for the stamp of a write whose record is not made yet. */
export const OWN: Stamp = { lamport: Number.MAX_SAFE_INTEGER, log: -1 };

/**
 * @param tables by which this replica goes
 * @returns null if it was made by other tables, or by a later version
 * @throws Error if it is broken (the record has a CRC)
 */
export function decodeInfo(bytes: Uint8Array, own: Stamp, tables: number): Dots | null {
  return read(bytes, own, tables, null);
}

/** The same for a write over it: dots that are stable now are `OLD`, and what then is as usual is not listed. Their paths are not even looked at. */
export function keptInfo(bytes: Uint8Array, own: Stamp, tables: number, stable: (stamp: Stamp) => boolean): Dots | null {
  return read(bytes, own, tables, stable);
}

/** Only when the object was created. */
export function createdInfo(bytes: Uint8Array, own: Stamp, tables: number): Stamp | null {
  const input = decoding.createDecoder(bytes);
  const stamps = readStamps(input, own, tables);
  return stamps === null ? null : stampOf(input, stamps);
}

function read(bytes: Uint8Array, own: Stamp, tables: number, stable: ((stamp: Stamp) => boolean) | null): Dots | null {
  const input = decoding.createDecoder(bytes);
  const stamps = readStamps(input, own, tables);
  if (stamps === null) return null;
  const created = stampOf(input, stamps);
  if (stable !== null) for (let i = 0; i < stamps.length; i++) if (i !== OLD_INDEX && stable(stamps[i]!)) stamps[i] = OLD;
  const usual = stampOf(input, stamps);
  const exceptions = new Map<string, Stamp>();
  for (let left = decoding.readVarUint(input); left > 0; left--) {
    const path = decoding.readVarUint8Array(input);
    const dot = stampOf(input, stamps);
    if (stable === null || !sameStamp(dot, usual)) exceptions.set(Buffer.from(path.buffer, path.byteOffset, path.length).toString(), dot);
  }
  return new Dots(created, usual, exceptions);
}

/** By index. Null if it was made by other tables, or by a later version. */
function readStamps(input: decoding.Decoder, own: Stamp, tables: number): Stamp[] | null {
  if (decoding.readUint8(input) !== VERSION || decoding.readUint32(input) !== tables) return null;
  const stamps: Stamp[] = [{ lamport: own.lamport, log: own.log }, OLD];
  for (let left = decoding.readVarUint(input); left > 0; left--) {
    const slot = decoding.readUint8(input);
    const log = logId(slot, decoding.readUint32(input));
    stamps.push({ lamport: decoding.readVarUint(input), log });
  }
  return stamps;
}

function stampOf(input: decoding.Decoder, stamps: readonly Stamp[]): Stamp {
  const found = stamps[decoding.readVarUint(input)];
  if (found === undefined) throw new Error('merge information names a stamp that it does not list');
  return found;
}

/** For one after the other: it keeps its room. */
const out = encoding.createEncoder();
out.cbuf = new Uint8Array(4_096);

export function encodeInfo({ created, usual, exceptions }: Dots, tables: number): Uint8Array {
  const listed: Stamp[] = [];
  const indexOf = (dot: Stamp): number => {
    if (dot === OWN) return OWN_INDEX;
    if (dot.lamport === 0) return OLD_INDEX;
    const known = listed.findIndex((other) => sameStamp(other, dot));
    return LISTED + (known >= 0 ? known : listed.push(dot) - 1);
  };
  const [first, second] = [indexOf(created), indexOf(usual)];
  for (const dot of exceptions.values()) indexOf(dot);
  out.cpos = 0;
  out.bufs = [];
  encoding.writeUint8(out, VERSION);
  encoding.writeUint32(out, tables);
  encoding.writeVarUint(out, listed.length);
  for (const { log, lamport } of listed) {
    encoding.writeUint8(out, slotOf(log));
    encoding.writeUint32(out, incarnationOf(log));
    encoding.writeVarUint(out, lamport);
  }
  encoding.writeVarUint(out, first);
  encoding.writeVarUint(out, second);
  encoding.writeVarUint(out, exceptions.size);
  for (const [path, dot] of exceptions) {
    encoding.writeVarString(out, path);
    encoding.writeVarUint(out, indexOf(dot));
  }
  return encoding.toUint8Array(out);
}
