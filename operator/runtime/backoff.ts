import type { Random } from '../../datastore/host/host.ts';

/** "Full jitter": anything up to a limit that doubles, so that clients which failed together do not come back together. */
export class Backoff {
  readonly #random: Random;
  readonly #first_ms: number;
  readonly #max_ms: number;
  #failures = 0;

  constructor(random: Random, first_ms: number, max_ms: number) {
    this.#random = random;
    this.#first_ms = first_ms;
    this.#max_ms = max_ms;
  }

  /** How long to wait now, ms; at least a tenth of the limit. */
  next(): number {
    const limit = Math.min(this.#max_ms, this.#first_ms * 2 ** Math.min(this.#failures++, 30));
    return limit * (0.1 + 0.9 * this.#random.float());
  }

  reset(): void {
    this.#failures = 0;
  }
}
