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
  /** The owner of a log rewrites its segments in pieces of so many records, of which it copies so many bytes. */
  piece_records: 256,
  piece_bytes: 65_536,
  /** A foreign revision whose counter lies further ahead than this is an ordinary future revision. Eight new incarnations that nobody heard of. */
  foreign_ahead: 2_147_483_648,
  /** An anti-entropy answer, all its chunks together. */
  answer_bytes: 2_147_483_648,
  /** Largest message between replicas. */
  frame_bytes: 16 * 1_048_576,
  /** Unsent bytes to one peer before its queue is dropped and anti-entropy takes over. */
  peer_buffer_bytes: 32 * 1_048_576,
  /** Unsent bytes to one watch stream before it counts as slow and reads history instead. */
  watch_buffer_bytes: 1_048_576,
  /** A watch message is split between revisions when it grows beyond this. */
  watch_message_bytes: 1_048_576,
  /** Changes that one slice of reading history takes. */
  watch_slice_changes: 1_024,
  /** A batch of more changes is not handed out at once: all watchers read it from history. */
  watch_batch_changes: 8_192,
  /** How long one batch may be handed out in one turn; who has not got it then reads it from history, in slices. */
  watch_fan_out_ms: 15,
  /** A new watcher that is at most this many changes behind is brought up at once. */
  watch_short_history: 256,
  /** Journal files grow by written zeros, ahead of need: by this much at first, */
  journal_first_step_bytes: 1_048_576,
  /** … as much as is in use already, and by this much at most. */
  journal_step_bytes: 16 * 1_048_576,
  /** Zeros go out in pieces of this size, so that they hold up no commit. */
  journal_slice_bytes: 262_144,
  /** When the disk is full and less than this is left in the file, client writes are refused. */
  journal_reserve_bytes: 4 * 1_048_576,
  /** Appends that wait go out together up to this size. A single one may be larger. */
  journal_batch_bytes: 4 * 1_048_576,
  /** How often a full disk is tried again. */
  journal_retry_ms: 1_000,
  /** A snapshot is made when this much, or the size of the last snapshot if that is more, has been written since. */
  snapshot_min_bytes: 64 * 1_048_576,
  /** Leases that end in one go, and the pause before the next: 1,000 a second, as etcd's. */
  lease_expire_batch: 100,
  lease_expire_pause_ms: 100,
  /** When ending leases, or deleting what they left, is tried again after the replica could not write. */
  lease_retry_ms: 1_000,
  /** How often leases look whether the other keepers can be reached. */
  lease_look_ms: 1_000,
  /** A lease whose keeper is out of reach ends this long after its TTL, and later by a step for every slot up to seven. */
  lease_takeover_grace_ms: 10_000,
  lease_takeover_step_ms: 1_000,
  /** Keys that bear a lease that is no more are deleted after this. */
  lease_orphan_ms: 10_000,
  /** Remaining times go to the journal at most this often, */
  lease_checkpoint_ms: 5_000,
  /** … more rarely if there are many leases (this many for each millisecond between two checkpoints), */
  lease_checkpoint_per_ms: 2,
  /** … and, if only time has passed, when it is this share of the shortest TTL. */
  lease_checkpoint_share: 0.05,
  /** How long one slice of background work may hold the event loop. */
  slice_ms: 5,

  /** Own frames wait at most this long for others to go with them; none waits if the last went out longer ago. */
  push_batch_ms: 5,
  /** Bytes of frames that go out without waiting any longer. */
  push_batch_bytes: 262_144,
  /** How often it is told when own frames were made. */
  made_ms: 100,
  /** Bounds of the backoff between attempts to reach a peer. */
  dial_backoff_min_ms: 100,
  dial_backoff_max_ms: 10_000,
  dial_timeout_ms: 5_000,
  /** How long a name is waited for, and how many of its addresses count. */
  resolve_ms: 4_000,
  resolved_addresses: 256,
  /** How often members that have no link are looked for at addresses that may be theirs, and how many attempts run at a time. */
  seed_ms: 2_000,
  seed_dials: 8,
  /** A link that held this long resets its backoff. */
  link_steady_ms: 5_000,
  /** The other side's hello must be there by then. */
  handshake_ms: 5_000,
  /** Inbound links that have not said who they are. */
  unknown_links: 64,
  /** Messages kept for a link that is not accepted yet. */
  early_messages: 64,
  /** The hello message, and each text in it. */
  hello_bytes: 4_096,
  hello_text_bytes: 512,
  /** A peer is asked for a sign of life this often, and given up when it has been silent this long. */
  ping_ms: 3_000,
  silence_ms: 15_000,
  /** How long a link that another would replace has, to show that it is alive (a cloned disk). */
  clone_probe_ms: 1_500,
  /** Background anti-entropy with a random peer. */
  anti_entropy_ms: 5_000,
  /** Least time between two pulls from one peer. */
  pull_interval_ms: 50,
  /** A pull that has made no progress for this long no longer keeps others waiting. */
  pull_stall_ms: 3_000,
  /** Unsent bytes to a peer above which an answer to it pauses. */
  answer_buffer_bytes: 1_048_576,
  /** How often an answer or an overflow looks whether the link has drained. */
  drain_poll_ms: 20,
  /** Logs in a vector of a peer. */
  vector_logs: 65_536,
  /** Long messages, and anti-entropy answers, travel in pieces of this size, so that a slow link shows signs of life. */
  part_bytes: 65_536,
  answer_chunk_bytes: 65_536,
  /** Frames that depend on what another member has not sent yet wait this long, and in all this many bytes a peer, before anti-entropy. */
  frame_wait_ms: 100,
  frame_wait_bytes: 16 * 1_048_576,
  /** How long stopping waits for the peers to take what was sent. */
  stop_ms: 2_000,
  /** Least time between two whole states exchanged with one peer. */
  full_sync_interval_ms: 60_000,
  /** Least time between two reports when nobody waits for them. */
  report_ms: 100,
  /** One ballot about the membership, and the pause (doubled, times chance) before the next. */
  agreement_round_ms: 2_000,
  agreement_pause_ms: 100,
  /** How long a change of the membership is tried. */
  membership_change_ms: 5_000,
  /** How often a replica looks after the membership: proposals that are due, members away for too long. */
  membership_look_ms: 1_000,
  /** How often a replica whose disk is doubtful looks whether it may answer one that has nothing yet, and after what time it does so all the same. */
  donor_doubt_ms: 250,
  donor_doubt_wait_ms: 10_000,
  /** After a restart the first write waits this long for the peers to vouch for the disk; then it goes into a fresh incarnation's log. */
  vouch_ms: 2_000,
  /** How often a replica that wants to join asks again. */
  join_retry_ms: 1_000,
  /** What of a removed member's log is copied in one go. */
  inherit_records: 128,
  inherit_bytes: 262_144,
  /** Logs that are no more and of which it is remembered where they ended. */
  retired_logs: 1_024,
  /** How often a drain looks whether the others hold everything, and how long the end of the process waits for it. */
  drain_look_ms: 50,
  flush_ms: 3_000,
  /** --write-acks: how long a write waits for other replicas to hold it. */
  write_acks_ms: 5_000,
  /** How often it is looked whether keys with several heads can be written down as one, and how many are in one turn. */
  merge_look_ms: 500,
  merge_batch: 256,
  /** What of the writes that were beaten is kept for people to look at: entries, bytes of all, and the longest value that is kept with its entry. */
  conflict_entries: 1_024,
  conflict_bytes: 2_097_152,
  conflict_value_bytes: 8_192,
  /** Own frames remembered one by one until all peers have reported them; beyond, neighbours are counted together. */
  unacked_entries: 4_096,
} as const;

function relate(holds: boolean, what: string): void {
  if (!holds) throw new Error(`limits: ${what}`);
}
relate(limits.lamport_max * limits.slots * 2 === Number.MAX_SAFE_INTEGER + 1, 'lamport × slots × 2 must be 2^53');
relate(limits.unreported_alarm * 2 <= limits.incarnation_gap, 'the alarm must come well before the gap is used up');
relate(limits.incarnation_gap * 8 <= limits.foreign_ahead, 'a revision of a peer that has begun several incarnations unheard must count as foreign');
relate(limits.request_bytes * 2 < limits.frame_bytes, 'the largest request must fit into a frame');
relate(limits.push_batch_bytes < limits.frame_bytes, 'a batch must fit into a message');
relate(limits.ping_ms * 3 < limits.silence_ms, 'several pings must be missed before a peer counts as silent');
relate(limits.answer_buffer_bytes < limits.peer_buffer_bytes, 'an answer must not make a peer look slow');
relate(limits.dial_backoff_min_ms < limits.dial_backoff_max_ms, 'backoff bounds');
relate(limits.resolve_ms < limits.dial_timeout_ms, 'a name is found out before the attempt to connect is given up');
relate(limits.clone_probe_ms < limits.handshake_ms, 'the probe ends before the new link is given up');
relate(limits.journal_slice_bytes <= limits.journal_first_step_bytes, 'a slice of zeros must fit into the first step');
relate(limits.journal_reserve_bytes <= limits.journal_step_bytes / 2, 'the reserve must be there when preallocation begins');
relate(limits.answer_chunk_bytes < limits.frame_bytes, 'a piece of an answer must fit into a message');
relate(limits.conflict_value_bytes * 16 <= limits.conflict_bytes, 'the conflict log must have room for a few values');
relate(limits.push_batch_ms * 4 <= limits.frame_wait_ms, 'frames must wait long enough for those that were batched at another member');
relate(limits.answer_chunk_bytes < limits.part_bytes * 2, 'a piece of an answer must not be cut into parts');
