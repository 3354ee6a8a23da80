/** One segment of a log document, as this replica sees it: its records in order, and how much of them is alive. */
import type * as Y from 'yjs';
import { limits } from '../limits.ts';
import { assert } from './assert.ts';
import type { Garbage } from './garbage.ts';
import type { Place, StoredRecord } from './record.ts';
import type { LogId } from './types.ts';

/** How large the parts of a document are. Only its owner goes by it; a reader takes what comes. */
export interface Shape {
  readonly segmentRecords: number;
  readonly segmentBytes: number;
  readonly groupSegments: number;
  /** One transaction rewrites about so many records at most, and copies so many bytes; more only in proportion to what is new in it. */
  readonly pieceRecords: number;
  readonly pieceBytes: number;
}

export const usualShape: Shape = {
  segmentRecords: limits.segment_records,
  segmentBytes: limits.segment_bytes,
  groupSegments: limits.group_segments,
  pieceRecords: limits.piece_records,
  pieceBytes: limits.piece_bytes,
};

/** The first `count` records of a segment; if these are all, the segment itself. */
export interface Cut {
  readonly segment: Segment;
  readonly count: number;
}

export class Segment implements Place {
  readonly log: LogId;
  readonly group: number;
  readonly number: number;
  readonly array: Y.Array<Uint8Array>;
  readonly records: StoredRecord[] = [];
  /** Cost of all records and of those alive, in bytes (see `StoredRecord.cost`). */
  cost = 0;
  liveCost = 0;
  bytes = 0;
  /** Deletions among the writes: only such a segment is looked through for forgettable ones. */
  tombstones = 0;
  /** Kept by `Garbage`; -1: not counted there, since records are still appended. */
  rank = -1;
  readonly #garbage: Garbage;
  readonly #shape: Shape;

  constructor(log: LogId, group: number, number: number, array: Y.Array<Uint8Array>, shape: Shape, garbage: Garbage) {
    this.log = log;
    this.group = group;
    this.#shape = shape;
    this.number = number;
    this.array = array;
    this.#garbage = garbage;
  }

  get full(): boolean {
    return this.records.length >= this.#shape.segmentRecords || this.bytes >= this.#shape.segmentBytes;
  }

  /** All of these can be appended, so that none has to go into the next segment. */
  takes(records: readonly StoredRecord[]): boolean {
    if (this.records.length + records.length > this.#shape.segmentRecords) return false;
    let { bytes } = this;
    for (const record of records) {
      if (bytes >= this.#shape.segmentBytes) return false;
      bytes += record.bytes.length;
    }
    return true;
  }

  /** No more records are appended. */
  get sealed(): boolean {
    return this.rank >= 0;
  }

  add(record: StoredRecord): void {
    this.records.push(record);
    this.bytes += record.bytes.length;
    this.cost += record.cost;
    if (record.live > 0) this.liveCost += record.cost;
    this.tombstones += tombstonesOf(record);
    record.place = this;
  }

  /** Keeps only what `stays`. Not for an owner's segments, of which accounts are kept. @returns the others */
  take(stays: (record: StoredRecord) => boolean): StoredRecord[] {
    assert(!this.sealed, 'only an owner seals segments, and it takes nothing out of them');
    const all = this.records.splice(0);
    this.cost = this.liveCost = this.bytes = this.tombstones = 0;
    for (const record of all) if (stays(record)) this.add(record);
    return all.filter((record) => !stays(record));
  }

  /** The first records leave, since they have been written again or are dead. @returns them */
  cut(count: number): StoredRecord[] {
    const gone = this.records.splice(0, count);
    let cost = 0;
    let liveCost = 0;
    for (const record of gone) {
      cost += record.cost;
      if (record.live > 0) liveCost += record.cost;
      this.bytes -= record.bytes.length;
      this.tombstones -= tombstonesOf(record);
    }
    this.cost -= cost;
    this.liveCost -= liveCost;
    if (this.sealed) this.#garbage.shrunk(this, cost, liveCost);
    return gone;
  }

  lives(record: StoredRecord, alive: boolean): void {
    const change = alive ? record.cost : -record.cost;
    this.liveCost += change;
    if (this.rank >= 0) this.#garbage.changed(this, change);
  }
}

function tombstonesOf({ writes }: StoredRecord): number {
  let count = 0;
  for (const write of writes) if (write.valueLength < 0) count++;
  return count;
}
