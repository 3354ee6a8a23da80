import type { Clock } from '../host/host.ts';

/**
 * Milliseconds that this replica has been running, over all its restarts. It goes on from where the last checkpoint left it, so time in which nobody
 * could renew does not count, and jumps of the wall clock mean nothing.
 */
export class LeaseClock {
  readonly #clock: Clock;
  #base = 0;
  #start: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = clock.monotonicMs();
  }

  continueFrom(ms: number): void {
    this.#base = ms;
    this.#start = this.#clock.monotonicMs();
  }

  nowMs(): number {
    return this.#base + this.#clock.monotonicMs() - this.#start;
  }
}
