/**
 * A log that is not what its owner has written (REPLICATION: equal vectors, other contents): by a bug, or by damage that no checksum saw. Applying its
 * updates again is of no use, since Yjs takes nothing twice: it is fetched anew from its owner, whose copy is right, into an empty document that takes the
 * place of the old one. What is missing becomes part of the state with a revision of its own, what should have gone goes.
 *
 * What cannot be told to the keyspace like that is a reason to join again with an empty disk: a value under a stamp that has another one, or something
 * that lives here and that its owner does not have.
 */
import type { Frame } from './frame.ts';
import { FrameKind } from './frame.ts';
import type { LogUpdate } from './log-doc.ts';
import type { Logs } from './logs.ts';
import { StaleDiskError } from './logs.ts';
import type { StoredRecord } from './record.ts';
import { compareStamps, logName } from './types.ts';
import type { LogId, RecordWrite } from './types.ts';

/**
 * Is the frame's sender the owner of a log that is to be replaced by what it sent? Only once all of it has been applied: a record that lives here, and is
 * gone there, may have been superseded in another log.
 * @returns that log, or nothing
 */
export function toReplace(logs: Logs, frame: Frame, own: LogId): Set<LogId> {
  const { kind, sender, dependencies, digests } = frame;
  const doc = logs.docs.get(sender);
  const there = dependencies.get(sender);
  if (kind !== FrameKind.repair || sender === own || doc === undefined || doc.clock !== there?.clock) return new Set();
  return doc.digest === digests.get(sender) ? new Set() : new Set([sender]);
}

const nameOf = (record: StoredRecord): string => `${record.log}/${record.lamport}`;

/**
 * Can the log be replaced in place? Worked out step by step.
 * @param updates of that log, from its beginning
 * @throws StaleDiskError: only an empty disk helps
 */
export function* checkReplacement(logs: Logs, log: LogId, updates: readonly LogUpdate[]): IterableIterator<void> {
  const anew = logs.blank(log);
  // Deletions last, as a unit applies them.
  for (const update of [...updates].sort((a, b) => Number(a.fromClock === a.toClock) - Number(b.fromClock === b.toClock))) {
    anew.apply(update);
    yield;
  }
  const theirs = new Map<string, StoredRecord>();
  /** The highest stamp of each key. */
  const highest = new Map<string, StoredRecord>();
  for (const { records } of anew.segments.values()) {
    for (const record of records) {
      theirs.set(nameOf(record), record);
      for (const write of record.writes) {
        const before = highest.get(write.space + write.key);
        if (before === undefined || compareStamps(before, record) < 0) highest.set(write.space + write.key, record);
      }
    }
    yield;
  }
  for (const { records } of logs.docs.get(log)?.segments.values() ?? []) {
    for (const record of records) {
      const other = theirs.get(nameOf(record));
      for (const write of record.writes) {
        const same = other?.writes.find(({ space, key }) => space === write.space && key === write.key);
        if (same === undefined ? lives(record, write) && compareStamps(highest.get(write.space + write.key) ?? { lamport: 0, log: 0 }, record) <= 0 : !sameValue(record, write, other!, same)) {
          throw new StaleDiskError(log, `this disk's copy of ${logName(log)} is not what its owner has written`);
        }
      }
    }
    yield;
  }
  anew.destroy();
}

const lives = (record: StoredRecord, write: RecordWrite): boolean => record.live > 0 && write.valueLength >= 0;

function sameValue(a: StoredRecord, x: RecordWrite, b: StoredRecord, y: RecordWrite): boolean {
  if (x.valueLength !== y.valueLength || x.lease !== y.lease) return false;
  if (x.valueLength < 0) return true;
  return Buffer.compare(a.bytes.subarray(x.valueOffset, x.valueOffset + x.valueLength), b.bytes.subarray(y.valueOffset, y.valueOffset + y.valueLength)) === 0;
}
