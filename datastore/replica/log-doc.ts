/**
 * One log: a `Y.Doc` that only its owner writes.
 *
 *     getMap('s')   group number → Y.Map of (segment number → Y.Array of records), a record being a Uint8Array (record.ts)
 *                   In a group the key '!' is the marker: set when a transaction deletes and has nothing to append.
 *
 * Groups are there because Yjs keeps the map entry of every deleted segment for ever; in a deleted group they all become one struct.
 * Only V1 updates: a V2 update of 21 bytes can block the event loop for 13 s.
 *
 * Updates are applied only in order and without gaps, so Yjs never holds a pending struct (it would merge the pending blob again on every
 * arrival); the caller compares clocks before Yjs sees a byte. Deletions move no clock, therefore a transaction that deletes always appends.
 */
import { Buffer } from 'node:buffer';
import * as Y from 'yjs';
import { assert } from './assert.ts';
import { encodeAppend } from './append.ts';
import { MalformedError } from '../bytes.ts';
import { Garbage } from './garbage.ts';
import { itemsFrom } from './items.ts';
import { LogWalk } from './log-walk.ts';
import { crcOf, decodeRecord } from './record.ts';
import type { StoredRecord } from './record.ts';
import { Retirements } from './retirements.ts';
import { Segment, usualShape } from './segment.ts';
import type { Cut, Shape } from './segment.ts';
import { incarnationOf, logName } from './types.ts';
import type { LogId } from './types.ts';

const ROOT = 's';
const MARKER = '!';
type Group = Y.Map<Y.Array<Uint8Array> | number>;

/** What an update did to a document. */
export interface Applied {
  readonly added: StoredRecord[];
  readonly removed: StoredRecord[];
}

/** What `append` decided. */
export interface Append {
  readonly update: LogUpdate;
  /** Puts it into the document. Once, and before anything else is written. */
  place(): void;
}

/** One update of one log: it leads from one clock to the next. `lamport` is the highest counter of the log's owner in it or before. */
export interface LogUpdate {
  readonly log: LogId;
  readonly fromClock: number;
  readonly toClock: number;
  readonly lamport: number;
  readonly update: Uint8Array;
}

/** Above this many records the copy is not worth the time that it saves. */
const APPEND_MAX = 8;

const isWhole = ({ segment, count }: Cut): boolean => count === segment.records.length;

export class LogDoc {
  readonly log: LogId;
  readonly client: number;
  /** Yjs's clock of the owner: how many structs' worth of content this document has seen. */
  clock = 0;
  /** Highest Lamport counter of the owner's records seen, dropped ones included. */
  lamport = 0;
  readonly segments = new Map<number, Segment>();
  /** What the owner might rewrite. */
  readonly garbage = new Garbage();
  records = 0;
  bytes = 0;
  /** Records of other logs in this one, which inherited them: by log and Lamport counter. Of several copies of one, the last. */
  readonly copies = new Map<LogId, Map<number, StoredRecord>>();
  /** Two sums over the records present, independent of order. */
  #digestSum = 0;
  #digestXor = 0;
  /** With a name, since Yjs would draw a random one, which costs more than the rest of an empty document. Nothing reads it. */
  readonly #doc = new Y.Doc({ gc: true, guid: 'log' });
  readonly #root: Y.Map<Group>;
  readonly #groupSizes = new Map<number, number>();
  readonly #arrays = new Map<unknown, Segment>();
  #head: Segment | null = null;
  #nextSegment = 0;
  /** Yjs's clock of the last record in the head; -1: not known. */
  #lastInHead = -1;
  #owned = false;
  #update: Uint8Array | null = null;
  #touched: Y.YEvent<never>[] = [];

  readonly #shape: Shape;
  readonly #retired: Retirements;

  constructor(log: LogId, shape: Shape = usualShape, retired = new Retirements()) {
    this.log = log;
    this.#shape = shape;
    this.#retired = retired;
    // A document belongs to one log and so has one client; the incarnation is as unique as the log needs.
    this.client = incarnationOf(log);
    this.#root = this.#doc.getMap<Group>(ROOT);
    this.#doc.on('update', (update: Uint8Array) => {
      this.#update = update;
    });
    this.#root.observeDeep((events, transaction) => {
      if (!transaction.local) this.#touched = events as unknown as Y.YEvent<never>[];
    });
  }

  /** Content of the log as one number: equal contents give equal digests, whatever the order of arrival. */
  get digest(): number {
    return (this.#digestXor >>> 0) * 0x20_0000 + (this.#digestSum & 0x1f_ffff);
  }

  /**
   * Makes this replica the writer of the document. Only once everything of it has been loaded: Yjs changes the client id of a document
   * into which it loads changes of that very client.
   */
  own(): void {
    this.#doc.clientID = this.client;
    this.#owned = true;
    for (const segment of this.segments.values()) {
      if (segment.number === this.#nextSegment - 1 && !segment.full) this.#head = segment;
      else this.garbage.seal(segment);
    }
  }

  /** This replica writes another log from now on; what peers hold of this one may still arrive. */
  disown(): void {
    this.#owned = false;
    this.#head = null;
    // Any other will do: nothing is written here, and Yjs complains of changes by a document's own client.
    this.#doc.clientID = this.client === 0 ? 1 : 0;
  }

  /**
   * The same as `write` for a few records that the head has room for, in two steps: the update is there at once, and Yjs, which takes longer,
   * can work while the update is on its way to the disk. Null: only `write` can do it.
   */
  append(records: readonly StoredRecord[], lamport: number): Append | null {
    const head = this.#head;
    if (head === null || this.#lastInHead < 0 || records.length === 0 || records.length > APPEND_MAX || !head.takes(records)) return null;
    const fromClock = this.clock;
    const toClock = fromClock + records.length;
    const update = encodeAppend(this.client, fromClock, this.#lastInHead, records.map((record) => record.bytes));
    const placed = { log: this.log, fromClock, toClock, lamport: Math.max(this.lamport, lamport), update };
    return {
      update: placed,
      place: () => {
        const made = this.write(records, [], lamport);
        assert(made.fromClock === fromClock && made.toClock === toClock && made.lamport === placed.lamport, `${logName(this.log)} has not changed since the update was made`);
        assert(Buffer.compare(made.update, update) === 0, 'an append is encoded as Yjs does it');
      },
    };
  }

  /**
   * Writes one transaction: appends records and deletes segments, or their beginnings, as one V1 update. The records' `bytes` become the document's own.
   * @param lamport highest counter of the owner in it or before
   */
  write(records: readonly StoredRecord[], remove: readonly Cut[], lamport: number): LogUpdate {
    assert(this.#owned && this.#doc.clientID === this.client, `${logName(this.log)} is written by its owner only`);
    assert(remove.every(({ segment }) => segment.sealed), 'the head is not rewritten');
    const fromClock = this.clock;
    const runs: { segment: Segment; start: number; records: readonly StoredRecord[] }[] = [];
    this.#update = null;
    this.#doc.transact(() => {
      for (let at = 0; at < records.length; ) {
        const segment = this.#headSegment();
        const start = segment.records.length;
        while (at < records.length && !segment.full) this.#place(segment, records[at++]!);
        const run = segment.records.slice(start);
        segment.array.push(run.map((record) => record.bytes));
        runs.push({ segment, start, records: run });
      }
      if (records.length === 0) this.#headGroup().set(MARKER, fromClock);
      for (const cut of remove) {
        if (isWhole(cut)) this.#delete(cut.segment);
        else cut.segment.array.delete(0, cut.count);
      }
    });
    for (const { segment, start, records: run } of runs) {
      // Y.Array.push copies: take the copy, or every value is held twice.
      const stored = itemsFrom(segment.array, start, this.#structs);
      for (let i = 0; i < run.length; i++) run[i]!.bytes = stored[i]!;
      if (!segment.full) continue;
      this.garbage.seal(segment);
      if (segment === this.#head) this.#head = null;
    }
    for (const cut of remove) {
      if (isWhole(cut)) this.#forget(cut.segment);
      else for (const record of cut.segment.cut(cut.count)) this.#gone(record);
    }
    assert(this.#update !== null, 'a transaction that writes makes an update');
    const update: Uint8Array = this.#update;
    this.#update = null;
    this.#settle();
    assert(this.clock > fromClock, 'every transaction moves the clock');
    // Whatever is deleted makes no struct: the last record is the last one.
    if (records.length > 0) this.#lastInHead = this.clock - 1;
    this.lamport = Math.max(this.lamport, lamport);
    return { log: this.log, fromClock, toClock: this.clock, lamport: this.lamport, update };
  }

  /**
   * Applies an update of the owner's. The caller has checked that it begins at or below `clock`, and a CRC over the bytes.
   * @throws MalformedError if Yjs or a record in it cannot be decoded, or if it is not what its clocks say
   */
  apply({ fromClock, toClock, lamport, update }: LogUpdate): Applied {
    assert(!this.#owned, `${logName(this.log)} is written by its owner only`);
    assert(fromClock <= this.clock, 'updates are applied without gaps');
    this.#touched = [];
    try {
      // Not readSyncStep2 of y-protocols: it swallows errors.
      Y.applyUpdate(this.#doc, update);
    } catch (error) {
      throw new MalformedError(`update of ${logName(this.log)}: ${String(error)}`);
    }
    const expected = Math.max(this.clock, toClock);
    this.#settle();
    if (this.clock !== expected) throw new MalformedError(`update of ${logName(this.log)} leads to clock ${this.clock}, not ${expected}`);
    const result = this.#collectChanges();
    this.lamport = Math.max(this.lamport, lamport);
    return result;
  }

  /** How many structs that stand here an update of this log deletes, about: what it takes besides its size. Stops counting at `max`. */
  wouldDelete({ update }: LogUpdate, max: number): number {
    const structs = this.#structs;
    let count = 0;
    for (const { clock, len } of Y.decodeUpdate(update).ds.clients.get(this.client) ?? []) {
      if (clock >= this.clock) continue;
      for (let i = Y.findIndexSS(structs, clock); i < structs.length && structs[i]!.id.clock < clock + len; i++) {
        if (!structs[i]!.deleted) count += structs[i]!.length;
        if (count >= max) return count;
      }
    }
    return count;
  }

  /** Everything that a document with this clock lacks, deletions included. */
  updateSince(clock: number): LogUpdate {
    const update = clock === 0 ? Y.encodeStateAsUpdate(this.#doc) : Y.encodeStateAsUpdate(this.#doc, Y.encodeStateVector(new Map([[this.client, clock]])));
    return { log: this.log, fromClock: Math.min(clock, this.clock), toClock: this.clock, lamport: this.lamport, update };
  }

  /** The same in pieces, while the document goes on changing. */
  walk(from: number): LogWalk {
    return new LogWalk(this.#doc, this.client, Math.min(from, this.clock));
  }

  destroy(): void {
    this.#doc.destroy();
  }

  /** Structs that Yjs holds: what must not grow with history. For tests and metrics. */
  get structs(): number {
    return this.#structs.length;
  }

  get #structs(): (Y.Item | Y.GC)[] {
    return (this.#doc.store.clients.get(this.client) ?? []) as (Y.Item | Y.GC)[];
  }

  #headSegment(): Segment {
    if (this.#head !== null && !this.#head.full) return this.#head;
    const number = this.#nextSegment++;
    const array = new Y.Array<Uint8Array>();
    this.#headGroup(number).set(String(number), array);
    return (this.#head = this.#segment(this.#groupOf(number), number, array));
  }

  /** The group that a segment belongs to, made if it is missing; without a number that of the segment to come. */
  #headGroup(number = this.#nextSegment): Group {
    const name = String(this.#groupOf(number));
    let group = this.#root.get(name);
    if (group === undefined) this.#root.set(name, (group = new Y.Map() as Group));
    return group;
  }

  #groupOf(number: number): number {
    return Math.floor(number / this.#shape.groupSegments);
  }

  #segment(group: number, number: number, array: Y.Array<Uint8Array>): Segment {
    const segment = new Segment(this.log, group, number, array, this.#shape, this.garbage);
    this.segments.set(number, segment);
    this.#arrays.set(array, segment);
    this.#groupSizes.set(group, (this.#groupSizes.get(group) ?? 0) + 1);
    this.#nextSegment = Math.max(this.#nextSegment, number + 1);
    return segment;
  }

  #place(segment: Segment, record: StoredRecord): void {
    segment.add(record);
    if (record.log !== this.log) this.#inherited(record);
    this.#digest(record.bytes, 1);
    this.records++;
    this.bytes += record.bytes.length;
  }

  /** Deletes a segment, or its whole group with it if nothing else is left in that and it is full. */
  #delete(segment: Segment): void {
    const size = this.#groupSizes.get(segment.group)! - 1;
    this.#groupSizes.set(segment.group, size);
    if (size === 0 && (segment.group + 1) * this.#shape.groupSegments <= this.#nextSegment) this.#root.delete(String(segment.group));
    else this.#root.get(String(segment.group))!.delete(String(segment.number));
  }

  #forget(segment: Segment): void {
    this.segments.delete(segment.number);
    this.garbage.remove(segment);
    this.#arrays.delete(segment.array);
    if (this.#groupSizes.get(segment.group) === 0) this.#groupSizes.delete(segment.group);
    for (const record of segment.records) this.#gone(record);
  }

  #gone(record: StoredRecord): void {
    record.place = null;
    if (record.log !== this.log) this.#disinherited(record);
    this.#digest(record.bytes, -1);
    this.records--;
    this.bytes -= record.bytes.length;
  }

  #inherited(record: StoredRecord): void {
    let copies = this.copies.get(record.log);
    if (copies === undefined) this.copies.set(record.log, (copies = new Map()));
    copies.set(record.lamport, record);
  }

  #disinherited(record: StoredRecord): void {
    const copies = this.copies.get(record.log);
    if (copies?.get(record.lamport) !== record) return;
    copies.delete(record.lamport);
    if (copies.size === 0) this.copies.delete(record.log);
  }

  #digest(bytes: Uint8Array, sign: 1 | -1): void {
    const crc = crcOf(bytes);
    this.#digestSum = (this.#digestSum + sign * (crc >>> 5)) | 0;
    this.#digestXor ^= Math.imul(crc, 0x9e37_79b1);
  }

  #settle(): void {
    const { store } = this.#doc;
    assert(store.pendingStructs === null && store.pendingDs === null, `nothing of ${logName(this.log)} is pending in Yjs`);
    this.clock = Y.getState(store, this.client);
  }

  /** Reads off what the last remote transaction changed. Records are only ever appended to a segment, and go from its beginning or with it. */
  #collectChanges(): Applied {
    const added: StoredRecord[] = [];
    const removed: StoredRecord[] = [];
    for (const event of this.#touched) {
      const target = event.target as unknown;
      if (target === this.#root) {
        for (const name of (event as unknown as Y.YMapEvent<never>).keysChanged as Set<string>) this.#groupChanged(name, added, removed);
      } else if (target instanceof Y.Map) {
        // What the document says: the owner's idea of the size of a group may be another.
        const group = Number(event.path[0]);
        for (const name of (event as unknown as Y.YMapEvent<never>).keysChanged as Set<string>) this.#segmentChanged(group, target as Group, name, added, removed);
      } else {
        const segment = this.#arrays.get(target);
        if (segment !== undefined) this.#read(segment, added, removed);
      }
    }
    this.#touched = [];
    return { added, removed };
  }

  #groupChanged(name: string, added: StoredRecord[], removed: StoredRecord[]): void {
    const group = this.#root.get(name);
    for (const segment of [...this.segments.values()]) {
      if (segment.group === Number(name) && group?.get(String(segment.number)) !== segment.array) this.#remove(segment, removed);
    }
    if (group !== undefined) for (const key of group.keys()) this.#segmentChanged(Number(name), group, key, added, removed);
  }

  #segmentChanged(groupNumber: number, group: Group, name: string, added: StoredRecord[], removed: StoredRecord[]): void {
    if (name === MARKER) return;
    const number = Number(name);
    if (!Number.isSafeInteger(number) || number < 0 || !Number.isSafeInteger(groupNumber)) throw new MalformedError(`segment ${name}`);
    const array = group.get(name);
    let known = this.segments.get(number);
    if (known !== undefined && known.array !== array) {
      this.#remove(known, removed);
      known = undefined;
    }
    if (array instanceof Y.Array) this.#read(known ?? this.#segment(groupNumber, number, array), added, removed);
  }

  #read(segment: Segment, added: StoredRecord[], removed: StoredRecord[]): void {
    // It may have lost and won as many.
    const first = segment.records[0];
    if (first !== undefined && (segment.array.length < segment.records.length || segment.array.get(0) !== first.bytes)) this.#shrink(segment, removed);
    for (const bytes of itemsFrom(segment.array, segment.records.length, this.#structs)) {
      if (!(bytes instanceof Uint8Array)) throw new MalformedError('a segment holds something other than records');
      const record = decodeRecord(bytes, this.#retired);
      this.#place(segment, record);
      added.push(record);
    }
  }

  /** Records have been taken out: by its owner at the beginning, or anywhere in the middle of a unit, when all of it is on its way out. */
  #shrink(segment: Segment, removed: StoredRecord[]): void {
    this.garbage.remove(segment);
    const { array, records } = segment;
    const first = array.length > 0 ? array.get(0) : null;
    const at = first === null ? records.length : records.findIndex(({ bytes }) => bytes === first);
    const last = records.length - 1 - at;
    if (at < 0 || (last >= 0 && array.get(last) !== records.at(-1)!.bytes)) {
      const stored = new Set(array.toArray());
      for (const record of segment.take((r) => stored.has(r.bytes))) this.#lost(record, removed);
    } else for (const record of segment.cut(at)) this.#lost(record, removed);
  }

  #lost(record: StoredRecord, removed: StoredRecord[]): void {
    removed.push(record);
    this.#gone(record);
  }

  #remove(segment: Segment, removed: StoredRecord[]): void {
    this.#groupSizes.set(segment.group, this.#groupSizes.get(segment.group)! - 1);
    for (const record of segment.records) removed.push(record);
    this.#forget(segment);
  }
}
