import type { Change } from '../keyspace/types.ts';
import type { Key } from '../replica/types.ts';
import type { Subject } from './watcher-index.ts';
import type { Stream } from './stream.ts';

/**
 * synced     in the hub's index: gets every batch as it becomes visible
 * catching   in the index of the pass over history that is under way
 * waiting    for the next pass
 * blocked    its stream's output is full: reads nothing until that drains
 * compacted  what it had to read next is gone; keeps its id until the client cancels it, as in etcd
 * gone       canceled, or its stream closed
 */
export type WatcherState = 'synced' | 'catching' | 'waiting' | 'blocked' | 'compacted' | 'gone';

/** One watcher of one stream. Its position is `next`; see `WatcherState` for who moves it. */
export interface Watcher {
  readonly id: bigint;
  readonly stream: Stream;
  readonly start: Key;
  /** null: everything from `start` on. undefined: the single key `start`. */
  readonly end: Key | null | undefined;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** The first revision it wants at all. */
  readonly startRevision: number;
  /** Nothing below this revision remains to be sent. A lower bound: while in an index, that index's position counts too. */
  next: number;
  state: WatcherState;
  /** Where it stands in an index, while it does. */
  subject: Subject | null;
  /** Had events since the last periodic progress message. */
  active: boolean;
}

/** Is `key` in the watcher's range? */
export function covers(watcher: Watcher, key: Key): boolean {
  if (watcher.end === undefined) return key === watcher.start;
  return key >= watcher.start && (watcher.end === null || key < watcher.end);
}

/** Does the watcher want this change, by its filters? */
export const wants = (watcher: Watcher, change: Change): boolean => (change.type === 'put' ? !watcher.noPut : !watcher.noDelete);
