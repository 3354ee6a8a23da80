/** What a replica holds of each log. */
import type { Reader, Writer } from '../bytes.ts';
import { incarnationOf, logId, slotOf } from './types.ts';
import type { LogId } from './types.ts';

/** `clock` is Yjs's, `lamport` the highest counter of the log's owner. */
export interface Held {
  readonly clock: number;
  readonly lamport: number;
}
export type Vector = ReadonlyMap<LogId, Held>;

/** Is everything of `other` in `mine`? Of logs that are retired, which no vector names, `Logs.covers` knows. */
export const covers = (mine: Vector, other: Vector): boolean => {
  for (const [log, held] of other) if ((mine.get(log)?.clock ?? 0) < held.clock) return false;
  return true;
};

/** `u8 slot, u32 incarnation`. */
export const writeLog = (w: Writer, log: LogId): Writer => w.u8(slotOf(log)).u32(incarnationOf(log));
export function readLog(r: Reader): LogId {
  const slot = r.u8();
  return logId(slot, r.u32());
}

/** `varuint count`, then for each `log, varuint clock, varuint lamport`. */
export function writeVector(w: Writer, vector: Vector): void {
  w.varuint(vector.size);
  for (const [log, { clock, lamport }] of vector) writeLog(w, log).varuint(clock).varuint(lamport);
}
export function readVector(r: Reader): Map<LogId, Held> {
  const vector = new Map<LogId, Held>();
  for (let n = r.count(7); n > 0; n--) {
    const log = readLog(r);
    const clock = r.varuint();
    vector.set(log, { clock, lamport: r.varuint() });
  }
  return vector;
}

/** `varuint count`, then for each `log, varuint digest`. */
export function writeDigests(w: Writer, digests: ReadonlyMap<LogId, number>): Writer {
  w.varuint(digests.size);
  for (const [log, digest] of digests) writeLog(w, log).varuint(digest);
  return w;
}
export function readDigests(r: Reader): Map<LogId, number> {
  const digests = new Map<LogId, number>();
  for (let n = r.count(6); n > 0; n--) digests.set(readLog(r), r.varuint());
  return digests;
}
