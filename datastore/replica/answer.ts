/**
 * All that somebody lacks, piece by piece: the donor's side of a unit (REPLICATION.md, rule 5).
 *
 * The logs are walked while they change. In the turn in which the walk has come to the end of every log, the answer is what this replica
 * holds at that moment: its vector, and the deletions of every log that was walked, go out last, and only once all of it is durable.
 */
import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { LogDoc, LogUpdate } from './log-doc.ts';
import type { LogWalk } from './log-walk.ts';
import type { LogId } from './types.ts';

export interface AnswerPorts {
  readonly clock: Clock;
  readonly docs: ReadonlyMap<LogId, LogDoc>;
  /** Null, or: the documents are in the middle of a unit from another; wait. */
  settled(): Promise<unknown> | null;
  flushed(): Promise<void>;
  encode(updates: readonly LogUpdate[], last: boolean): Uint8Array;
}

export class Answer {
  readonly #ports: AnswerPorts;
  readonly #clockOf: (log: LogId) => number;
  readonly #all: boolean;
  readonly #pieceBytes: number;
  readonly #walks = new Map<LogId, LogWalk>();
  #ended = false;

  /**
   * @param theirs null: everything there is, for a repair
   * @param pieceBytes size of a piece, about: a record is not cut
   */
  constructor(ports: AnswerPorts, theirs: ReadonlyMap<LogId, { readonly clock: number }> | null, pieceBytes: number) {
    this.#ports = ports;
    this.#pieceBytes = pieceBytes;
    this.#clockOf = (log) => theirs?.get(log)?.clock ?? 0;
    this.#all = theirs === null;
  }

  /** The next piece, a frame by itself; null after the last. */
  async next(): Promise<Uint8Array | null> {
    const { clock, docs } = this.#ports;
    while (!this.#ended) {
      for (let settled = this.#ports.settled(); settled !== null; settled = this.#ports.settled()) await settled;
      const until = clock.monotonicMs() + limits.slice_ms;
      const updates: LogUpdate[] = [];
      if (!this.#collect(docs, updates, until)) {
        if (updates.length > 0) return this.#ports.encode(updates, false);
        await new Promise<void>((resolve) => clock.soon(resolve));
        continue;
      }
      for (const [log, walk] of this.#walks) {
        const doc = docs.get(log);
        if (doc !== undefined) updates.push({ log, fromClock: doc.clock, toClock: doc.clock, lamport: doc.lamport, update: walk.deletions() });
      }
      const last = this.#ports.encode(updates, true);
      this.close();
      await this.#ports.flushed();
      return last;
    }
    return null;
  }

  /** Nobody wants it any more. */
  close(): void {
    this.#ended = true;
    for (const walk of this.#walks.values()) walk.close();
    this.#walks.clear();
  }

  /** One piece's worth. @returns true if every log has been walked to its present end */
  #collect(docs: ReadonlyMap<LogId, LogDoc>, updates: LogUpdate[], until: number): boolean {
    let room = this.#pieceBytes;
    for (const doc of docs.values()) {
      const { log, lamport } = doc;
      let walk = this.#walks.get(log);
      if (walk === undefined) {
        if (!this.#all && this.#clockOf(log) >= doc.clock) continue;
        this.#walks.set(log, (walk = doc.walk(this.#clockOf(log))));
      }
      while (!walk.atEnd) {
        if (room <= 0 || this.#ports.clock.monotonicMs() >= until) return false;
        const { fromClock, toClock, update } = walk.next(room);
        if (update === null) continue;
        updates.push({ log, fromClock, toClock, lamport, update });
        room -= update.length;
      }
    }
    return true;
  }
}
