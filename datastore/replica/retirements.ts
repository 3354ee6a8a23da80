/**
 * Logs that are no more (REPLICATION.md, rules 12 and 14): what lived in them has been copied into others', and their documents are dropped.
 *
 * Each has a place in time, `at`: a Lamport counter above everything that any member held when it was retired. Retirements are made one after
 * the other, each by somebody who knows all before, so whoever knows the newest knows all: the highest `at` (`newest`) says which they are. A record
 * names in its context no retired log, only the `newest` of its author: a log that it does not name and that was retired no later, its author
 * held whole; any other it has never seen. So contexts do not grow with the number of incarnations there have been.
 */
import type { Reader, Writer } from '../bytes.ts';
import { limits } from '../limits.ts';
import type { LogId } from './types.ts';
import { readLog, writeLog } from './vector.ts';
import type { Held } from './vector.ts';

export interface Retirement extends Held {
  readonly at: number;
}

export class Retirements {
  readonly #logs = new Map<LogId, Retirement>();
  /** Of a unit that is being integrated: its records count on them, its logs are retired at its end. */
  readonly #coming = new Map<LogId, Retirement>();
  #newest = 0;
  #clocks = 0;

  /** The highest `at` of all there have been. */
  get newest(): number {
    return this.#newest;
  }

  /** Sum of the final clocks of all there have been. */
  get clocks(): number {
    return this.#clocks;
  }

  get size(): number {
    return this.#logs.size;
  }

  get(log: LogId): Retirement | undefined {
    return this.#logs.get(log);
  }

  has(log: LogId): boolean {
    return this.#logs.has(log);
  }

  keys(): IterableIterator<LogId> {
    return this.#logs.keys();
  }

  [Symbol.iterator](): IterableIterator<[LogId, Retirement]> {
    return this.#logs[Symbol.iterator]();
  }

  /** What the author of a record that does not name `log` in its context had held of it. */
  heldBy(newest: number, log: LogId): number | undefined {
    const retired = this.#logs.get(log) ?? this.#coming.get(log);
    return retired !== undefined && retired.at <= newest ? retired.lamport : undefined;
  }

  /** Contexts are read with these from now on, as if they were there already. */
  expect(retirements: ReadonlyMap<LogId, Retirement>): void {
    for (const [log, retirement] of retirements) if (!this.#logs.has(log)) this.#coming.set(log, retirement);
  }

  add(log: LogId, retirement: Retirement): void {
    this.#coming.delete(log);
    if (this.#logs.has(log)) return;
    this.#logs.set(log, retirement);
    this.#newest = Math.max(this.#newest, retirement.at);
    this.#clocks += retirement.clock;
  }

  /** Forgets the oldest beyond `limits.retired_logs`, but none of which something is still `present`. */
  trim(present: (log: LogId) => boolean): void {
    for (const [log] of [...this.#logs].sort(([, a], [, b]) => a.at - b.at)) {
      if (this.#logs.size <= limits.retired_logs) return;
      if (!present(log)) this.#logs.delete(log);
    }
  }

  /** Of a snapshot, where more may have been than are remembered. */
  restore(newest: number, clocks: number): void {
    this.#newest = Math.max(this.#newest, newest);
    this.#clocks = clocks;
  }
}

/** `varuint n, n × { log, varuint clock, lamport, at }`. */
export function writeRetirements(w: Writer, retired: Iterable<readonly [LogId, Retirement]>): Writer {
  const all = [...retired];
  w.varuint(all.length);
  for (const [log, { clock, lamport, at }] of all) writeLog(w, log).varuint(clock).varuint(lamport).varuint(at);
  return w;
}

export function readRetirements(r: Reader): Map<LogId, Retirement> {
  const retired = new Map<LogId, Retirement>();
  for (let n = r.count(8); n > 0; n--) {
    const log = readLog(r);
    const clock = r.varuint();
    const lamport = r.varuint();
    retired.set(log, { clock, lamport, at: r.varuint() });
  }
  return retired;
}
