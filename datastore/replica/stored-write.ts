/** One write of a record that is in memory. There is one for every key, so it is small: one shape, and nothing that can be told from the rest. */
import { Space } from './types.ts';
import type { Key, RecordWrite } from './types.ts';

/** Flags of a write, as they stand in a record (record.ts). */
export const DELETE = 1;
export const LEASE = 2;
export const SYSTEM = 4;
export const INFO = 8;
export const MERGED = 16;

export class StoredWrite implements RecordWrite {
  readonly key: Key;
  readonly lease: bigint;
  /** Of a deletion: where the value would be. */
  readonly valueOffset: number;
  readonly valueLength: number;
  readonly #flags: number;

  constructor(flags: number, key: Key, lease: bigint, valueOffset: number, valueLength: number) {
    this.#flags = flags;
    this.key = key;
    this.lease = lease;
    this.valueOffset = valueOffset;
    this.valueLength = valueLength;
  }

  get space(): Space {
    return this.#flags & SYSTEM ? Space.system : Space.client;
  }

  get merged(): boolean {
    return (this.#flags & MERGED) !== 0;
  }

  /** It stands right behind the value. */
  get hasInfo(): boolean {
    return (this.#flags & INFO) !== 0;
  }
}
