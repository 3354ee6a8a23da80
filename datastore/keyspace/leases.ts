import type { Key } from '../replica/types.ts';

const NONE: ReadonlySet<Key> = new Set();

/** Which keys hang on which lease, in the applied state. */
export class LeaseIndex {
  readonly #keys = new Map<bigint, Set<Key>>();

  /** Moves a key from one lease to another; 0n is none. */
  move(key: Key, from: bigint, to: bigint): void {
    if (from === to) return;
    if (from !== 0n) {
      const keys = this.#keys.get(from);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(from);
    }
    if (to !== 0n) {
      const keys = this.#keys.get(to);
      if (keys === undefined) this.#keys.set(to, new Set([key]));
      else keys.add(key);
    }
  }

  keysOf(lease: bigint): ReadonlySet<Key> {
    return this.#keys.get(lease) ?? NONE;
  }

  get all(): ReadonlyMap<bigint, ReadonlySet<Key>> {
    return this.#keys;
  }
}
