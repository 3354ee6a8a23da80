/**
 * How long what a peer wrote took to get here: from its commit there until it is on stable storage, and so visible, here, by whatever way it came. The
 * peer says when (its wall clock) its log reached a clock; the difference between the two wall clocks, as pings measure it, is taken off.
 *
 * A sample: of the first transaction of a batch, at most ten a second; and, when a link is new, of the oldest transaction that this replica lacks.
 */
import type { LogId } from '../replica/types.ts';

/** Samples that have not arrived. The oldest tell most. */
const PENDING_MAX = 64;

interface Sample {
  readonly clock: number;
  readonly wallMs: number;
}

export class Convergence {
  #log: LogId | null = null;
  #pending: Sample[] = [];

  /** The peer's log reached `clock` at `wallMs`; `held`: up to where it is here. */
  told(log: LogId, sample: Sample, held: number): void {
    if (log !== this.#log) this.#pending = [];
    this.#log = log;
    // Here already, nobody knows since when.
    if (sample.clock <= held || this.#pending.length >= PENDING_MAX) return;
    this.#pending.push(sample);
  }

  /** The peer's log is durable here up to `held` now. @returns for each sample that came with it the seconds that it took */
  arrived(held: number, peerWallMs: number): number[] {
    if (this.#pending.length === 0) return [];
    const here = this.#pending.filter(({ clock }) => clock <= held);
    this.#pending = this.#pending.filter(({ clock }) => clock > held);
    return here.map(({ wallMs }) => Math.max(0, peerWallMs - wallMs) / 1_000);
  }
}
