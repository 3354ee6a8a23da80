/** All logs that a replica holds, its own among them, and what it has held of those that are retired. */
import type { Frame } from './frame.ts';
import { FrameKind } from './frame.ts';
import { LogDoc } from './log-doc.ts';
import type { LogUpdate } from './log-doc.ts';
import type { StoredRecord } from './record.ts';
import type { Shape } from './segment.ts';
import { compareStamps, logName } from './types.ts';
import type { LogId, RecordSink } from './types.ts';
import type { Held } from './vector.ts';

/** A peer holds more of this replica's own log than it does itself: the disk is an old copy, and this incarnation must end. */
export class StaleDiskError extends Error {
  constructor(log: LogId) {
    super(`a peer holds more of ${logName(log)} than its owner`);
    this.name = 'StaleDiskError';
  }
}

/** What updates have changed. `fresh` is in the order of stamps, so that causes come before effects. */
export interface Changes {
  readonly fresh: readonly StoredRecord[];
  readonly moved: readonly Move[];
  readonly gone: readonly StoredRecord[];
}
export type Move = readonly [from: StoredRecord, to: StoredRecord];

const nameOf = (record: StoredRecord): string => `${record.log}/${record.lamport}`;

export class Logs {
  readonly docs = new Map<LogId, LogDoc>();
  readonly retired = new Map<LogId, Held>();
  /** Highest Lamport counter held of every log, decided but unwritten records of the own one included: the context of the next record. */
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
    if (doc === undefined) this.docs.set(log, (doc = new LogDoc(log, this.#shape)));
    return doc;
  }

  /** An incarnation is new if nothing was ever held of it. */
  isNew(log: LogId): boolean {
    return !this.docs.has(log) && !this.retired.has(log);
  }

  clock(log: LogId): number {
    return this.docs.get(log)?.clock ?? this.retired.get(log)?.clock ?? 0;
  }

  vector(): Map<LogId, Held> {
    const vector = new Map<LogId, Held>(this.retired);
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
    for (const update of frame.updates) {
      if (update.log === own.log && update.toClock > own.clock) throw new StaleDiskError(own.log);
      if (update.log === own.log || this.retired.has(update.log)) continue;
      const have = clockOf(update.log);
      // What was held before the frame, not after its earlier updates: the last one of a log may carry nothing but deletions.
      if (update.toClock <= this.clock(update.log) && frame.kind !== FrameKind.repair) continue;
      gap ||= update.fromClock > have;
      clocks.set(update.log, Math.max(have, update.toClock));
      updates.push(update);
    }
    if (gap) return 'gap';
    for (const [log, { clock }] of frame.dependencies) if (!this.retired.has(log) && clockOf(log) < clock) return 'waiting';
    if (!inspected) for (const update of updates) this.inspect(update);
    return updates;
  }

  /** @throws MalformedError if the update cannot be applied as it is */
  inspect(update: LogUpdate): void {
    (this.docs.get(update.log) ?? new LogDoc(update.log, this.#shape)).inspect(update);
  }

  /** Puts updates into their documents. A record whose stamp is known already has only moved. */
  absorb(updates: readonly LogUpdate[]): Changes {
    const known = new Map(this.context);
    const fresh = new Map<string, StoredRecord>();
    const moved: Move[] = [];
    const gone: StoredRecord[] = [];
    for (const update of updates) {
      const doc = this.open(update.log);
      const { added, removed } = doc.apply(update);
      const left = new Map<string, StoredRecord>();
      for (const record of removed) if (!fresh.delete(nameOf(record))) left.set(nameOf(record), record);
      for (const record of added) {
        const from = left.get(nameOf(record));
        if (from !== undefined) {
          moved.push([from, record]);
          left.delete(nameOf(record));
        } else if (record.lamport > (known.get(record.log) ?? 0)) fresh.set(nameOf(record), record);
      }
      gone.push(...left.values());
      this.heard(doc.log, doc.lamport);
    }
    this.changed();
    return { fresh: [...fresh.values()].sort(compareStamps), moved, gone };
  }

  /** Puts a snapshot's document in its place. */
  load(log: LogId, { clock, lamport }: Held, update: Uint8Array): LogDoc {
    const doc = this.open(log);
    doc.apply({ log, fromClock: 0, toClock: clock, lamport, update });
    this.heard(log, lamport);
    return doc;
  }

  retire(log: LogId, held: Held): void {
    this.retired.set(log, held);
    this.heard(log, held.lamport);
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
          log.set(record.lamport, record);
        }
      }
    }
    return index;
  }
}

/**
 * Tells a sink what has moved and then what is gone, in the order of stamps: the same at first and at replay, and a deletion goes after what
 * it had superseded.
 */
export function relocate(sink: RecordSink, moved: readonly Move[], gone: readonly StoredRecord[]): void {
  const losses = gone.map((record) => ({ record, writes: record.writes }));
  for (const [from, to] of [...moved].sort(([a], [b]) => compareStamps(a, b))) {
    sink.moved(from, to);
    if (to.writes.length === from.writes.length) continue;
    const kept = new Set(to.writes.map((write) => write.space + write.key));
    losses.push({ record: from, writes: from.writes.filter((write) => !kept.has(write.space + write.key)) });
  }
  losses.sort((a, b) => compareStamps(a.record, b.record));
  for (const { record, writes } of losses) sink.dropped(record, writes);
}
