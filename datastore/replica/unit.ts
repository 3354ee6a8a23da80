/**
 * A unit: all that was missing in all logs, as one peer held it at one moment (REPLICATION.md, rule 5). Its pieces wait for each other, since an
 * owner moves old records to the head of its log: no order of pieces shows every cause before its effect. So it becomes part of the state as a
 * whole, but in steps, between which other work goes on.
 *
 * The outcome is the same as that of one call of `Logs.absorb` with everything: new records in the order of stamps, then copies and moves, then
 * losses, those of retired logs among them: of these everything that lives has been copied by then (rule 12).
 */
import type { Applied, LogUpdate } from './log-doc.ts';
import { cutDeletions } from './log-walk.ts';
import { dropCounting, takeCopy } from './logs.ts';
import type { Logs, Move } from './logs.ts';
import type { StoredRecord } from './record.ts';
import type { Retirement } from './retirements.ts';
import { StampOrder } from './stamp-order.ts';
import { compareStamps } from './types.ts';
import type { LogId, RecordSink, RecordWrite } from './types.ts';

/** One step deletes so many structs at most, */
const STEP_CLOCKS = 1_024;
/** … or tells the sink of so many records. */
const STEP_RECORDS = 8;

const nameIn = (log: LogId, record: StoredRecord): string => `${log}:${record.log}/${record.lamport}`;

export interface Unit {
  readonly updates: readonly LogUpdate[];
  readonly retired: ReadonlyMap<LogId, Retirement>;
  /** Logs that are replaced whole by what the updates hold of them (mending.ts). */
  readonly replaced: ReadonlySet<LogId>;
}

/** An update that carries nothing but deletions: those of a log go last. */
const deletes = (update: LogUpdate): boolean => update.fromClock === update.toClock;

interface Loss {
  readonly record: StoredRecord;
  readonly writes: readonly RecordWrite[];
}

/** What the updates of a unit have changed so far. */
class Changes {
  /** Of each log the highest counter known before. */
  readonly #known: (log: LogId) => number;
  /** By the log in whose document they are. */
  readonly #added = new Map<StoredRecord, LogId>();
  readonly #order = new StampOrder<StoredRecord>((record) => record);
  /** Records held before that have left their segment. */
  readonly #left = new Map<string, StoredRecord>();
  readonly #leftOrder = new StampOrder<{ readonly name: string; readonly record: StoredRecord }>(({ record }) => record);

  constructor(known: (log: LogId) => number) {
    this.#known = known;
  }

  take(log: LogId, { added, removed }: Applied): void {
    for (const record of added) this.#added.set(record, log);
    this.#order.add(added);
    const left = removed.filter((record) => !this.#added.delete(record)).map((record) => ({ name: nameIn(log, record), record }));
    for (const { name, record } of left) this.#left.set(name, record);
    this.#leftOrder.add(left);
  }

  /** All records that have come and stayed, in the order of stamps: new ones, those that have left another segment, and copies of others. */
  *arrivals(): IterableIterator<{ readonly record: StoredRecord; readonly from: StoredRecord | 'new' | 'copy' }> {
    let before: StoredRecord | null = null;
    for (let record = this.#order.next(); record !== undefined; record = this.#order.next()) {
      const log = this.#added.get(record);
      if (log === undefined) continue;
      if (record.lamport > this.#known(record.log) && (before === null || compareStamps(before, record) !== 0)) {
        before = record;
        yield { record, from: 'new' };
        continue;
      }
      const name = nameIn(log, record);
      const from = this.#left.get(name);
      this.#left.delete(name);
      yield { record, from: from ?? 'copy' };
    }
  }

  /** Those that have gone without coming again; after the arrivals. */
  *gone(): IterableIterator<StoredRecord> {
    for (let left = this.#leftOrder.next(); left !== undefined; left = this.#leftOrder.next()) {
      if (this.#left.get(left.name) === left.record) yield left.record;
    }
  }
}

/**
 * Does it, a step with each `next()`; nothing else may touch logs or sink until it is done.
 * @param give integrates a new record and @returns its revision, 0 if it used none
 * @returns the revisions of the new records
 */
export function* integrateUnit(logs: Logs, sink: RecordSink, unit: Unit, give: (record: StoredRecord) => number): Generator<void, number[]> {
  logs.retired.expect(unit.retired);
  const before = new Map(logs.context);
  const changes = new Changes((log) => before.get(log) ?? logs.retired.get(log)?.lamport ?? 0);
  // One may have been retired since the unit came.
  const updates = unit.updates.filter(({ log }) => !logs.retired.has(log));
  const anew = new Map([...unit.replaced].map((log) => [log, logs.blank(log)]));
  for (const update of [...updates.filter((u) => !deletes(u)), ...updates.filter(deletes)]) {
    const doc = anew.get(update.log) ?? logs.open(update.log);
    if (!deletes(update)) {
      const applied = doc.apply(update);
      if (!anew.has(doc.log)) changes.take(doc.log, applied);
      yield;
      continue;
    }
    for (const part of cutDeletions(doc.client, update.update, STEP_CLOCKS)) {
      const applied = doc.apply({ ...update, update: part });
      if (!anew.has(doc.log)) changes.take(doc.log, applied);
      yield;
    }
  }
  for (const doc of anew.values()) {
    const before = logs.replace(doc);
    for (const { records } of doc.segments.values()) {
      changes.take(doc.log, { added: [...records], removed: [] });
      yield;
    }
    for (const { records } of before?.segments.values() ?? []) {
      changes.take(doc.log, { added: [], removed: [...records] });
      yield;
    }
    before?.destroy();
    yield;
  }
  for (const log of new Set(updates.map((update) => update.log))) logs.heard(log, logs.open(log).lamport);
  logs.changed();

  let steps = 0;
  const revisions: number[] = [];
  const moved: Move[] = [];
  for (const { record, from } of changes.arrivals()) {
    // What was missing in a log that is replaced has never been given, or counts still though it was gone.
    const missing = from === 'copy' && anew.has(record.place!.log) && !isKnown(sink, record);
    if (from === 'new' || missing) revisions.push(give(record));
    else if (from === 'copy') takeCopy(sink, record);
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
  // What lies in retired logs goes among the rest, in the order of stamps: a deletion goes after all that it had superseded.
  for (const log of unit.retired.keys()) {
    for (const { records } of logs.docs.get(log)?.segments.values() ?? []) {
      losses.add(records.map((record) => ({ record, writes: record.writes })));
      yield;
    }
  }
  for (let loss = losses.next(); loss !== undefined; loss = losses.next()) {
    const { record, writes } = loss;
    // Where another copy counts from now on: what is current is in all of them.
    dropCounting(sink, record, (one) => logs.copyOf(one, unit.retired));
    sink.dropped(record, writes);
    if (++steps % STEP_RECORDS === 0) yield;
  }
  for (const [log, retirement] of unit.retired) {
    logs.retire(log, retirement);
    yield;
  }
  return revisions;
}

const isKnown = (sink: RecordSink, record: StoredRecord): boolean => record.writes.some((write) => sink.currentCopy(record, write) !== null);
