import { randomBytes } from 'node:crypto';
import type { Random } from './host.ts';

const POOL_BYTES = 4_096;
let pool = randomBytes(POOL_BYTES);
let used = 0;

/** Unpredictable 32 bits, drawn from the kernel a page at a time. */
function uint32(): number {
  if (used + 4 > POOL_BYTES) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  const value = pool.readUInt32LE(used);
  used += 4;
  return value;
}

/** Cryptographic randomness: incarnations and tokens are drawn from it, so it must not be guessable or repeat. */
export const nodeRandom: Random = {
  float: () => (uint32() * 2_097_152 + (uint32() >>> 11)) / 9_007_199_254_740_992,
  uint32,
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
