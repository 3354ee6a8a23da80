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
import { Dots, OLD } from './dots.ts';

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
  const input = decoding.createDecoder(bytes);
  if (decoding.readUint8(input) !== VERSION || decoding.readUint32(input) !== tables) return null;
  const stamps: Stamp[] = [{ lamport: own.lamport, log: own.log }, OLD];
  for (let left = decoding.readVarUint(input); left > 0; left--) {
    const slot = decoding.readUint8(input);
    const log = logId(slot, decoding.readUint32(input));
    stamps.push({ lamport: decoding.readVarUint(input), log });
  }
  const stamp = (): Stamp => {
    const found = stamps[decoding.readVarUint(input)];
    if (found === undefined) throw new Error('merge information names a stamp that it does not list');
    return found;
  };
  const created = stamp();
  const usual = stamp();
  const exceptions = new Map<string, Stamp>();
  for (let left = decoding.readVarUint(input); left > 0; left--) {
    const path = decoding.readVarString(input);
    exceptions.set(path, stamp());
  }
  return new Dots(created, usual, exceptions);
}

export function encodeInfo({ created, usual, exceptions }: Dots, tables: number): Uint8Array {
  const listed: Stamp[] = [];
  const numbers = new Map<string, number>();
  const indexOf = (dot: Stamp): number => {
    if (dot === OWN) return OWN_INDEX;
    if (dot.lamport === 0) return OLD_INDEX;
    const name = `${dot.log}/${dot.lamport}`;
    let index = numbers.get(name);
    if (index === undefined) numbers.set(name, (index = LISTED + listed.push(dot) - 1));
    return index;
  };
  const body = encoding.createEncoder();
  encoding.writeVarUint(body, indexOf(created));
  encoding.writeVarUint(body, indexOf(usual));
  encoding.writeVarUint(body, exceptions.size);
  for (const [path, dot] of exceptions) {
    encoding.writeVarString(body, path);
    encoding.writeVarUint(body, indexOf(dot));
  }
  const out = encoding.createEncoder();
  encoding.writeUint8(out, VERSION);
  encoding.writeUint32(out, tables);
  encoding.writeVarUint(out, listed.length);
  for (const { log, lamport } of listed) {
    encoding.writeUint8(out, slotOf(log));
    encoding.writeUint32(out, incarnationOf(log));
    encoding.writeVarUint(out, lamport);
  }
  encoding.writeUint8Array(out, encoding.toUint8Array(body));
  return encoding.toUint8Array(out);
}
