/** What gossip needs from others, and what it tells them. */
import type { LogId } from '../replica/types.ts';

/**
 * How far a member has come.
 * new: an empty disk, told that the cluster is new. existing: an empty disk that must not serve before it has caught up.
 * ready: it has the cluster's data (or bootstrapped the cluster), and serves.
 */
export type MemberState = 'new' | 'existing' | 'ready';

const states: readonly MemberState[] = ['new', 'existing', 'ready'];
/** As on the wire. */
export const stateNumber = (state: MemberState): number => states.indexOf(state);
/** A number from a later version counts as a member that has no data to offer. */
export const stateByNumber = (number: number): MemberState => states[number] ?? 'existing';

/** A member as configured. */
export interface PeerAddress {
  /** Unique in the cluster; what the member calls itself in its hello. */
  readonly name: string;
  /** Tried in turn. Empty: this member is never dialled, but may dial. */
  readonly urls: readonly string[];
}

/** Who this replica is. */
export interface Self {
  readonly clusterId: string;
  readonly memberId: bigint;
  readonly name: string;
  readonly slot: number;
}

/**
 * applied: new, integrated (or staged, if more of the answer follows). known: nothing new. gap: an earlier frame of that log is missing.
 * waiting: it depends on what is not here.
 */
export type Integration = 'applied' | 'known' | 'gap' | 'waiting';

/** An own frame, given out once it is on stable storage here. */
export interface OwnFrame {
  readonly bytes: Uint8Array;
  /** The own log's clock after it: what reports of others are compared with. */
  readonly clock: number;
  /** Transactions in it. */
  readonly records: number;
}

/**
 * The replica as gossip sees it. All calls are synchronous but `flushed`. Frames, vectors, digests and reports are opaque here.
 */
export interface ReplicaPort {
  /** The log that this replica writes now. */
  readonly log: LogId;
  /** Calls `fn` with every own frame from now on, in order. @returns a function that ends it. */
  onFrame(fn: (frame: OwnFrame) => void): () => void;
  /** A frame that a member pushed. @throws on a frame that is malformed. */
  integrate(frame: Uint8Array, from: string): Integration;
  /**
   * The next frame of an answer to `vector()`. What comes before `last` is staged, and all is applied together with the last one.
   * `stage` numbers an answer; `unstage` forgets one that will not be completed.
   */
  stage(stage: number, frame: Uint8Array, last: boolean, from: string): Integration;
  unstage(stage: number): void;
  /** What is held here, of every log, in canonical form: equal holdings give equal bytes. */
  vector(): Uint8Array;
  /** Everything that a holder of `vector` lacks, as it is at the first `next()`; null: everything. @throws on a malformed vector. */
  missing(vector: Uint8Array | null): Iterator<Uint8Array>;
  /** A digest of the logical state, equal wherever vectors are equal; empty if there is none. */
  digest(): Uint8Array;
  /** Resolves when what is integrated now is on stable storage. */
  flushed(): Promise<void>;
  /** What is held here durably, and the view of the membership. */
  report(): Uint8Array;
  /** A report by `from`. @returns the clock of *this* replica's log up to which `from` holds it durably. @throws if malformed. */
  reported(report: Uint8Array, from: string): number;
  /** The number of the membership configuration known here. */
  readonly configNumber: number;
}

/** What a person should look at. Each is also logged. */
export type GossipAlarm =
  | { readonly type: 'slotClash'; readonly slot: number; readonly peer: string }
  | { readonly type: 'duplicateIdentity'; readonly log: LogId; readonly peer: string }
  | { readonly type: 'digestMismatch'; readonly peer: string };

/** One peer's figures, for telemetry. Counters only grow; milliseconds and bytes as named. */
export interface PeerStats {
  readonly name: string;
  connected: boolean;
  state: MemberState | null;
  connects: number;
  /** Dials that failed, and links that the handshake refused. */
  dialFailures: number;
  refusals: number;
  rttMs: number;
  /** The peer's wall clock minus ours, half the round trip allowed for. */
  clockSkewMs: number;
  /** Age of the oldest own frame that the peer has not reported as durable. */
  lagMs: number;
  unackedRecords: number;
  unackedBytes: number;
  bufferedBytes: number;
  framesSent: number;
  framesReceived: number;
  framesApplied: number;
  framesKnown: number;
  framesGap: number;
  bytesSent: number;
  bytesReceived: number;
  /** Queues dropped because the peer did not keep up. */
  overflows: number;
  /** Anti-entropy runs asked of this peer, completed, and answered for it. */
  pulls: number;
  pullsDone: number;
  answers: number;
  /** Whole states sent. */
  fullSyncs: number;
  digestMismatches: number;
}

export const emptyStats = (name: string): PeerStats => ({
  name,
  connected: false,
  state: null,
  connects: 0,
  dialFailures: 0,
  refusals: 0,
  rttMs: 0,
  clockSkewMs: 0,
  lagMs: 0,
  unackedRecords: 0,
  unackedBytes: 0,
  bufferedBytes: 0,
  framesSent: 0,
  framesReceived: 0,
  framesApplied: 0,
  framesKnown: 0,
  framesGap: 0,
  bytesSent: 0,
  bytesReceived: 0,
  overflows: 0,
  pulls: 0,
  pullsDone: 0,
  answers: 0,
  fullSyncs: 0,
  digestMismatches: 0,
});
