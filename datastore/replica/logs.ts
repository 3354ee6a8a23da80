/** All logs that a replica holds, its own among them, and what it has held of those that are retired. */
import type { Frame } from './frame.ts';
import { FrameKind } from './frame.ts';
import { inspectUpdate } from './inspect.ts';
import { LogDoc } from './log-doc.ts';
import type { LogUpdate } from './log-doc.ts';
import type { StoredRecord } from './record.ts';
import { Retirements } from './retirements.ts';
import type { Retirement } from './retirements.ts';
import type { Shape } from './segment.ts';
import { compareStamps, logName } from './types.ts';
import type { LogId, RecordSink } from './types.ts';
import type { Held, Vector } from './vector.ts';

/** A peer holds more of this replica's own log than it does itself: the disk is an old copy, and this incarnation must end. */
export class StaleDiskError extends Error {
  constructor(log: LogId, why = `a peer holds more of ${logName(log)} than its owner`) {
    super(why);
    this.name = 'StaleDiskError';
  }
}

/** What updates have changed. `fresh` is in the order of stamps, so that causes come before effects. */
export interface Changes {
  readonly fresh: readonly StoredRecord[];
  /** Stamps that are known, in one more log. */
  readonly copied: readonly StoredRecord[];
  readonly moved: readonly Move[];
  readonly gone: readonly StoredRecord[];
}
export type Move = readonly [from: StoredRecord, to: StoredRecord];

const nameOf = (record: StoredRecord): string => `${record.log}/${record.lamport}`;

export class Logs {
  /**
   * Logs that this disk has written before the present one, since nobody could vouch for it. Nobody else writes them: who holds more of one shows
   * that the disk is an old copy, which lacks not only that, but knows nothing of what others have forgotten since.
   */
  readonly former = new Set<LogId>();
  readonly docs = new Map<LogId, LogDoc>();
  readonly retired = new Retirements();
  /** Highest Lamport counter held of every log that is not retired, decided but unwritten records of the own one included: the context of the next record. */
  readonly context = new Map<LogId, number>();
  /** Highest of all. */
  lamport = 0;
  readonly #shape: Shape;
  #index: Map<LogId, Map<number, StoredRecord>> | null = null;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  /** The document of a log, made if it is new here. */
  open(log: LogId): LogDoc {
    let doc = this.docs.get(log);
    if (doc === undefined) this.docs.set(log, (doc = new LogDoc(log, this.#shape, this.retired)));
    return doc;
  }

  /** An incarnation is new if nothing was ever held of it. */
  isNew(log: LogId): boolean {
    return !this.docs.has(log) && !this.retired.has(log);
  }

  clock(log: LogId): number {
    return this.docs.get(log)?.clock ?? this.retired.get(log)?.clock ?? 0;
  }

  /** Highest Lamport counter of the log's records of which nothing is new here. */
  known(log: LogId): number {
    return this.context.get(log) ?? this.retired.get(log)?.lamport ?? 0;
  }

  /** Is everything of it here, or was here until it was retired? */
  covers(held: Vector, mine: Vector = this.vector()): boolean {
    for (const [log, { clock }] of held) if (!this.retired.has(log) && (mine.get(log)?.clock ?? 0) < clock) return false;
    return true;
  }

  vector(): Map<LogId, Held> {
    const vector = new Map<LogId, Held>();
    for (const { log, clock, lamport } of this.docs.values()) vector.set(log, { clock, lamport });
    return vector;
  }

  digests(): Map<LogId, number> {
    const digests = new Map<LogId, number>();
    for (const { log, digest } of this.docs.values()) digests.set(log, digest);
    return digests;
  }

  /** A record of this stamp has been decided here, or heard of. */
  heard(log: LogId, lamport: number): void {
    this.context.set(log, Math.max(this.context.get(log) ?? 0, lamport));
    this.lamport = Math.max(this.lamport, lamport);
  }

  /**
   * What of a frame is new here, if it can be applied now: without a gap, and with all it depends on, its own content included.
   * @param inspected the updates have been looked into already
   * @throws MalformedError, StaleDiskError; nothing has been applied
   */
  admit(frame: Frame, own: LogDoc, inspected = false): LogUpdate[] | 'gap' | 'waiting' {
    const clocks = new Map<LogId, number>();
    const clockOf = (log: LogId): number => clocks.get(log) ?? this.clock(log);
    const updates: LogUpdate[] = [];
    let gap = false;
    if ((frame.dependencies.get(own.log)?.clock ?? 0) > own.clock) throw new StaleDiskError(own.log);
    for (const [log, { clock }] of frame.retired) {
      if (log === own.log || (this.docs.get(log)?.clock ?? 0) > clock) throw new StaleDiskError(log, `${logName(log)} has been retired below what this disk holds of it`);
    }
    for (const update of frame.updates) {
      if (update.log === own.log && update.toClock > own.clock) throw new StaleDiskError(own.log);
      if (this.former.has(update.log) && update.toClock > this.clock(update.log)) throw new StaleDiskError(update.log);
      if (update.log === own.log || this.retired.has(update.log) || frame.retired.has(update.log)) continue;
      const have = clockOf(update.log);
      // What was held before the frame, not after its earlier updates: the last one of a log may carry nothing but deletions.
      if (update.toClock <= this.clock(update.log) && frame.kind !== FrameKind.repair) continue;
      gap ||= update.fromClock > have;
      clocks.set(update.log, Math.max(have, update.toClock));
      updates.push(update);
    }
    if (gap) return 'gap';
    for (const [log, { clock }] of frame.dependencies) if (!this.retired.has(log) && !frame.retired.has(log) && clockOf(log) < clock) return 'waiting';
    if (!inspected) for (const update of updates) inspectUpdate(update);
    return updates;
  }

  /** Puts updates into their documents. A record whose stamp is known already has only moved. */
  absorb(updates: readonly LogUpdate[]): Changes {
    const before = new Map(this.context);
    const known = (log: LogId): number => before.get(log) ?? this.retired.get(log)?.lamport ?? 0;
    const fresh = new Map<string, StoredRecord>();
    const copied = new Set<StoredRecord>();
    const moved: Move[] = [];
    const gone: StoredRecord[] = [];
    for (const update of updates) {
      const doc = this.open(update.log);
      const { added, removed } = doc.apply(update);
      const left = new Map<string, StoredRecord>();
      for (const record of removed) {
        if (fresh.get(nameOf(record)) === record) fresh.delete(nameOf(record));
        else if (!copied.delete(record)) left.set(nameOf(record), record);
      }
      for (const record of added) {
        const from = left.get(nameOf(record));
        if (from !== undefined) {
          moved.push([from, record]);
          left.delete(nameOf(record));
        } else if (record.lamport > known(record.log) && !fresh.has(nameOf(record))) fresh.set(nameOf(record), record);
        else copied.add(record);
      }
      gone.push(...left.values());
      this.heard(doc.log, doc.lamport);
    }
    // The first of several may have gone again.
    for (const record of copied) {
      if (record.lamport <= known(record.log) || fresh.has(nameOf(record))) continue;
      fresh.set(nameOf(record), record);
      copied.delete(record);
    }
    this.changed();
    return { fresh: [...fresh.values()].sort(compareStamps), copied: [...copied].sort(compareStamps), moved, gone };
  }

  /** An empty document for a log. */
  blank(log: LogId): LogDoc {
    return new LogDoc(log, this.#shape, this.retired);
  }

  /** Puts another document of the same log in the place of the one that was there. @returns that; the caller destroys it */
  replace(doc: LogDoc): LogDoc | undefined {
    const before = this.docs.get(doc.log);
    this.docs.set(doc.log, doc);
    this.changed();
    return before;
  }

  /** Puts a snapshot's document in its place. */
  load(log: LogId, { clock, lamport }: Held, update: Uint8Array): LogDoc {
    const doc = this.open(log);
    doc.apply({ log, fromClock: 0, toClock: clock, lamport, update });
    this.heard(log, lamport);
    return doc;
  }

  /** The log is no more: its document goes, and it is remembered where it ended. The sink has been told. */
  retire(log: LogId, retirement: Retirement): void {
    this.docs.get(log)?.destroy();
    this.docs.delete(log);
    this.context.delete(log);
    this.retired.add(log, retirement);
    this.lamport = Math.max(this.lamport, retirement.at);
    this.retired.trim((one) => this.bears(one));
    this.changed();
  }

  /** Are there records of that log, in whatever document? */
  bears(log: LogId): boolean {
    for (const doc of this.docs.values()) if (doc.log === log || doc.copies.has(log)) return true;
    return false;
  }

  /** Another record of the same stamp, in a log that is not `ending`: of the one that is lowest. */
  copyOf(record: StoredRecord, ending: { has(log: LogId): boolean } = new Set<LogId>()): StoredRecord | undefined {
    let found: StoredRecord | undefined;
    for (const doc of this.docs.values()) {
      const copy = doc.copies.get(record.log)?.get(record.lamport);
      if (copy === undefined || copy === record || ending.has(doc.log)) continue;
      if (found === undefined || doc.log < found.place!.log) found = copy;
    }
    return found;
  }

  /** Documents have changed: the index of stamps is no longer right. */
  changed(): void {
    this.#index = null;
  }

  /** The record of a stamp, if it is physically in a document. The first call after a change makes an index of all records. */
  find(log: LogId, lamport: number): StoredRecord | undefined {
    this.#index ??= this.#makeIndex();
    return this.#index.get(log)?.get(lamport);
  }

  #makeIndex(): Map<LogId, Map<number, StoredRecord>> {
    const index = new Map<LogId, Map<number, StoredRecord>>();
    for (const doc of this.docs.values()) {
      for (const segment of doc.segments.values()) {
        for (const record of segment.records) {
          let log = index.get(record.log);
          if (log === undefined) index.set(record.log, (log = new Map()));
          // Of several copies the one with the most writes: what is current is in every one of them, history may not be.
          const other = log.get(record.lamport);
          if (other === undefined || other.writes.length < record.writes.length) log.set(record.lamport, record);
        }
      }
    }
    return index;
  }
}

/**
 * A stamp that is known stands in one more log. The copy that came last counts, where it is its key's current write; which copies may go is for their
 * owners to say (collector.ts).
 */
export function takeCopy(sink: RecordSink, record: StoredRecord): void {
  sink.copied(record);
  for (const write of record.writes) {
    const other = sink.currentCopy(record, write);
    if (other !== null && other !== record) sink.moved(other, record);
  }
}

/**
 * Tells a sink what has been copied, what has moved and then what is gone, in the order of stamps: the same at first and at replay, and a deletion
 * goes after what it had superseded.
 */
export function relocate(sink: RecordSink, { copied, moved, gone }: Omit<Changes, 'fresh'>, copyOf: (record: StoredRecord) => StoredRecord | undefined = () => undefined): void {
  for (const record of copied) takeCopy(sink, record);
  const losses = gone.map((record) => ({ record, writes: record.writes }));
  for (const [from, to] of [...moved].sort(([a], [b]) => compareStamps(a, b))) {
    sink.moved(from, to);
    if (to.writes.length === from.writes.length) continue;
    const kept = new Set(to.writes.map((write) => write.space + write.key));
    losses.push({ record: from, writes: from.writes.filter((write) => !kept.has(write.space + write.key)) });
  }
  losses.sort((a, b) => compareStamps(a.record, b.record));
  for (const { record, writes } of losses) {
    dropCounting(sink, record, copyOf);
    sink.dropped(record, writes);
  }
}

/**
 * A record goes that is somebody's current write. After a snapshot has been loaded that may be any of several copies, not the one that counted before: another
 * takes its place. Only a deletion that nobody needs any more has none.
 */
export function dropCounting(sink: Pick<RecordSink, 'moved'>, record: StoredRecord, copyOf: (record: StoredRecord) => StoredRecord | undefined): void {
  const copy = record.live > 0 ? copyOf(record) : undefined;
  if (copy !== undefined) sink.moved(record, copy);
}
