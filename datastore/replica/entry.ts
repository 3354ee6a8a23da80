/**
 * Entries of the journal. Replaying them in order through the same code gives the same state.
 *
 *     u8 version, 1;  u8 kind;  then
 *     1 identity   u8 u32 log, u8 striding
 *     2 commit     varuint updates: log, varuint from, to, lamport, bytes V1 update;
 *                  varuint records: for each new record, in stamp order, varuint its local revision, or 0 if it uses none
 *     3 local      varuint revision, varuint writes: u8 flags (1 delete, 2 system space), latin1 key, i64 lease, [bytes value]
 *     4 compact    varuint revision
 *     5 advance    varuint revision, u8 begin (everything below counts as compacted)
 *     6 stride     (nothing)
 *     7 note       latin1 kind, bytes body
 *     8 part       u8 first of its unit, varuint updates as in a commit: a part of a unit, of no effect before the unit's end
 *     9 unit       revisions as in a commit, retired logs (retirements.ts), varuint n logs that are replaced by what the parts hold of them
 *                  (mending.ts): the parts since the first one take effect, and then the retired logs end, together
 *
 * The journal adds length and CRC; a commit's records carry their own CRC besides.
 */
import { MalformedError, Reader, Writer } from '../bytes.ts';
import type { LogUpdate } from './log-doc.ts';
import { readRetirements, writeRetirements } from './retirements.ts';
import type { Retirement } from './retirements.ts';
import { Space } from './types.ts';
import type { LogId, Write } from './types.ts';
import { readLog, writeLog } from './vector.ts';

export const ENTRY_VERSION = 1;
const Kind = { identity: 1, commit: 2, local: 3, compact: 4, advance: 5, stride: 6, note: 7, part: 8, unit: 9 } as const;
const DELETE = 1;
const SYSTEM = 2;

export type Entry =
  | { readonly kind: 'identity'; readonly log: LogId; readonly striding: boolean }
  | { readonly kind: 'commit'; readonly updates: readonly LogUpdate[]; readonly revisions: readonly number[] }
  | { readonly kind: 'local'; readonly revision: number; readonly writes: readonly Write[] }
  | { readonly kind: 'compact'; readonly revision: number }
  | { readonly kind: 'advance'; readonly revision: number; readonly begin: boolean }
  | { readonly kind: 'stride' }
  | { readonly kind: 'note'; readonly name: string; readonly body: Uint8Array }
  | { readonly kind: 'part'; readonly first: boolean; readonly updates: readonly LogUpdate[] }
  | { readonly kind: 'unit'; readonly revisions: readonly number[]; readonly retired: ReadonlyMap<LogId, Retirement>; readonly replaced: ReadonlySet<LogId> };

export function encodeEntry(entry: Entry): Uint8Array {
  const w = new Writer(capacityFor(entry));
  w.u8(ENTRY_VERSION).u8(Kind[entry.kind]);
  switch (entry.kind) {
    case 'identity':
      return writeLog(w, entry.log).u8(entry.striding ? 1 : 0).view();
    case 'commit':
      writeUpdates(w, entry.updates);
      return writeRevisions(w, entry.revisions).view();
    case 'local':
      w.varuint(entry.revision).varuint(entry.writes.length);
      for (const { space, key, value, lease } of entry.writes) {
        w.u8((value === null ? DELETE : 0) | (space === Space.system ? SYSTEM : 0)).latin1(key).i64(lease);
        if (value !== null) w.bytes(value);
      }
      return w.view();
    case 'compact':
      return w.varuint(entry.revision).view();
    case 'advance':
      return w.varuint(entry.revision).u8(entry.begin ? 1 : 0).view();
    case 'stride':
      return w.view();
    case 'note':
      return w.latin1(entry.name).bytes(entry.body).view();
    case 'part':
      return writeUpdates(w.u8(entry.first ? 1 : 0), entry.updates).view();
    case 'unit':
      writeRetirements(writeRevisions(w, entry.revisions), entry.retired).varuint(entry.replaced.size);
      for (const log of entry.replaced) writeLog(w, log);
      return w.view();
  }
}

function capacityFor(entry: Entry): number {
  let bytes = 256;
  if ('updates' in entry) for (const { update } of entry.updates) bytes += update.length + 32;
  if ('revisions' in entry) bytes += 8 * entry.revisions.length;
  return bytes;
}

function writeUpdates(w: Writer, updates: readonly LogUpdate[]): Writer {
  w.varuint(updates.length);
  for (const u of updates) writeLog(w, u.log).varuint(u.fromClock).varuint(u.toClock).varuint(u.lamport).bytes(u.update);
  return w;
}

function writeRevisions(w: Writer, revisions: readonly number[]): Writer {
  w.varuint(revisions.length);
  for (const revision of revisions) w.varuint(revision);
  return w;
}

/** @throws MalformedError */
export function decodeEntry(bytes: Uint8Array): Entry {
  const r = new Reader(bytes);
  const version = r.u8();
  if (version !== ENTRY_VERSION) throw new MalformedError(`journal entry of version ${version}`);
  const entry = readBody(r, r.u8());
  r.end();
  return entry;
}

function readBody(r: Reader, kind: number): Entry {
  switch (kind) {
    case Kind.identity: {
      const log = readLog(r);
      return { kind: 'identity', log, striding: r.u8() === 1 };
    }
    case Kind.commit: {
      const updates = readUpdates(r);
      return { kind: 'commit', updates, revisions: readRevisions(r) };
    }
    case Kind.local: {
      const revision = r.varuint();
      const writes: Write[] = [];
      for (let n = r.count(10); n > 0; n--) writes.push(readLocalWrite(r));
      return { kind: 'local', revision, writes };
    }
    case Kind.compact:
      return { kind: 'compact', revision: r.varuint() };
    case Kind.advance: {
      const revision = r.varuint();
      return { kind: 'advance', revision, begin: r.u8() === 1 };
    }
    case Kind.stride:
      return { kind: 'stride' };
    case Kind.note: {
      const name = r.latin1();
      return { kind: 'note', name, body: r.bytes() };
    }
    case Kind.part: {
      const first = r.u8() === 1;
      return { kind: 'part', first, updates: readUpdates(r) };
    }
    case Kind.unit: {
      const revisions = readRevisions(r);
      const retired = readRetirements(r);
      const replaced = new Set<LogId>();
      for (let n = r.count(5); n > 0; n--) replaced.add(readLog(r));
      return { kind: 'unit', revisions, retired, replaced };
    }
    default:
      throw new MalformedError(`journal entry of kind ${kind}`);
  }
}

function readUpdates(r: Reader): LogUpdate[] {
  const updates: LogUpdate[] = [];
  for (let n = r.count(9); n > 0; n--) {
    const log = readLog(r);
    const fromClock = r.varuint();
    const toClock = r.varuint();
    updates.push({ log, fromClock, toClock, lamport: r.varuint(), update: r.bytes() });
  }
  return updates;
}

function readRevisions(r: Reader): number[] {
  const revisions: number[] = [];
  for (let n = r.count(1); n > 0; n--) revisions.push(r.varuint());
  return revisions;
}

function readLocalWrite(r: Reader): Write {
  const flags = r.u8();
  const key = r.latin1();
  const lease = r.i64();
  // A copy: the keyspace keeps it, and the entry is a view into a much larger buffer.
  const value = flags & DELETE ? null : new Uint8Array(r.bytes());
  return { space: flags & SYSTEM ? Space.system : Space.client, key, value, lease };
}
