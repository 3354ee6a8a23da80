/**
 * What the lowest member does with the logs of members that are no more (REPLICATION.md, 12): once all agree where such a log ends, it copies what
 * lives there into its own, with the stamps it had; when all report to hold everything it held then, the log is retired (retirements.ts).
 *
 * Nothing of it is kept on disk. Whoever is the lowest member looks what is still alive in a document of a removed log, and has no copy: after a
 * crash, or in place of another heir, it goes on from there.
 */
import { limits } from '../limits.ts';
import type { Collector } from './collector.ts';
import type { Report } from './frame.ts';
import type { LogDoc } from './log-doc.ts';
import type { Logs, Move } from './logs.ts';
import type { Retirement } from './retirements.ts';
import type { Segment } from './segment.ts';
import type { LogId, RecordSink } from './types.ts';
import { covers } from './vector.ts';
import type { Vector } from './vector.ts';

/** A log that is being inherited. */
interface Estate {
  /** Where it ended when the walk through it began. */
  readonly clock: number;
  readonly segments: Iterator<Segment>;
  /** Everything that lives has been copied. */
  walked: boolean;
  /** What was held here, durably, when that was so; null: not yet. */
  copied: Vector | null;
}

export class Heir {
  readonly #logs: Logs;
  readonly #sink: Pick<RecordSink, 'moved'>;
  readonly #collector: Pick<Collector, 'fate' | 'keeps'>;
  #config = -1;
  readonly #estates = new Map<LogId, Estate>();

  constructor(logs: Logs, sink: Pick<RecordSink, 'moved'>, collector: Pick<Collector, 'fate' | 'keeps'>) {
    this.#logs = logs;
    this.#sink = sink;
    this.#collector = collector;
  }

  /**
   * All members agree, in this configuration, where the removed logs end. Called now and then.
   * @param reports of all other members
   * @returns those that can be retired
   */
  look(removed: readonly LogId[], config: number, reports: readonly Report[]): LogId[] {
    if (config !== this.#config) this.#estates.clear();
    this.#config = config;
    const ready: LogId[] = [];
    for (const log of removed) {
      if (this.#logs.retired.has(log)) {
        this.#estates.delete(log);
        continue;
      }
      const estate = this.#estate(log);
      if (estate.copied !== null && reports.every(({ held }) => covers(held, estate.copied!))) ready.push(log);
    }
    return ready.every((log) => this.#nothingLeft(log)) ? ready : [];
  }

  /** This replica is not the lowest member, or not all agree. */
  rest(): void {
    this.#estates.clear();
  }

  /** Something is to be copied. */
  get waiting(): boolean {
    return [...this.#estates.values()].some((estate) => !estate.walked);
  }

  /** The next records to be copied into the own log. */
  due(own: LogDoc): Move[] {
    const copies: Move[] = [];
    let bytes = 0;
    for (const estate of this.#estates.values()) {
      while (!estate.walked) {
        if (copies.length >= limits.inherit_records || bytes >= limits.inherit_bytes) return copies;
        const next = estate.segments.next();
        if (next.done === true) {
          estate.walked = true;
          break;
        }
        if (next.value.liveCost === 0) continue;
        for (const record of next.value.records) {
          if (record.live === 0) continue;
          const known = own.copies.get(record.log)?.get(record.lamport);
          if (known !== undefined) {
            this.#sink.moved(record, known);
            continue;
          }
          const { to } = this.#collector.fate(record);
          if (to === null) continue;
          copies.push([record, to]);
          bytes += to.bytes.length;
        }
      }
    }
    return copies;
  }

  /** What has been copied so far is durable together with everything else that is held. */
  held(vector: Vector): void {
    for (const estate of this.#estates.values()) if (estate.walked) estate.copied ??= vector;
  }

  /** The logs' ends, as of now. */
  retirement(logs: readonly LogId[]): Map<LogId, Retirement> {
    const { retired, docs } = this.#logs;
    const at = Math.max(this.#logs.lamport, retired.newest + 1);
    return new Map(logs.map((log) => [log, { clock: docs.get(log)?.clock ?? 0, lamport: docs.get(log)?.lamport ?? 0, at }]));
  }

  #estate(log: LogId): Estate {
    const doc = this.#logs.docs.get(log);
    const clock = doc?.clock ?? 0;
    let estate = this.#estates.get(log);
    if (estate === undefined || estate.clock !== clock) {
      estate = { clock, segments: (doc?.segments ?? new Map<number, Segment>()).values(), walked: false, copied: null };
      this.#estates.set(log, estate);
    }
    return estate;
  }

  /** Nothing but deletions that nobody needs lives in the document itself. */
  #nothingLeft(log: LogId): boolean {
    for (const { liveCost, records } of this.#logs.docs.get(log)?.segments.values() ?? []) {
      if (liveCost === 0) continue;
      for (const record of records) {
        if (record.live === 0 || !record.writes.some((write) => this.#collector.keeps(record, write))) continue;
        this.#estates.delete(log);
        return false;
      }
    }
    return true;
  }
}
