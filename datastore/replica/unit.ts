/**
 * A unit: all that was missing in all logs, as one peer held it at one moment (REPLICATION.md, rule 5). Its pieces wait for each other, since an
 * owner moves old records to the head of its log: no order of pieces shows every cause before its effect. So it becomes part of the state as a
 * whole, but in steps, between which other work goes on.
 *
 * The outcome is the same as that of one call of `Logs.absorb` with everything: new records in the order of stamps, then moves, then losses.
 */
import type { Applied, LogUpdate } from './log-doc.ts';
import { cutDeletions } from './log-walk.ts';
import type { Logs, Move } from './logs.ts';
import type { StoredRecord } from './record.ts';
import { StampOrder } from './stamp-order.ts';
import { compareStamps } from './types.ts';
import type { Context, RecordSink, RecordWrite } from './types.ts';

/** One step deletes so many structs at most, */
const STEP_CLOCKS = 1_024;
/** … or tells the sink of so many records. */
const STEP_RECORDS = 8;

const nameOf = (record: StoredRecord): string => `${record.log}/${record.lamport}`;

/** An update that carries nothing but deletions: those of a log go last. */
const deletes = (update: LogUpdate): boolean => update.fromClock === update.toClock;

interface Loss {
  readonly record: StoredRecord;
  readonly writes: readonly RecordWrite[];
}

/** What the updates of a unit have changed so far. */
class Changes {
  /** Of each log the highest counter known before. */
  readonly known: Context;
  readonly #added = new Set<StoredRecord>();
  readonly #order = new StampOrder<StoredRecord>((record) => record);
  /** Records held before that have left their segment. */
  readonly #left = new Map<string, StoredRecord>();
  readonly #leftOrder = new StampOrder<StoredRecord>((record) => record);

  constructor(known: Context) {
    this.known = known;
  }

  take({ added, removed }: Applied): void {
    for (const record of added) this.#added.add(record);
    this.#order.add(added);
    const left = removed.filter((record) => !this.#added.delete(record));
    for (const record of left) this.#left.set(nameOf(record), record);
    this.#leftOrder.add(left);
  }

  /** All records that have come and stayed, in the order of stamps. */
  *arrivals(): IterableIterator<{ readonly record: StoredRecord; readonly from: StoredRecord | undefined }> {
    let before: StoredRecord | null = null;
    for (let record = this.#order.next(); record !== undefined; record = this.#order.next()) {
      if (!this.#added.has(record)) continue;
      let from: StoredRecord | undefined;
      if (record.lamport <= (this.known.get(record.log) ?? 0)) {
        from = this.#left.get(nameOf(record));
        if (from === undefined) continue;
        this.#left.delete(nameOf(record));
      } else if (before !== null && compareStamps(before, record) === 0) continue;
      before = record;
      yield { record, from };
    }
  }

  /** Those that have gone without coming again; after the arrivals. */
  *gone(): IterableIterator<StoredRecord> {
    for (let record = this.#leftOrder.next(); record !== undefined; record = this.#leftOrder.next()) {
      if (this.#left.get(nameOf(record)) === record) yield record;
    }
  }
}

/**
 * Does it, a step with each `next()`; nothing else may touch logs or sink until it is done.
 * @param give integrates a new record and @returns its revision, 0 if it used none
 * @returns the revisions of the new records
 */
export function* integrateUnit(logs: Logs, sink: RecordSink, unit: readonly LogUpdate[], give: (record: StoredRecord) => number): Generator<void, number[]> {
  const changes = new Changes(new Map(logs.context));
  // One may have been retired since the unit came.
  const updates = unit.filter(({ log }) => !logs.retired.has(log));
  for (const update of [...updates.filter((u) => !deletes(u)), ...updates.filter(deletes)]) {
    const doc = logs.open(update.log);
    if (!deletes(update)) {
      changes.take(doc.apply(update));
      yield;
      continue;
    }
    for (const part of cutDeletions(doc.client, update.update, STEP_CLOCKS)) {
      changes.take(doc.apply({ ...update, update: part }));
      yield;
    }
  }
  for (const log of new Set(updates.map((update) => update.log))) logs.heard(log, logs.open(log).lamport);
  logs.changed();

  let steps = 0;
  const revisions: number[] = [];
  const moved: Move[] = [];
  for (const { record, from } of changes.arrivals()) {
    if (from === undefined) revisions.push(give(record));
    else moved.push([from, record]);
    if (++steps % STEP_RECORDS === 0) yield;
  }
  const losses = new StampOrder<Loss>(({ record }) => record);
  for (const [from, to] of moved) {
    sink.moved(from, to);
    if (to.writes.length < from.writes.length) {
      const kept = new Set(to.writes.map((write) => write.space + write.key));
      losses.add([{ record: from, writes: from.writes.filter((write) => !kept.has(write.space + write.key)) }]);
    }
    if (++steps % STEP_RECORDS === 0) yield;
  }
  for (const record of changes.gone()) {
    losses.add([{ record, writes: record.writes }]);
    if (++steps % STEP_RECORDS === 0) yield;
  }
  for (let loss = losses.next(); loss !== undefined; loss = losses.next()) {
    sink.dropped(loss.record, loss.writes);
    if (++steps % STEP_RECORDS === 0) yield;
  }
  return revisions;
}
