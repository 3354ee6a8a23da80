import type { Clock, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Book, Lease } from './book.ts';
import { Deadlines } from './deadlines.ts';
import { Keepers } from './keepers.ts';
import type { LeaseClock } from './lease-clock.ts';

/** Longest delay that timers of all hosts can do. */
const LONGEST_MS = 3_600_000;

export interface ExpiryOptions {
  readonly clock: Clock;
  readonly leaseClock: LeaseClock;
  readonly book: Book;
  readonly slot: () => number;
  readonly peerReachable: (slot: number) => boolean;
  /** Ends a lease. False: not possible now, try again. `taken`: it was kept elsewhere. */
  readonly expire: (lease: Lease, taken: boolean) => boolean;
}

/**
 * Decides when leases end: those kept here at their deadline; those kept elsewhere only when their keeper has been out of reach for the TTL and a
 * grace beyond, which differs between replicas so that usually one of them does it.
 *
 * At most `limits.lease_expire_batch` end in a tenth of a second (etcd: 1,000 a second), and a turn takes `limits.slice_ms` at most.
 */
export class Expiry {
  readonly #options: ExpiryOptions;
  readonly #deadlines = new Deadlines();
  readonly #keepers: Keepers;
  #timer: Timer | null = null;
  #armedFor = Infinity;
  #lookTimer: Timer | null = null;
  #stopped = true;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    this.#keepers = new Keepers(options.peerReachable);
  }

  start(): void {
    this.#stopped = false;
    this.#arm();
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#lookTimer?.cancel();
  }

  /** Sees to a lease that is new here, or whose keeper or deadline has changed. */
  watch(lease: Lease): void {
    const at = this.#due(lease);
    if (at >= lease.scheduledAt) return;
    this.#schedule(lease, at);
    if (this.#deadlines.size > 2 * this.#options.book.size + 64) this.#deadlines.keep(({ lease: one, at: when }) => this.#options.book.get(one.id) === one && when === one.scheduledAt);
    this.#arm();
  }

  /** Milliseconds that are left, as far as this replica knows. */
  remainingMs(lease: Lease): number {
    const now = this.#options.leaseClock.nowMs();
    if (lease.keeper === this.#options.slot()) return lease.deadline - now;
    const since = this.#keepers.unreachableSince(lease.keeper);
    return lease.ttl * 1000 - (since === null ? 0 : Math.max(0, now - Math.max(since, lease.deadline - lease.ttl * 1000)));
  }

  #schedule(lease: Lease, at: number): void {
    lease.scheduledAt = at;
    this.#deadlines.push(lease, at);
  }

  /** When this lease may end by this replica's doing. */
  #due(lease: Lease): number {
    if (lease.keeper === this.#options.slot()) return lease.deadline;
    const ttlMs = lease.ttl * 1000;
    const grace = limits.lease_takeover_grace_ms + (this.#options.slot() & 7) * limits.lease_takeover_step_ms;
    const since = this.#keepers.unreachableSince(lease.keeper) ?? this.#options.leaseClock.nowMs();
    return Math.max(since, lease.deadline - ttlMs) + ttlMs + grace;
  }

  #arm(): void {
    if (this.#stopped) return;
    const first = this.#deadlines.first;
    if (first >= this.#armedFor || first === Infinity) return;
    this.#armIn(Math.max(0, first - this.#options.leaseClock.nowMs()), first);
  }

  #armIn(delayMs: number, forMs: number): void {
    this.#timer?.cancel();
    this.#armedFor = forMs;
    this.#timer = this.#options.clock.after(Math.min(delayMs, LONGEST_MS), () => {
      this.#timer = null;
      this.#armedFor = Infinity;
      this.#turn();
    });
  }

  #turn(): void {
    const { clock, leaseClock, book, slot } = this.#options;
    const end = clock.monotonicMs() + limits.slice_ms;
    const now = leaseClock.nowMs();
    for (let ended = 0; this.#deadlines.first <= now; ) {
      if (ended >= limits.lease_expire_batch || clock.monotonicMs() > end) return this.#armIn(limits.lease_expire_pause_ms, now);
      const { lease, at } = this.#deadlines.pop();
      if (book.get(lease.id) !== lease || at !== lease.scheduledAt) continue;
      const due = this.#due(lease);
      if (due > now) this.#schedule(lease, due);
      else if (this.#options.expire(lease, lease.keeper !== slot())) ended++;
      else this.#schedule(lease, now + limits.lease_retry_ms);
    }
    this.#arm();
  }

  #look(): void {
    if (this.#stopped) return;
    const { clock, leaseClock, book, slot } = this.#options;
    const others = new Set(book.keepers());
    others.delete(slot());
    this.#keepers.look(others, leaseClock.nowMs());
    this.#lookTimer = clock.after(limits.lease_look_ms, () => this.#look());
  }
}
