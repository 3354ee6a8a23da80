import type { Random } from '../host/host.ts';
import { limits } from '../limits.ts';

/**
 * How long to wait before the next attempt: anything from 0 to a bound that doubles with each failure ("full jitter"), so that members
 * that lost each other at the same moment do not come back in step.
 */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds until the next attempt. `slowly`: nothing will have changed soon. */
  next(slowly = false): number {
    const bound = slowly ? limits.dial_backoff_max_ms : Math.min(limits.dial_backoff_max_ms, limits.dial_backoff_min_ms * 2 ** this.#failures);
    if (bound < limits.dial_backoff_max_ms) this.#failures++;
    const wait = this.#random.float() * bound;
    // Whoever has to change something is not helped by attempts in quick succession.
    return slowly ? bound / 2 + wait / 2 : wait;
  }

  /** The last attempt led to a link that held. */
  reset(): void {
    this.#failures = 0;
  }
}
