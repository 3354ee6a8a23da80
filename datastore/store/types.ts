/** What a store is told and what it gives. */
import type { Conflict } from '../keyspace/head.ts';
import type { JournalObserver } from '../journal/types.ts';
import type { AutoCompactionOptions } from './auto-compaction.ts';
import type { MemberInfo } from './members.ts';

export interface StoreOptions {
  readonly dataDir: string;
  readonly clusterId: bigint;
  /** This replica, as configured. */
  readonly self: MemberInfo;
  /** All replicas as configured, this one included. */
  readonly members: readonly MemberInfo[];
  /** One member and no discovery: revisions count by one, as etcd's. */
  readonly alone: boolean;
  /** Prefixes of keys that are never replicated, besides `compact_rev_key`. */
  readonly localKeys: readonly string[];
  /** Negative: no quota. */
  readonly quotaBytes: number;
  readonly txnOps: number;
  readonly watchProgressMs: number;
  readonly autoCompaction: AutoCompactionOptions;
  /** Whether that slot's replica has been heard of lately. */
  readonly peerReachable?: (slot: number) => boolean;
  readonly onConflict?: (conflict: Conflict) => void;
  readonly journalObserver?: JournalObserver;
  /** The disk broke, or an invariant: the process must end. */
  readonly onFatal?: (error: unknown) => void;
}

/** Figures for status and metrics. Bytes as named. */
export interface StoreStats {
  /** Logical size, what the quota looks at. */
  readonly usedBytes: number;
  readonly diskBytes: number;
  readonly keys: number;
  readonly leases: number;
  readonly revision: number;
  readonly compactedRevision: number;
}
