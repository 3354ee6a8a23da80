/** What replicas exchange: records in logs. See docs/decisions and ARCHITECTURE.md for the shape of the document. */
import type { Context, LogId, Stamp } from '../stamp.ts';

export { compareStamps, inContext, incarnationOf, logId, logName, slotOf } from '../stamp.ts';
export type { Context, LogId, Stamp } from '../stamp.ts';

/**
 * A key as a string with one character per byte (latin1), so that `<` is etcd's byte order and keys can be Map keys.
 * Keys of the cluster's own state (leases, later users and alarms) live in a space of their own that no client can reach.
 */
export type Key = string;
export const Space = { client: 0, system: 1 } as const;
export type Space = (typeof Space)[keyof typeof Space];

/** One write of a transaction, as given by its author. */
export interface Write {
  readonly space: Space;
  readonly key: Key;
  /** null deletes. */
  readonly value: Uint8Array | null;
  /** 0n: no lease. */
  readonly lease: bigint;
  /** What is needed to merge it with concurrent writes (merge/info.ts). */
  readonly info?: Uint8Array;
  /** A merge record: what came of concurrent writes, written down. It changes nothing. */
  readonly merged?: boolean;
}

/**
 * One transaction as it stands in a log. `bytes` are the document's own bytes; values are offsets into them, so that nothing is held twice.
 * When the owner moves a live record to another segment, `bytes` changes, `stamp` does not.
 */
export interface Record {
  readonly lamport: number;
  readonly log: LogId;
  /** The revision that the author's replica gave it; 0 if it changes only the system space. */
  readonly originRevision: number;
  bytes: Uint8Array;
  writes: RecordWrite[];
  /** Decoded on demand; includes the record itself, and the whole of a log that its author knew to be retired. */
  context(): Context;
  /**
   * How many of `writes` are some key's current write (tombstones count). Starts at 0 and is kept by the sink alone; at 0 the owner may
   * drop the record. (An accessor: the replica counts the live records of a segment by it, so assign only real changes.)
   */
  live: number;
}

/** Offsets into the record's bytes. `valueLength` -1: a deletion. */
export interface RecordWrite {
  readonly space: Space;
  readonly key: Key;
  readonly lease: bigint;
  readonly valueOffset: number;
  readonly valueLength: number;
  /** Merge information stands right behind the value. */
  readonly hasInfo?: boolean;
  readonly merged?: boolean;
}

/**
 * Implemented by the keyspace. The replica calls it synchronously and in the same order at first and at every replay.
 */
export interface RecordSink {
  /**
   * A record (own or remote, new here) has become part of the state, at this local revision if it changes anything visible.
   * @param again takes the revision that was given and @returns the next one: for an object that takes another's place
   * @param recorded at replay, the revision that the record came to then, 0 if it used none: it must be so again
   * @returns whether it changed the client space visibly, that is, whether it used the (last) revision.
   */
  integrate(record: Record, revision: number, again?: () => number, recorded?: number): boolean;
  /**
   * Adds to writes that are about to be decided what is needed to merge them.
   * @param stable whether every member holds the write of a stamp
   */
  describe?(writes: readonly Write[], stable: (stamp: Stamp) => boolean): readonly Write[];
  /**
   * A record of a stamp that is known already stands in another log, too, which inherits it: its writes are physically in one more document.
   * Nothing else changes.
   */
  copied(record: Record): void;
  /**
   * The same stamp now lives in other bytes (moved to another segment, or a copy counts instead), perhaps with fewer writes. The writes of
   * `to` are new objects that correspond to those of `from` by space and key. The sink carries `live` over (`to.live` starts at 0) and lets
   * go of `from`. Writes left behind are named by a call of `dropped(from, …)` that follows.
   */
  moved(from: Record, to: Record): void;
  /** These writes are physically gone from a document. History may still show them: `record.bytes` stays valid as long as it is referred to. */
  dropped(record: Record, writes: readonly RecordWrite[]): void;
  /** Is this write what its key is now (tombstones count)? Decides what the owner moves and what it drops. */
  isCurrent(record: Record, write: RecordWrite): boolean;
  /** The record that is this key's current write and bears the same stamp as `record`: itself, or a copy in another log; null: there is none. */
  currentCopy(record: Record, write: RecordWrite): Record | null;
  /**
   * May this deletion be forgotten, as far as the keyspace knows: is it its key's only head, and is no other write of the key physically in
   * any document here (between `integrate` and `dropped`)? Whether it is stable the replica decides.
   */
  isTombstoneFree(record: Record, write: RecordWrite): boolean;
  /** A write of this replica alone, never replicated (`compact_rev_key`, --local-keys). */
  integrateLocal(writes: readonly Write[], revision: number): void;
  /** History up to and including `revision` is compacted. */
  compacted(revision: number): void;
  /** The counter moved without a write (a foreign revision was met): `revision` is the current one now. */
  advanced(revision: number): void;
  /** Everything up to `revision` is on stable storage now: readers and watchers may see it. */
  durable(revision: number): void;
}
