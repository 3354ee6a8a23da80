import type { LeaseRecord } from './record.ts';

/** One lease as this replica knows it. Times in milliseconds of the lease clock. */
export interface Lease {
  readonly id: bigint;
  /** Granted, seconds. */
  ttl: number;
  keeper: number;
  epoch: number;
  /** Kept here: when it ends. Kept elsewhere: when its record came in, plus the TTL, which says little: the keeper's clients renew it there. */
  deadline: number;
  /** A client granted or renewed it here since this process started, and so counts on it until `deadline`. */
  renewedHere: boolean;
  /** A record of this lease that is on its way to the disk. */
  pending: Promise<void> | null;
  /** When it comes up in `Deadlines`; Infinity: not. */
  scheduledAt: number;
}

/** All leases that exist in the applied state. */
export class Book {
  readonly #leases = new Map<bigint, Lease>();
  /** Leases by the slot that keeps them. */
  readonly #kept = new Map<number, number>();

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }
  has(id: bigint): boolean {
    return this.#leases.has(id);
  }
  get size(): number {
    return this.#leases.size;
  }
  all(): Iterable<Lease> {
    return this.#leases.values();
  }
  keptBy(slot: number): number {
    return this.#kept.get(slot) ?? 0;
  }
  keepers(): Iterable<number> {
    return this.#kept.keys();
  }

  /** Takes over what a record says. */
  record(id: bigint, record: LeaseRecord, deadline: number): Lease {
    let lease = this.#leases.get(id);
    if (lease === undefined) {
      lease = { id, ttl: record.ttl, keeper: record.keeper, epoch: record.epoch, deadline, renewedHere: false, pending: null, scheduledAt: Infinity };
      this.#leases.set(id, lease);
      this.#count(record.keeper, 1);
      return lease;
    }
    this.#count(lease.keeper, -1);
    this.#count(record.keeper, 1);
    lease.ttl = record.ttl;
    lease.keeper = record.keeper;
    lease.epoch = record.epoch;
    lease.deadline = deadline;
    return lease;
  }

  remove(id: bigint): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    this.#leases.delete(id);
    this.#count(lease.keeper, -1);
    return true;
  }

  #count(keeper: number, by: number): void {
    const count = this.keptBy(keeper) + by;
    if (count === 0) this.#kept.delete(keeper);
    else this.#kept.set(keeper, count);
  }
}
