/** What the parts of the store need of the system space: keys that no client can reach, replicated as any other. */
import type { Key, Write } from '../replica/types.ts';

export interface SystemSpacePort {
  get(key: Key): Uint8Array | null;
  entries(): Iterable<[Key, Uint8Array]>;
  /** Called while a record is integrated, at replay too; null: the key is gone. */
  onChange(listener: (key: Key, value: Uint8Array | null, revision: number) => void): void;
}

/** Commits system writes; resolves when they are durable here. */
export type CommitSystem = (writes: readonly Write[]) => Promise<void>;
