/**
 * --write-acks=K: a write is acknowledged once K replicas, this one included, durably hold it. If too few report it in time the client gets etcd's
 * `request timed out`: the write stays, and others get it when they can be reached. Who gets the error does not know whether it is safe, as with etcd.
 */
import { errTimeout } from './errors.ts';
import type { Clock, Timer } from './host/host.ts';
import { limits } from './limits.ts';

interface Waiter {
  readonly clock: number;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class WriteAcks {
  readonly #clock: Clock;
  readonly #others: number;
  /** In the order of their clocks, and so of their deadlines. */
  #waiters: Waiter[] = [];
  #timer: Timer | null = null;
  /** How many peers durably hold the own log up to a clock. */
  holders: (clock: number) => number = () => 0;

  /** @param acks how many replicas, this one included */
  constructor(clock: Clock, acks: number) {
    this.#clock = clock;
    this.#others = acks - 1;
  }

  /** Resolves when enough replicas hold the own log up to `clock`. @throws errTimeout */
  wait(clock: number): Promise<void> {
    if (this.#others <= 0 || this.holders(clock) >= this.#others) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ clock, deadlineMs: this.#clock.monotonicMs() + limits.write_acks_ms, resolve, reject });
      this.#arm();
    });
  }

  /** A report has come. */
  reported(): void {
    let enough = 0;
    while (enough < this.#waiters.length && this.holders(this.#waiters[enough]!.clock) >= this.#others) enough++;
    for (const waiter of this.#waiters.splice(0, enough)) waiter.resolve();
  }

  stop(): void {
    this.#timer?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(errTimeout());
  }

  #arm(): void {
    const first = this.#waiters[0];
    if (first === undefined || this.#timer !== null) return;
    this.#timer = this.#clock.after(Math.max(0, first.deadlineMs - this.#clock.monotonicMs()), () => {
      this.#timer = null;
      const now = this.#clock.monotonicMs();
      let late = 0;
      while (late < this.#waiters.length && this.#waiters[late]!.deadlineMs <= now) late++;
      for (const waiter of this.#waiters.splice(0, late)) waiter.reject(errTimeout());
      this.#arm();
    });
  }
}
