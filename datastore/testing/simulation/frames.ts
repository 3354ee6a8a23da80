/** Frames that were sent, kept for coming again: late, twice, out of order, by a way that nobody foresaw. */
import { decodeFrame } from '../../replica/frame.ts';
import { StaleDiskError } from '../../replica/replica.ts';
import type { Replica } from '../../replica/replica.ts';
import type { LogId } from '../../replica/types.ts';
import type { SimRandom } from '../sim-random.ts';

const KEPT = 200;

export class Frames {
  readonly #random: SimRandom;
  readonly #kept: Uint8Array[] = [];

  constructor(random: SimRandom) {
    this.#random = random;
  }

  /** Nothing of these logs comes again. */
  forget(logs: ReadonlySet<LogId>): void {
    const left = this.#kept.filter((bytes) => decodeFrame(bytes).updates.every(({ log }) => !logs.has(log)));
    this.#kept.splice(0, this.#kept.length, ...left);
  }

  listen(replica: Replica): void {
    replica.onFrame(({ bytes }) => {
      if (this.#kept.length < KEPT) this.#kept.push(bytes);
      else this.#kept[this.#random.below(KEPT)] = bytes;
    });
  }

  /** Gives a replica some of them, in any order, some of them twice. @returns false if it finds that its disk is an old copy */
  replay(replica: Replica): boolean {
    if (this.#kept.length === 0) return true;
    try {
      for (let n = 1 + this.#random.below(6); n > 0; n--) replica.integrate(decodeFrame(this.#random.pick(this.#kept)));
    } catch (error) {
      if (!(error instanceof StaleDiskError)) throw error;
      return false;
    }
    return true;
  }
}
