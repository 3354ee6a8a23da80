/**
 * Which sealed segments of a log are worth rewriting. Nothing is due while the dead make up less than a third of the whole; then the deadest
 * segment goes first. It is at least as dead as the average, so at most two copies are made for each record that died, and far fewer when
 * records die in the order of their age (rewriting at a fixed share of one segment copied records that were about to die, 1.8 for each write).
 * A segment that is wholly dead costs nothing to drop and is always due.
 */
import { limits } from '../limits.ts';
import type { Segment } from './segment.ts';

const RANKS = 8;

export class Garbage {
  /** By share of dead, in eighths. */
  readonly #ranks: Set<Segment>[] = Array.from({ length: RANKS + 1 }, () => new Set());
  #cost = 0;
  #liveCost = 0;

  /** The segment is full: nothing is appended to it any more. */
  seal(segment: Segment): void {
    if (segment.sealed) return;
    this.#cost += segment.cost;
    this.#liveCost += segment.liveCost;
    segment.rank = this.#rank(segment);
    this.#ranks[segment.rank]!.add(segment);
  }

  /** The segment is gone from the document. */
  remove(segment: Segment): void {
    if (!segment.sealed) return;
    this.#ranks[segment.rank]!.delete(segment);
    this.#cost -= segment.cost;
    this.#liveCost -= segment.liveCost;
    segment.rank = -1;
  }

  changed(segment: Segment, liveCost: number): void {
    this.#liveCost += liveCost;
    const rank = this.#rank(segment);
    if (rank === segment.rank) return;
    this.#ranks[segment.rank]!.delete(segment);
    segment.rank = rank;
    this.#ranks[rank]!.add(segment);
  }

  get due(): boolean {
    return this.#ranks[RANKS]!.size > 0 || this.#tooMuch(0, 0);
  }

  /** The segments to rewrite next, the deadest first, until `copyCost` has been spent on what lives in them, or they have many records. */
  take(copyCost: number): Segment[] {
    const taken: Segment[] = [];
    let cost = 0;
    let liveCost = 0;
    let records = 0;
    for (let rank = RANKS; rank > 0 && liveCost < copyCost; rank--) {
      for (const segment of this.#ranks[rank]!) {
        if (liveCost >= copyCost || records >= limits.collect_records || (rank < RANKS && !this.#tooMuch(cost, liveCost))) return taken;
        taken.push(segment);
        cost += segment.cost;
        liveCost += segment.liveCost;
        records += segment.records.length;
      }
    }
    return taken;
  }

  /** Without segments of this cost, which are being rewritten. */
  #tooMuch(cost: number, liveCost: number): boolean {
    const dead = this.#cost - this.#liveCost - (cost - liveCost);
    return dead > 0 && dead * 3 > this.#cost - cost + liveCost;
  }

  #rank(segment: Segment): number {
    // The costs of a segment are whole numbers: only a wholly dead one is of the highest rank.
    return segment.cost === 0 ? RANKS : Math.floor(((segment.cost - segment.liveCost) * RANKS) / segment.cost);
  }
}
