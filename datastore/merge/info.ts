/**
 * What a write of a Kubernetes object carries besides its value, so that it can be merged: when the object was created, and the dots of its fields
 * (dots.ts). It stands in the record behind the value (replica/record.ts).
 *
 *     u8       format version, 2
 *     u32      which tables its author went by (the beginning of their hash): paths mean nothing under others
 *     varuint  number of stamps; for each: u8 slot · u32 incarnation · varuint Lamport counter
 *     varuint  created: an index, see below
 *     varuint  the usual dot: an index
 *     varuint  number of exceptions; for each: u8 how its path begins (`BEGINNINGS`) · varuint length, the rest of it (UTF-8) · varuint index
 *
 * An index is 0 for the stamp of the record itself, 1 for a stable dot (`OLD`), 2 and up for the stamps listed. Integers are little-endian,
 * varuints LEB128.
 */
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { incarnationOf, logId, slotOf } from '../stamp.ts';
import type { Stamp } from '../stamp.ts';
import { Dots, OLD, sameStamp } from './dots.ts';

const VERSION = 2;
const OWN_INDEX = 0;
const OLD_INDEX = 1;
const LISTED = 2;

/**
 * How paths begin that nearly every update has, so that they take little room: each object in memory has some. Part of the format: append, change nothing. The first that fits is taken.
 */
const BEGINNINGS = [
  'metadata/generation', 'metadata/annotations/', 'metadata/labels/', 'metadata/managedFields/[["', 'metadata/', 'spec/template/', 'spec/', 'status/{rest}', 'status/conditions/[["', 'status/', '',
] as const;

/** Stands for the stamp of a write whose record is not made yet. */
export const OWN: Stamp = { lamport: Number.MAX_SAFE_INTEGER, log: -1 };

/**
 * @param tables by which this replica goes
 * @returns null if it was made by other tables, or by a later version
 * @throws MalformedError if it is broken (the record has a CRC)
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
  const r = new Reader(bytes);
  const stamps = readStamps(r, own, tables);
  return stamps === null ? null : stampOf(r, stamps);
}

function read(bytes: Uint8Array, own: Stamp, tables: number, stable: ((stamp: Stamp) => boolean) | null): Dots | null {
  const r = new Reader(bytes);
  const stamps = readStamps(r, own, tables);
  if (stamps === null) return null;
  const created = stampOf(r, stamps);
  if (stable !== null) {
    let named = false;
    for (let i = 0; i < stamps.length; i++) {
      if (i === OLD_INDEX) continue;
      if (stable(stamps[i]!)) stamps[i] = OLD;
      else named = true;
    }
    // Nearly always so.
    if (!named) return new Dots(created, OLD, NONE);
  }
  const usual = stampOf(r, stamps);
  const exceptions = new Map<string, Stamp>();
  for (let left = r.count(3); left > 0; left--) {
    const beginning = BEGINNINGS[r.u8()];
    if (beginning === undefined) throw new MalformedError('beginning of a path in merge information');
    const rest = r.utf8();
    const dot = stampOf(r, stamps);
    if (stable === null || !sameStamp(dot, usual)) exceptions.set(beginning + rest, dot);
  }
  return new Dots(created, usual, exceptions);
}

const NONE: ReadonlyMap<string, Stamp> = new Map();

/** By index. Null if it was made by other tables, or by another version. */
function readStamps(r: Reader, own: Stamp, tables: number): Stamp[] | null {
  if (r.u8() !== VERSION || r.u32() !== tables) return null;
  const stamps: Stamp[] = [{ lamport: own.lamport, log: own.log }, OLD];
  for (let left = r.count(6); left > 0; left--) {
    const slot = r.u8();
    const log = logId(slot, r.u32());
    stamps.push({ lamport: r.varuint(), log });
  }
  return stamps;
}

function stampOf(r: Reader, stamps: readonly Stamp[]): Stamp {
  const found = stamps[r.varuint()];
  if (found === undefined) throw new MalformedError('merge information names a stamp that it does not list');
  return found;
}

/** Where it is written, one after the other. */
const out = new Writer(4_096);

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
  out.reset().u8(VERSION).u32(tables).varuint(listed.length);
  for (const { log, lamport } of listed) out.u8(slotOf(log)).u32(incarnationOf(log)).varuint(lamport);
  out.varuint(first).varuint(second).varuint(exceptions.size);
  for (const [path, dot] of exceptions) {
    const beginning = BEGINNINGS.findIndex((text) => path.startsWith(text));
    out.u8(beginning).utf8(path.slice(BEGINNINGS[beginning]!.length)).varuint(indexOf(dot));
  }
  return out.take();
}
