/**
 * Which sealed segments of a log are worth rewriting. Nothing is due while the dead make up less than a third of the whole; then the deadest
 * segment goes first. It is at least as dead as the average, so at most two copies are made for each record that died, and far fewer when
 * records die in the order of their age (rewriting at a fixed share of one segment copied records that were about to die, 1.8 for each write).
 * A segment that is wholly dead costs nothing to drop and is always due.
 *
 * A segment is rewritten a piece at a time, from its beginning: as one transaction it took all replicas 30 ms at the same moment (docs/decisions/0012-rewriting-in-pieces.md).
 */
import type { Cut, Segment } from './segment.ts';

const RANKS = 8;
/** A segment is not left with fewer records than this, if it can go as a whole. */
const REST_MIN = 16;

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

  /** Records have left the segment's beginning. */
  shrunk(segment: Segment, cost: number, liveCost: number): void {
    this.#cost -= cost;
    this.changed(segment, -liveCost);
  }

  /**
   * What to rewrite next, of the deadest segments first, until `copyCost` has been spent on what lives in it, or it is that many records. At least one record, if
   * any is due.
   */
  take(copyCost: number, records: number): Cut[] {
    const cuts: Cut[] = [];
    let cost = 0;
    let liveCost = 0;
    let left = records;
    for (let rank = RANKS; rank > 0; rank--) {
      for (const segment of this.#ranks[rank]!) {
        if (liveCost >= copyCost || left <= 0 || (rank < RANKS && !this.#tooMuch(cost, liveCost))) return cuts;
        const cut = beginning(segment, copyCost - liveCost, left);
        cuts.push({ segment, count: cut.count });
        cost += cut.cost;
        liveCost += cut.liveCost;
        left -= cut.count;
      }
    }
    return cuts;
  }

  /** Without records of this cost, which are being rewritten. */
  #tooMuch(cost: number, liveCost: number): boolean {
    const dead = this.#cost - this.#liveCost - (cost - liveCost);
    return dead > 0 && dead * 3 > this.#cost - cost + liveCost;
  }

  #rank(segment: Segment): number {
    // The costs of a segment are whole numbers: only a wholly dead one is of the highest rank.
    return segment.cost === 0 ? RANKS : Math.floor(((segment.cost - segment.liveCost) * RANKS) / segment.cost);
  }
}

/**
 * How much of a segment is rewritten at a time: so many records at most, and so much of what lives; at least one. It ends where most is won, two copies for one that goes
 * being the price: where records die in the order of their age, behind the last dead one.
 */
function beginning(segment: Segment, copyCost: number, records: number): { count: number; cost: number; liveCost: number } {
  const cut = { count: 0, cost: 0, liveCost: 0 };
  let best = cut;
  for (const record of segment.records) {
    if (cut.count >= records || cut.liveCost >= copyCost) break;
    cut.count++;
    cut.cost += record.cost;
    if (record.live > 0) cut.liveCost += record.cost;
    else if (won(cut) >= won(best)) best = { ...cut };
  }
  // A little rest would cost more to keep as a segment of its own than to copy.
  const rest = segment.records.length - best.count;
  return won(best) > 0 && (rest >= REST_MIN || cut.count < segment.records.length) ? best : cut;
}

const won = ({ cost, liveCost }: { readonly cost: number; readonly liveCost: number }): number => 2 * cost - 3 * liveCost;
