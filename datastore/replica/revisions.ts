/**
 * The revisions of one replica (DESIGN.md, Revisions; REPLICATION.md, 15).
 *
 * A store of a single member counts by 1, as etcd does: empty it is at 1, its first put makes 2. Any other strides:
 * revision = counter × 512 + slot × 2, so that a revision, and revision + 1 from which watches resume, names the replica that issued it.
 * The counter moves with the Lamport counter of a stamp, never back, and by at least one for each revision. A store that has counted by 1
 * begins to stride when a second member joins, and remembers where.
 */
import { limits } from '../limits.ts';
import { assert } from './assert.ts';

const STRIDE = limits.slots * 2;

/** own: of this replica's history (perhaps compacted, perhaps the next one). foreign: issued by another member, or by an earlier life. */
export type RevisionKind = 'own' | 'foreign' | 'future' | 'compacted';

export interface RevisionState {
  readonly slot: number;
  readonly striding: boolean;
  readonly current: number;
  /** Last revision of the time when the store counted by 1; 0 if it never did. */
  readonly lastSingle: number;
  /** Revisions below are not this incarnation's: they count as compacted. */
  readonly floor: number;
}

export class Revisions {
  readonly slot: number;
  #striding: boolean;
  #current: number;
  #lastSingle: number;
  #floor: number;
  /** Slots of all members. */
  #slots: ReadonlySet<number> = new Set();

  constructor(state: RevisionState) {
    assert(state.slot >= 0 && state.slot < limits.slots, 'a slot is below 256');
    this.slot = state.slot;
    this.#striding = state.striding;
    this.#current = state.current;
    this.#lastSingle = state.lastSingle;
    this.#floor = state.floor;
  }

  /** An empty store's. */
  static initial(slot: number, striding: boolean): Revisions {
    if (!striding) return new Revisions({ slot, striding, current: 1, lastSingle: 1, floor: 1 });
    const first = STRIDE + slot * 2;
    return new Revisions({ slot, striding, current: first, lastSingle: 0, floor: first });
  }

  get state(): RevisionState {
    return { slot: this.slot, striding: this.#striding, current: this.#current, lastSingle: this.#lastSingle, floor: this.#floor };
  }

  get current(): number {
    return this.#current;
  }

  get striding(): boolean {
    return this.#striding;
  }

  get floor(): number {
    return this.#floor;
  }

  /** First revision from which the store strides; 0 while it counts by 1. */
  get strideFrom(): number {
    return this.#striding ? this.#lastSingle + 1 : 0;
  }

  /** The counter of the current revision: own stamps must lie above it. 0 while counting by 1. */
  get counter(): number {
    return this.#striding ? Math.floor(this.#current / STRIDE) : 0;
  }

  setMembers(slots: Iterable<number>): void {
    this.#slots = new Set(slots);
  }

  /** The revision that a record with this Lamport counter gets here (0: a write that is never replicated). Does not take it. */
  next(lamport: number): number {
    if (!this.#striding) return this.#current + 1;
    return this.#encode(Math.max(this.counter + 1, lamport));
  }

  take(revision: number): void {
    assert(revision > this.#current, 'revisions strictly increase');
    assert(revision <= Number.MAX_SAFE_INTEGER, 'revisions stay below 2^53');
    this.#current = revision;
    if (!this.#striding) this.#lastSingle = revision;
  }

  /** From now on the store strides. The current revision stays; the next one strides above it. */
  stride(): void {
    this.#striding = true;
  }

  /** Everything below `revision`, which becomes the current one, counts as compacted: the first revision of an incarnation. */
  begin(revision: number): void {
    this.take(revision);
    this.#floor = revision;
  }

  /**
   * What a revision that a client names means here. `own` ones may still be compacted by the keyspace.
   * @param heard slots that are or were members', as far as this replica knows: clients of one that was removed move, too
   */
  classify(revision: number, heard: (slot: number) => boolean = () => false): RevisionKind {
    const current = this.#current;
    if (!this.#striding) return revision <= current + 1 ? 'own' : 'future';
    if (revision < this.#floor) return 'compacted';
    if (revision <= this.#lastSingle + 1 && this.#lastSingle > 0) return 'own';
    const slot = Math.floor(revision / 2) % limits.slots;
    if (slot === this.slot) return revision <= current + 1 ? 'own' : this.#reachable(revision) ? 'foreign' : 'future';
    if (this.#slots.has(slot) || heard(slot)) return this.#reachable(revision) ? 'foreign' : 'future';
    return revision <= current ? 'own' : 'future';
  }

  /** Where the counter goes so that it lies above a foreign revision; 0 if it need not or must not move. */
  above(revision: number, heard?: (slot: number) => boolean): number {
    if (revision <= this.#current || this.classify(revision, heard) !== 'foreign') return 0;
    return this.#encode(Math.floor(revision / STRIDE) + limits.foreign_jump);
  }

  /** The revision of a counter, in this replica's slot. */
  of(counter: number): number {
    return this.#encode(counter);
  }

  #reachable(revision: number): boolean {
    const counter = Math.floor(revision / STRIDE);
    return counter - this.counter <= limits.foreign_ahead && counter + limits.foreign_jump < limits.lamport_max;
  }

  #encode(counter: number): number {
    assert(counter < limits.lamport_max, 'the counter stays below 2^44');
    return counter * STRIDE + this.slot * 2;
  }
}
