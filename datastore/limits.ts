/** Every limit of the store, with the relations between limits asserted at load. Units are last in the name. */

export const limits = {
  /** etcd: --max-request-bytes. */
  request_bytes: 1_572_864,
  /** etcd: --max-txn-ops. */
  txn_ops: 128,
  /** etcd: minimum lease TTL with default election ticks. */
  lease_ttl_min_s: 2,
  /** etcd: MaxLeaseTTL. */
  lease_ttl_max_s: 9_000_000_000,
  /** etcd: --quota-backend-bytes 0 means this. */
  quota_bytes: 2_147_483_648,
  /** Slots are the low bits of a revision. */
  slots: 256,
  /** 2^44: with 256 slots and the lowest bit, revisions stay below 2^53. */
  lamport_max: 17_592_186_044_416,
  /** How far an answer to a foreign revision may move the counter (DESIGN.md, Revisions). */
  foreign_jump: 1_048_576,
  /** A new incarnation starts this far above all it heard of (REPLICATION.md, 15). */
  incarnation_gap: 268_435_456,
  /** Unreported own writes that raise an alarm; below the gap by half. */
  unreported_alarm: 134_217_728,
  /** Records in one segment of a log document. */
  segment_records: 1_024,
  /** Bytes in one segment of a log document, above which a new one is begun. */
  segment_bytes: 1_048_576,
  /** Segments in one group of a log document; a dead group leaves two Yjs structs behind. */
  group_segments: 256,
  /** A foreign revision whose counter lies further ahead than this is an ordinary future revision. */
  foreign_ahead: 536_870_912,
  /** An anti-entropy answer, all its chunks together. */
  answer_bytes: 2_147_483_648,
  /** Largest message between replicas. */
  frame_bytes: 16 * 1_048_576,
  /** Unsent bytes to one peer before its queue is dropped and anti-entropy takes over. */
  peer_buffer_bytes: 32 * 1_048_576,
  /** Unsent bytes to one watch stream before it counts as slow and reads history instead. */
  watch_buffer_bytes: 1_048_576,
  /** How long one slice of background work may hold the event loop. */
  slice_ms: 5,
} as const;

function relate(holds: boolean, what: string): void {
  if (!holds) throw new Error(`limits: ${what}`);
}
relate(limits.lamport_max * limits.slots * 2 === Number.MAX_SAFE_INTEGER + 1, 'lamport × slots × 2 must be 2^53');
relate(limits.unreported_alarm * 2 <= limits.incarnation_gap, 'the alarm must come well before the gap is used up');
relate(limits.incarnation_gap * 2 <= limits.foreign_ahead, 'a revision of a peer\'s next incarnation must count as foreign');
relate(limits.request_bytes * 2 < limits.frame_bytes, 'the largest request must fit into a frame');
