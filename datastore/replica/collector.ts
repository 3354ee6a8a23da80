/**
 * What the owner forgets of its own log (REPLICATION.md, rules 6 to 8). A sealed segment more than half of which is dead is rewritten: what
 * lives is appended at the head with its stamps, the segment is deleted in the same Yjs transaction. Each copy is thereby paid for by a
 * dead record at least as large, so the work per write is constant.
 *
 * A superseded record is dead at once. A deletion is dead when it is stable, its key's only head, and nothing else of its key is physically
 * here; since nobody says when that becomes true, segments with deletions are looked through in turn.
 */
import { limits } from '../limits.ts';
import type { LogDoc } from './log-doc.ts';
import { decodeRecord, encodeSubset } from './record.ts';
import type { StoredRecord } from './record.ts';
import type { Segment } from './segment.ts';
import type { RecordSink, RecordWrite, Stamp } from './types.ts';

/** What becomes of one record of a segment that is rewritten: `to` null means that nothing of it lives. `lost` are the writes left behind. */
export interface Fate {
  readonly from: StoredRecord;
  readonly to: StoredRecord | null;
  readonly lost: readonly RecordWrite[];
}

export interface Rewrite {
  readonly segments: readonly Segment[];
  readonly fates: readonly Fate[];
}

type Questions = Pick<RecordSink, 'isCurrent' | 'isTombstoneFree'>;

export class Collector {
  readonly #sink: Questions;
  readonly #stable: (stamp: Stamp) => boolean;
  /** Where the search for forgettable deletions goes on: segments are visited in turn. */
  #visited: Iterator<Segment> | null = null;
  #sinceVisit = 0;

  constructor(sink: Questions, stable: (stamp: Stamp) => boolean) {
    this.#sink = sink;
    this.#stable = stable;
  }

  /**
   * Chooses segments to rewrite beside `appended` new records; null if none is due. At most a few segments at a time, so that no
   * transaction takes longer than a slice.
   */
  due(log: LogDoc, appended: number): Rewrite | null {
    this.#sinceVisit += appended;
    if (this.#sinceVisit >= limits.segment_records) this.search(log);
    if (log.mostlyDead.size === 0) return null;
    let copies = limits.segment_records / 2 + appended;
    const segments: Segment[] = [];
    for (const segment of log.mostlyDead) {
      log.mostlyDead.delete(segment);
      segments.push(segment);
      copies -= segment.records.length / 2;
      if (copies <= 0) break;
    }
    return { segments, fates: segments.flatMap((segment) => segment.records.map((record) => this.#fate(record))) };
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
      if (segment.sealed && segment.tombstones > 0 && this.#freed(segment) * 2 >= segment.cost) log.mostlyDead.add(segment);
    }
  }

  #freed(segment: Segment): number {
    let freed = 0;
    for (const record of segment.records) if (record.live === 0 || record.writes.every((write) => !this.#keep(record, write))) freed += record.cost;
    return freed;
  }

  #keep(record: StoredRecord, write: RecordWrite): boolean {
    if (!this.#sink.isCurrent(record, write)) return false;
    return write.valueLength >= 0 || !this.#stable(record) || !this.#sink.isTombstoneFree(record, write);
  }

  #fate(from: StoredRecord): Fate {
    const kept = from.writes.filter((write) => this.#keep(from, write));
    if (kept.length === 0) return { from, to: null, lost: from.writes };
    if (kept.length === from.writes.length) return { from, to: decodeRecord(from.bytes), lost: [] };
    return { from, to: decodeRecord(encodeSubset(from, kept)), lost: from.writes.filter((write) => !kept.includes(write)) };
  }
}
