/**
 * What the owner forgets of its own log (REPLICATION.md, rules 6 to 8). Segments with much dead in them (garbage.ts) are rewritten, a piece at a time: what lives is
 * appended at the head with its stamps, and deleted where it was in the same Yjs transaction.
 *
 * A superseded record is dead at once. So is a copy of another log's record that a lower member has, too. A deletion is dead when it is stable, its key's only head, and nothing else of its key is physically
 * here; since nobody says when that becomes true, segments with deletions are looked through in turn.
 */
import type { LogDoc } from './log-doc.ts';
import { decodeRecord, encodeSubset } from './record.ts';
import type { StoredRecord } from './record.ts';
import type { Cut, Segment, Shape } from './segment.ts';
import type { Retirements } from './retirements.ts';
import type { LogId, RecordSink, RecordWrite, Stamp } from './types.ts';

/** What becomes of one record of a segment that is rewritten: `to`, with perhaps fewer writes, is written at the head; null: nothing of it lives. */
export interface Fate {
  readonly from: StoredRecord;
  readonly to: StoredRecord | null;
}

export interface Rewrite {
  readonly cuts: readonly Cut[];
  readonly fates: readonly Fate[];
}

/** What is new in a transaction. */
export interface Appended {
  readonly records: number;
  readonly bytes: number;
}

/**
 * How much of old records is rewritten beside new ones, at least: these may have killed as much. Where a third is dead, three records are looked at and two copied
 * for each that goes: less would fall behind.
 */
const COPIED_PER_NEW = 3;
const LOOKED_AT_PER_NEW = 4;

type Questions = Pick<RecordSink, 'isCurrent' | 'isTombstoneFree' | 'currentCopy' | 'moved'>;

export interface CollectorPorts {
  readonly sink: Questions;
  readonly stable: (stamp: Stamp) => boolean;
  /** Is it the log of a present member? */
  readonly isMember: (log: LogId) => boolean;
  readonly retired: Retirements;
  readonly shape: Shape;
}

export class Collector {
  readonly #sink: Questions;
  readonly #stable: (stamp: Stamp) => boolean;
  readonly #isMember: (log: LogId) => boolean;
  readonly #retired: Retirements;
  /** Where the search for forgettable deletions goes on: segments are visited in turn. */
  #visited: Iterator<Segment> | null = null;
  #sinceVisit = 0;
  /** Segments that half go once their forgettable deletions are dropped. */
  readonly #forgettable = new Set<Segment>();

  readonly #shape: Shape;

  constructor({ sink, stable, isMember, retired, shape }: CollectorPorts) {
    this.#shape = shape;
    this.#sink = sink;
    this.#stable = stable;
    this.#isMember = isMember;
    this.#retired = retired;
  }

  /** Another log is the own one now. */
  reset(): void {
    this.#visited = null;
    this.#forgettable.clear();
  }

  /** Worth a transaction of its own? */
  waiting(log: LogDoc): boolean {
    return this.#forgettable.size > 0 || log.garbage.due;
  }

  /** Chooses what to rewrite beside new records; null if nothing is due. A piece at a time, so that no transaction takes long, here or at the peers. */
  due(log: LogDoc, appended: Appended): Rewrite | null {
    this.#sinceVisit += appended.records;
    if (this.#sinceVisit >= this.#shape.segmentRecords) this.search(log);
    const { pieceBytes, pieceRecords, segmentBytes } = this.#shape;
    const records = Math.max(pieceRecords, appended.records * LOOKED_AT_PER_NEW);
    // However much is new: all of it must fit into a frame.
    const bytes = Math.max(pieceBytes, Math.min(appended.bytes * COPIED_PER_NEW, segmentBytes));
    const cuts = log.garbage.take(bytes, records);
    if (cuts.length === 0) cuts.push(...this.#forget(records));
    if (cuts.length === 0) return null;
    return { cuts, fates: cuts.flatMap(({ segment, count }) => segment.records.slice(0, count).map((record) => this.fate(record))) };
  }

  /** At most so many records of a segment that half goes once its forgettable deletions are dropped. */
  #forget(records: number): Cut[] {
    for (const segment of this.#forgettable) {
      const count = segment.sealed ? Math.min(records, segment.records.length) : 0;
      if (count === segment.records.length || count === 0) this.#forgettable.delete(segment);
      if (count > 0) return [{ segment, count }];
    }
    return [];
  }

  /** Looks through the next few segments for deletions that can be forgotten. */
  search(log: LogDoc, segments = 2): void {
    this.#sinceVisit = 0;
    for (let looked = 0; looked < segments; looked++) {
      this.#visited ??= log.segments.values();
      const next = this.#visited.next();
      if (next.done === true) {
        this.#visited = null;
        return;
      }
      const segment = next.value;
      if (segment.sealed && segment.tombstones > 0 && this.#freed(segment) * 2 >= segment.cost) this.#forgettable.add(segment);
    }
  }

  #freed(segment: Segment): number {
    let freed = 0;
    for (const record of segment.records) if (record.live === 0 || record.writes.every((write) => !this.keeps(record, write))) freed += record.cost;
    return freed;
  }

  /** Does the write live, in this record? */
  keeps(record: StoredRecord, write: RecordWrite): boolean {
    if (!this.#sink.isCurrent(record, write) && !this.#counts(record, write)) return false;
    return write.valueLength >= 0 || !this.#stable(record) || !this.#sink.isTombstoneFree(record, write);
  }

  /**
   * A copy, which is not the one that counts so far: does it have to stay? Of all copies that of the lowest member's log does (rule 6), so one in a log that
   * was removed gives way to any of a member's: the heir's, or the log would never be empty. In one log, any one.
   */
  #counts(record: StoredRecord, write: RecordWrite): boolean {
    const own = record.place?.log;
    if (own === undefined || record.log === own) return false;
    const other = this.#sink.currentCopy(record, write) as StoredRecord | null;
    const place = other?.place?.log;
    if (other === null || place === own || (place !== undefined && this.#isMember(place) && (place < own || !this.#isMember(own)))) return false;
    this.#sink.moved(other, record);
    return this.#sink.isCurrent(record, write);
  }

  /** What of a record is to be written again. */
  fate(from: StoredRecord): Fate {
    const kept = from.writes.filter((write) => this.keeps(from, write));
    if (kept.length === 0) return { from, to: null };
    if (kept.length === from.writes.length) return { from, to: decodeRecord(from.bytes, this.#retired) };
    return { from, to: decodeRecord(encodeSubset(from, kept), this.#retired) };
  }
}
