/** What gossip needs from others, and what it tells them. */
import type { LogId } from '../replica/types.ts';
import type { CloseReason } from './close-codes.ts';
import type { Hello } from './hello.ts';

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

/** An own frame, given out once it is on stable storage here. */
export interface OwnFrame {
  readonly bytes: Uint8Array;
  /** The own log's clock after it: what reports of others are compared with. */
  readonly clock: number;
  /** Transactions in it. */
  readonly records: number;
}

/** What came of a frame. */
export interface Integrated {
  /**
   * applied: new here. known: nothing new. gap: an earlier frame of that log is missing. waiting: it depends on what is not here.
   * stale: it shows that this replica's disk is an old copy.
   */
  readonly result: 'applied' | 'known' | 'gap' | 'waiting' | 'stale';
  /** Reports in it: which log's owner durably holds *this* replica's log up to which clock. */
  readonly acks: readonly (readonly [LogId, number])[];
}

/** An answer to a vector, piece by piece. */
export interface AnswerPort {
  /**
   * The next piece, null after the last. The last one resolves when all of the answer is durable here: until then it is of no use to anyone.
   * There is at least one: even if nothing is missing there are reports, perhaps of members that the peer has no link to.
   */
  next(): Promise<Uint8Array | null>;
  /** Nobody wants it any more. */
  close(): void;
}

/** The replica as gossip sees it. Frames, vectors and digests are opaque here. */
export interface ReplicaPort {
  /** The log that this replica writes now. */
  readonly log: LogId;
  /** Its durable clock. */
  readonly clock: number;
  /** Up to which clock a log is durable here. */
  held(log: LogId): number;
  /** Calls `fn` with every own frame from now on, in order. @returns a function that ends it. */
  onFrame(fn: (frame: OwnFrame) => void): () => void;
  /** Calls `fn` when the report says something new besides clocks. @returns a function that ends it. */
  onNews(fn: () => void): () => void;
  /** A frame from the member that writes `from`, whole or not at all. @throws MalformedError */
  integrate(frame: Uint8Array, from: LogId): Integrated;
  /** What is held here durably, of every log, in canonical form: equal holdings give equal bytes. */
  vector(): Uint8Array;
  /**
   * All that a holder of `vector` lacks, in pieces that are made as they are fetched. `vector` null: everything there is.
   * @throws MalformedError at once
   */
  missing(vector: Uint8Array | null): AnswerPort;
  /** All pieces of an answer by the member that writes `from`, whole or not at all. Holds up nobody. Rejects with MalformedError. */
  integrateAnswer(pieces: readonly Uint8Array[], from: LogId): Promise<Integrated>;
  /** A digest of what `vector` counts: with equal vectors it is equal, or something is wrong. Empty if there is none. */
  digest(): Uint8Array;
  /** Does somebody with this vector and digest hold a log to the same point as this replica, with other contents? @throws MalformedError */
  differs(vector: Uint8Array, digest: Uint8Array): boolean;
  /** Resolves when what is integrated now is on stable storage. */
  flushed(): Promise<void>;
  /** A frame that carries nothing but reports: what is held durably here, and what others have reported. */
  report(): Uint8Array;
  /** The number of the membership configuration known here. */
  readonly configNumber: number;
}

/** The membership as gossip sees it: configurations and messages about the next one are opaque here. */
export interface MembershipPort {
  /** Nobody has vouched yet that this disk is not an old copy. */
  readonly doubtful: boolean;
  /** The newest configuration known here, whose number is `ReplicaPort.configNumber`. */
  readonly encoded: Uint8Array;
  /** Takes a configuration, if it is newer. @throws MalformedError */
  learn(bytes: Uint8Array): void;
  /** A member's message about the next configuration. @throws MalformedError */
  received(from: bigint, bytes: Uint8Array): void;
  /** Somebody asks for a place. @throws MalformedError at once; never rejects */
  join(bytes: Uint8Array): Promise<Uint8Array>;
  /** Does that place in the cluster belong to this one? Null: yes, or why not. */
  place(theirs: Hello): CloseReason | null;
  /** The member's log, if this replica writes another one for now. */
  continues(): LogId | null;
  /** A peer does not take this replica for a member, or not for the one that it should be. */
  refused(reason: CloseReason, peer: string): void;
}

/** What a person should look at. Each is also logged. */
export type GossipAlarm =
  | { readonly type: 'slotClash'; readonly slot: number; readonly peer: string }
  | { readonly type: 'duplicateIdentity'; readonly log: LogId; readonly peer: string }
  | { readonly type: 'digestMismatch'; readonly peer: string }
  /** The peer holds more of this replica's own log than its disk: it needs a new incarnation (a restored one). */
  | { readonly type: 'staleDisk'; readonly log: LogId; readonly peer: string };

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
  /** Frames that had to wait for another member's. */
  framesWaited: number;
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
  framesWaited: 0,
  bytesSent: 0,
  bytesReceived: 0,
  overflows: 0,
  pulls: 0,
  pullsDone: 0,
  answers: 0,
  fullSyncs: 0,
  digestMismatches: 0,
});
