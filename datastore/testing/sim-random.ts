/** Seeded randomness: the same seed gives the same numbers on every machine. */
import type { Random } from '../host/host.ts';

/** Mixes text into 32 bits (FNV-1a), so that a stream can be named. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * A generator of 32-bit state (a Weyl sequence with two rounds of mixing). Good enough to draw schedules from; not for secrets.
 * `fork(name)` gives an independent stream, so that one more draw in one part of a test does not shift all others.
 */
export class SimRandom implements Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  float(): number {
    return this.uint32() / 4_294_967_296;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.float() * below);
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  fork(name: string): SimRandom {
    return new SimRandom((this.seed ^ hash(name)) >>> 0);
  }
}
