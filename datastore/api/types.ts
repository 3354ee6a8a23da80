/** What the API needs of the replica beside Kv, WatchHub and Leases. Everything throws or rejects with `EtcdError`. */
import type { EtcdError } from '../errors.ts';
import type { Alarm, AlarmType } from '../store/alarms.ts';
import type { ListedMember as Member } from '../store/members.ts';

export type { Alarm, AlarmType, Member };

/** Membership, in EdgeStore's terms: reading never waits for anybody, changing needs a majority's agreement. */
export interface Cluster {
  readonly clusterId: bigint;
  /** This replica's. */
  readonly memberId: bigint;
  /** @param linearizable the client wants the newest configuration: a replica answers what it knows */
  members(linearizable: boolean): readonly Member[] | Promise<readonly Member[]>;
  add(peerURLs: readonly string[], isLearner: boolean): Promise<{ member: Member; members: readonly Member[] }>;
  remove(id: bigint): Promise<readonly Member[]>;
  update(id: bigint, peerURLs: readonly string[]): Promise<readonly Member[]>;
  promote(id: bigint): Promise<readonly Member[]>;
}

export interface Maintenance {
  /** The visible revision: what header.revision is when the answer has none of its own. */
  revision(): number;
  alarms(): readonly Alarm[];
  /** Returns the alarm, also if it was raised before. */
  activate(alarm: Alarm): Promise<Alarm | null>;
  /** Returns the alarm, or null if it was not raised. */
  deactivate(alarm: Alarm): Promise<Alarm | null>;
  /** Bytes on disk, bytes of that in use, and the quota. */
  status(): { readonly dbSize: number; readonly dbSizeInUse: number; readonly dbSizeQuota: number };
  /** Gives free space back to the file system. */
  defragment(): Promise<void>;
  hash(): Promise<{ hash: number; revision: number }>;
  /** @param revision 0: the current one. compactRevision -1: never compacted */
  hashKv(revision: number): Promise<{ hash: number; compactRevision: number; hashRevision: number }>;
  /** Chunks of a snapshot with the bytes that remain after each; the checksum is the api's. Absent: not supported. */
  snapshot?(): Promise<{ size: number; chunks: AsyncIterable<Uint8Array> }>;
}

/** The versions reported. The etcd version is that whose behaviour is implemented. */
export interface Versions {
  /** `3.7.3`. kube-apiserver uses progress requests from 3.5.13 on. */
  readonly etcd: string;
  /** `3.7.0`. */
  readonly cluster: string;
  /** EdgeStore's own. */
  readonly edgestore: string;
}

/** Whether this replica serves. Anything but null is answered to every call (except health and reflection). */
export interface Serving {
  refusal(): EtcdError | null;
  /** Calls `fn` after each change; returns how to stop that. */
  onChange(fn: () => void): () => void;
}
