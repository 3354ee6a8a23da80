/** How the program is told to run, drawn for each seed: most seeds have the defaults. */
import type { SimRandom } from '../sim-random.ts';

export interface SimOptions {
  /** --write-acks */
  readonly writeAcks: number;
  /** --local-keys */
  readonly localKeys: readonly string[];
  /** --quota-backend-bytes; negative: none */
  readonly quotaBytes: number;
  /** --evict-after, ms; 0: never */
  readonly evictAfterMs: number;
}

export function drawOptions(random: SimRandom): SimOptions {
  return {
    writeAcks: random.chance(0.2) ? 2 : 1,
    localKeys: random.chance(0.3) ? ['j'] : [],
    quotaBytes: random.chance(0.12) ? 6_000 + random.below(14_000) : -1,
    evictAfterMs: random.chance(0.2) ? 3_000 + random.float() * 6_000 : 0,
  };
}
