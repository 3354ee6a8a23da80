/** What a store is told and what it gives. */
import type { JournalSizes } from '../journal/journal-file.ts';
import type { ConflictListener } from '../keyspace/conflict.ts';
import type { JournalObserver } from '../journal/types.ts';
import type { MergerOptions } from '../merge/merger.ts';
import type { SavedMembership } from '../membership/membership.ts';
import type { Shape } from '../replica/segment.ts';
import type { LogId } from '../replica/types.ts';
import type { AutoCompactionOptions } from './auto-compaction.ts';
import type { MemberInfo } from './members.ts';

export interface StoreOptions {
  readonly dataDir: string;
  /** Says who this replica is, once it is known what is on its disk. Rejects if it has no place. */
  readonly identify?: (saved: SavedMembership | null, recovered: LogId | null) => Promise<Identified>;
  /** Without `identify`: who the members are at first, this one among them. */
  readonly clusterId?: bigint;
  readonly self?: MemberInfo;
  readonly members?: readonly MemberInfo[];
  /** Who joins must know it. */
  readonly token?: string;
  /** The id of a member that is added with these URLs. */
  readonly idOf?: (peerURLs: readonly string[]) => bigint;
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
  /** Called with the own log's clock when a write is durable here: resolves when it may be acknowledged. */
  readonly acknowledged?: (clock: number) => Promise<void>;
  readonly onConflict?: ConflictListener;
  /** How Kubernetes' objects merge; null or missing: not at all, the higher stamp wins. */
  readonly merging?: MergerOptions | null;
  readonly journalObserver?: JournalObserver;
  /** How large the parts of the journal are; tests make them small. */
  readonly journalSizes?: Partial<JournalSizes>;
  /** How large the parts of the documents are; tests make them small. */
  readonly shape?: Shape;
  /** The disk broke, or an invariant: the process must end. */
  readonly onFatal?: (error: unknown) => void;
}

/** Who a replica is. */
export interface Identified {
  readonly self: MemberInfo;
  readonly membership: SavedMembership;
  /** For a disk that has no log yet. */
  readonly incarnation: number;
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
