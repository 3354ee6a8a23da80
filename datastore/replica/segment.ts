/** One segment of a log document, as this replica sees it: its records in order, and how much of them is alive. */
import type * as Y from 'yjs';
import { limits } from '../limits.ts';
import type { Place, StoredRecord } from './record.ts';

export class Segment implements Place {
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
  /** No more records are appended. */
  sealed = false;
  /** Called once more than half of a sealed segment is dead. */
  #onMostlyDead: (segment: Segment) => void;

  constructor(group: number, number: number, array: Y.Array<Uint8Array>, onMostlyDead: (segment: Segment) => void) {
    this.group = group;
    this.number = number;
    this.array = array;
    this.#onMostlyDead = onMostlyDead;
  }

  get full(): boolean {
    return this.records.length >= limits.segment_records || this.bytes >= limits.segment_bytes;
  }

  add(record: StoredRecord): void {
    this.records.push(record);
    this.bytes += record.bytes.length;
    this.cost += record.cost;
    if (record.live > 0) this.liveCost += record.cost;
    for (const write of record.writes) if (write.valueLength < 0) this.tombstones++;
    record.place = this;
  }

  lives(record: StoredRecord, alive: boolean): void {
    this.liveCost += alive ? record.cost : -record.cost;
    if (this.sealed && !alive) this.check();
  }

  /** Reports the segment if rewriting it frees at least as much as it copies. */
  check(): void {
    if (this.liveCost * 2 <= this.cost) this.#onMostlyDead(this);
  }

  seal(): void {
    this.sealed = true;
    this.check();
  }
}
