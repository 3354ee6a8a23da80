/**
 * The binary form of one record, that is, of one transaction in a log.
 *
 *     u8       format version, 1
 *     u8       flags: 1 = an origin revision follows (the author counted by 1; otherwise it is Lamport × 512 + slot × 2)
 *              2 = a retirement follows
 *     u8 u32   slot and incarnation of the stamp's log, which is not the log it stands in if that was inherited
 *     varuint  Lamport counter
 *     [varuint origin revision]
 *     [varuint Lamport counter minus that of the newest retirement its author knew: logs that are no more are not in the context (retirements.ts)]
 *     varuint  entries of the context, one for every *other* log of which the author held something
 *       u8 u32 varuint     slot, incarnation, own Lamport counter minus the highest held of that log (a difference: short while replicas talk)
 *     varuint  writes
 *       u8       flags: 1 = deletion, 2 = has a lease, 4 = system space, 8 = merge information follows, 16 = a merge record: it changes nothing
 *       varuint  key length, key
 *       [i64     lease]
 *       [varuint value length, value]     not for a deletion
 *       [varuint length, merge information (merge/info.ts)]
 *     u32      CRC-32 of everything before
 *
 * The author's own log is not in the context: of it the author held everything up to this record. Integers are little-endian, varuints LEB128.
 */
import { crc32 } from 'node:zlib';
import { assert } from './assert.ts';
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { Retirements } from './retirements.ts';
import { DELETE, INFO, LEASE, MERGED, StoredWrite, SYSTEM } from './stored-write.ts';
import { incarnationOf, logId, slotOf, Space } from './types.ts';
import type { Context, LogId, Record, RecordWrite, Stamp, Write } from './types.ts';

export const RECORD_VERSION = 1;
const HAS_REVISION = 1;
const HAS_RETIREMENT = 2;
const CRC_BYTES = 4;

/** What a record counts for besides its bytes: objects in Yjs and in the index. */
const RECORD_OVERHEAD_BYTES = 256;

/** Where the record is physically: told when its life ends or begins. See `segment.ts`. */
export interface Place {
  /** The log of the document. */
  readonly log: LogId;
  lives(record: StoredRecord, alive: boolean): void;
}

export class StoredRecord implements Record {
  readonly lamport: number;
  readonly log: LogId;
  readonly originRevision: number;
  bytes: Uint8Array;
  writes: RecordWrite[];
  /** null: not in a document yet, or no longer. */
  place: Place | null = null;
  #live = 0;
  #context: RecordContext | null = null;
  readonly #retired: Retirements;

  constructor(stamp: Stamp, originRevision: number, bytes: Uint8Array, writes: RecordWrite[], retired: Retirements) {
    this.lamport = stamp.lamport;
    this.log = stamp.log;
    this.originRevision = originRevision;
    this.bytes = bytes;
    this.writes = writes;
    this.#retired = retired;
  }

  get live(): number {
    return this.#live;
  }

  set live(value: number) {
    const before = this.#live;
    this.#live = value;
    if (this.place !== null && (before === 0) !== (value === 0)) this.place.lives(this, value !== 0);
  }

  /** What it costs to keep, in bytes. */
  get cost(): number {
    return this.bytes.length + RECORD_OVERHEAD_BYTES;
  }

  context(): RecordContext {
    return (this.#context ??= decodeContext(this.bytes, this.#retired));
  }
}

/** A context as it stands in a record, with the logs that are no more. */
export class RecordContext extends Map<LogId, number> {
  /** The newest retirement that the author knew. */
  newest = 0;
  readonly #retired: Retirements;

  constructor(retired: Retirements) {
    super();
    this.#retired = retired;
  }

  override get(log: LogId): number | undefined {
    return super.get(log) ?? this.#retired.heldBy(this.newest, log);
  }
}

/**
 * Where records are encoded until their document has its own copy: a slab of memory, so that a record costs no allocation of its own.
 */
export class RecordWriter {
  readonly #retired: Retirements;
  readonly #writer = new Writer(64 * 1024);
  readonly #slabBytes = 64 * 1024;
  #slab = new Uint8Array(0);
  #used = 0;

  constructor(retired: Retirements = noneRetired) {
    this.#retired = retired;
  }

  /**
   * Encodes a record.
   * @param originRevision 0: leave it out; it is derived from the stamp, or there is none.
   * @param held per log the highest Lamport counter held; the entry of the stamp's own log is ignored.
   */
  encode(stamp: Stamp, originRevision: number, held: Context, writes: readonly Write[]): StoredRecord {
    const w = this.#writer.reset();
    writeHead(w, stamp, originRevision, held, this.#retired.newest);
    const decoded = writeWrites(w, writes, (write) => write.value, (write) => write.info);
    w.u32(crc32(w.view()));
    return new StoredRecord(stamp, originOf(stamp, originRevision, decoded), this.#keep(w.view()), decoded, this.#retired);
  }

  #keep(bytes: Uint8Array): Uint8Array {
    if (this.#slab.length - this.#used < bytes.length) {
      this.#slab = new Uint8Array(Math.max(this.#slabBytes, bytes.length));
      this.#used = 0;
    }
    const at = this.#used;
    this.#slab.set(bytes, at);
    this.#used += bytes.length;
    return this.#slab.subarray(at, at + bytes.length);
  }
}

/** The same record with only some of its writes: what the owner keeps of it. */
export function encodeSubset(record: StoredRecord, writes: readonly RecordWrite[]): Uint8Array<ArrayBuffer> {
  const origin = record.bytes[1]! & HAS_REVISION ? record.originRevision : 0;
  const w = new Writer(record.bytes.length + 16);
  writeHead(w, record, origin, record.context(), record.context().newest);
  writeWrites(w, writes, (x) => (x.valueLength < 0 ? null : record.bytes.subarray(x.valueOffset, x.valueOffset + x.valueLength)), (x) => infoOf(record, x) ?? undefined);
  return w.u32(crc32(w.view())).take();
}

function writeHead(w: Writer, stamp: Stamp, originRevision: number, held: Context, newest: number): void {
  w.u8(RECORD_VERSION).u8((originRevision > 0 ? HAS_REVISION : 0) | (newest > 0 ? HAS_RETIREMENT : 0));
  w.u8(slotOf(stamp.log)).u32(incarnationOf(stamp.log)).varuint(stamp.lamport);
  if (originRevision > 0) w.varuint(originRevision);
  assert(newest < stamp.lamport, 'a Lamport counter lies above every retirement');
  if (newest > 0) w.varuint(stamp.lamport - newest);
  let others = 0;
  for (const [log, lamport] of held) if (log !== stamp.log && lamport > 0) others++;
  w.varuint(others);
  for (const [log, lamport] of held) {
    if (log === stamp.log || lamport === 0) continue;
    assert(lamport < stamp.lamport, 'a Lamport counter lies above everything its author held');
    w.u8(slotOf(log)).u32(incarnationOf(log)).varuint(stamp.lamport - lamport);
  }
}

function writeWrites<W extends Pick<Write, 'space' | 'key' | 'lease' | 'merged'>>(
  w: Writer, writes: readonly W[], valueOf: (write: W) => Uint8Array | null, infoOfWrite: (write: W) => Uint8Array | undefined,
): RecordWrite[] {
  w.varuint(writes.length);
  return writes.map((write) => {
    const { space, key, lease } = write;
    const value = valueOf(write);
    const info = infoOfWrite(write);
    const flags = (value === null ? DELETE : 0) | (lease !== 0n ? LEASE : 0) | (space === Space.system ? SYSTEM : 0) | (info !== undefined ? INFO : 0) | (write.merged === true ? MERGED : 0);
    w.u8(flags).latin1(key);
    if (lease !== 0n) w.i64(lease);
    if (value !== null) w.bytes(value);
    const valueLength = value === null ? -1 : value.length;
    const valueOffset = w.length - Math.max(0, valueLength);
    if (info !== undefined) w.bytes(info);
    return new StoredWrite(flags, key, lease, valueOffset, valueLength);
  });
}

/** The merge information of a write, as a view into its record; null if it has none. */
export function infoOf({ bytes }: Pick<Record, 'bytes'>, { hasInfo, valueOffset, valueLength }: RecordWrite): Uint8Array | null {
  if (hasInfo !== true) return null;
  // Without a Reader, for every write of an object comes here.
  let at = valueOffset + Math.max(0, valueLength);
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return bytes.subarray(at, at + length);
  }
}

/** The author's revision of a record: written down if it counted by 1, otherwise derived from the stamp (DESIGN.md, Revisions). */
function originOf(stamp: Stamp, written: number, writes: readonly RecordWrite[]): number {
  if (written > 0) return written;
  for (const write of writes) if (write.space === Space.client) return stamp.lamport * 512 + slotOf(stamp.log) * 2;
  return 0;
}

const noneRetired = new Retirements();

/**
 * Decodes a record as it stands in a document. Values are offsets into `bytes`, the context waits until somebody asks.
 * @throws MalformedError
 */
export function decodeRecord(bytes: Uint8Array, retired: Retirements = noneRetired): StoredRecord {
  const end = bytes.length - CRC_BYTES;
  if (end < 0) throw new MalformedError('record too short');
  if (crc32(bytes.subarray(0, end)) !== crcOf(bytes)) throw new MalformedError('record with a wrong CRC');
  const r = new Reader(bytes, 0, end);
  const { stamp, flags } = readHead(r);
  const written = flags & HAS_REVISION ? r.varuint() : 0;
  readNewest(r, flags, stamp.lamport);
  for (let n = r.count(6); n > 0; n--) {
    r.skip(5);
    const behind = r.varuint();
    if (behind === 0 || behind >= stamp.lamport) throw new MalformedError('context of a record');
  }
  // There is one array for every record: one that grows has room for 16 more.
  const writes = new Array<RecordWrite>(r.count(2));
  for (let i = 0; i < writes.length; i++) writes[i] = readWrite(r);
  r.end();
  return new StoredRecord(stamp, originOf(stamp, written, writes), bytes, writes, retired);
}

function readHead(r: Reader): { stamp: Stamp; flags: number } {
  const version = r.u8();
  if (version !== RECORD_VERSION) throw new MalformedError(`record of version ${version}`);
  const flags = r.u8();
  if (flags > (HAS_REVISION | HAS_RETIREMENT)) throw new MalformedError('flags of a record');
  const slot = r.u8();
  const log = logId(slot, r.u32());
  const lamport = r.varuint();
  if (lamport === 0) throw new MalformedError('record without a Lamport counter');
  return { stamp: { lamport, log }, flags };
}

function readNewest(r: Reader, flags: number, lamport: number): number {
  if ((flags & HAS_RETIREMENT) === 0) return 0;
  const behind = r.varuint();
  if (behind === 0 || behind >= lamport) throw new MalformedError('retirement in a record');
  return lamport - behind;
}

function readWrite(r: Reader): RecordWrite {
  const flags = r.u8();
  if (flags > (DELETE | LEASE | SYSTEM | INFO | MERGED)) throw new MalformedError('flags of a write');
  const key = r.latin1();
  const lease = flags & LEASE ? r.i64() : 0n;
  const valueLength = flags & DELETE ? -1 : r.varuint();
  const valueOffset = r.skip(Math.max(0, valueLength));
  if (flags & INFO) r.skip(r.varuint());
  return new StoredWrite(flags, key, lease, valueOffset, valueLength);
}

/** The context of a record whose CRC has been checked, the record itself included. */
function decodeContext(bytes: Uint8Array, retired: Retirements): RecordContext {
  const r = new Reader(bytes, 0, bytes.length - CRC_BYTES);
  const { stamp, flags } = readHead(r);
  if (flags & HAS_REVISION) r.varuint();
  const context = new RecordContext(retired);
  context.newest = readNewest(r, flags, stamp.lamport);
  context.set(stamp.log, stamp.lamport);
  for (let n = r.count(6); n > 0; n--) {
    const slot = r.u8();
    const log = logId(slot, r.u32());
    context.set(log, stamp.lamport - r.varuint());
  }
  return context;
}

/** A record's contribution to the digest of its log: the CRC that it ends with. */
export function crcOf(bytes: Uint8Array): number {
  const end = bytes.length - CRC_BYTES;
  return (bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)) >>> 0;
}
