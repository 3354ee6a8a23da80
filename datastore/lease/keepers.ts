/** Since when each slot that keeps leases has been out of reach. Asked once in a while, for reachability has no history of its own. */
export class Keepers {
  readonly #reachable: (slot: number) => boolean;
  readonly #since = new Map<number, number>();

  constructor(reachable: (slot: number) => boolean) {
    this.#reachable = reachable;
  }

  /** Looks at these slots, all others are forgotten. `now` in milliseconds of the lease clock. */
  look(slots: ReadonlySet<number>, now: number): void {
    for (const slot of this.#since.keys()) if (!slots.has(slot)) this.#since.delete(slot);
    for (const slot of slots) {
      if (this.#reachable(slot)) this.#since.delete(slot);
      else if (!this.#since.has(slot)) this.#since.set(slot, now);
    }
  }

  /** Null: in reach, or not looked at yet. */
  unreachableSince(slot: number): number | null {
    return this.#since.get(slot) ?? null;
  }
}
