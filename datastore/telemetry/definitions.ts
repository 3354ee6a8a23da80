/**
 * Every metric, once: the registry, docs/metrics.md and the tests are made from this table. etcd's own names where the meaning is the same, so
 * that dashboards and alerts for etcd work; nothing is reported that is not measured. A metric whose figure nobody provides is not shown.
 */

export interface Definition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets?: readonly number[];
  readonly group: Group;
}

export const groups = ['gRPC', 'Store', 'Watch', 'Lease', 'Disk', 'Replication', 'Server'] as const;
export type Group = (typeof groups)[number];

/** Prometheus' ExponentialBuckets, with which etcd defines its own. */
const exponential = (start: number, factor: number, count: number): number[] => Array.from({ length: count }, (_, i) => start * factor ** i);
/** go-grpc-prometheus' default: what grpc_server_handling_seconds has in etcd. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** 1 ms to 8 s: etcd's fsync and commit histograms. */
const DISK = exponential(0.001, 2, 14);

type Part = readonly [type: Definition['type'], help: string, labels?: readonly string[], buckets?: readonly number[]];
function define<const T extends Record<string, Part>>(group: Group, parts: T): Record<keyof T, Definition> {
  const entries = Object.entries(parts).map(([name, [type, help, labels = [], buckets]]) =>
    [name, { name, type, help, labels, group, ...(buckets === undefined ? {} : { buckets }) }]);
  return Object.fromEntries(entries) as Record<keyof T, Definition>;
}

const METHOD = ['grpc_type', 'grpc_service', 'grpc_method'];
const PEER = ['peer'];

export const definitions = {
  ...define('gRPC', {
    grpc_server_started_total: ['counter', 'Calls started.', METHOD],
    grpc_server_handled_total: ['counter', 'Calls completed, by status.', [...METHOD, 'grpc_code']],
    grpc_server_msg_received_total: ['counter', 'Messages received.', METHOD],
    grpc_server_msg_sent_total: ['counter', 'Messages sent.', METHOD],
    grpc_server_handling_seconds: ['histogram', 'Time that calls took. Only with --metrics extensive.', METHOD, SECONDS],
    edgestore_client_connections: ['gauge', 'Open connections that speak gRPC.'],
    edgestore_calls_in_flight: ['gauge', 'Calls that are not over, watches among them.'],
    etcd_network_client_grpc_received_bytes_total: ['counter', 'Bytes of gRPC messages received from clients.'],
    etcd_network_client_grpc_sent_bytes_total: ['counter', 'Bytes of gRPC messages sent to clients.'],
  }),
  ...define('Store', {
    etcd_mvcc_db_total_size_in_bytes: ['gauge', 'Size of the store: what the quota limits.'],
    etcd_mvcc_db_total_size_in_use_in_bytes: ['gauge', 'Part of the size that is needed: the rest is freed by compaction and defragmentation.'],
    etcd_server_quota_backend_bytes: ['gauge', 'Size at which writes are refused.'],
    etcd_debugging_mvcc_keys_total: ['gauge', 'Keys.'],
    etcd_debugging_mvcc_current_revision: ['gauge', 'Current revision. Of each replica its own.'],
    etcd_debugging_mvcc_compact_revision: ['gauge', 'Revision up to which history is compacted.'],
    edgestore_alarm: ['gauge', '1 while the alarm is raised on this replica.', ['type']],
  }),
  ...define('Watch', {
    etcd_debugging_mvcc_watcher_total: ['gauge', 'Watchers.'],
    etcd_debugging_mvcc_watch_stream_total: ['gauge', 'Watch streams.'],
    etcd_debugging_mvcc_slow_watcher_total: ['gauge', 'Watchers that read history because they do not keep up.'],
    etcd_debugging_mvcc_events_total: ['counter', 'Events sent to watchers.'],
    etcd_debugging_mvcc_pending_events_total: ['gauge', 'Events waiting to be sent to watchers.'],
  }),
  ...define('Lease', {
    edgestore_leases: ['gauge', 'Leases known to this replica.'],
  }),
  ...define('Disk', {
    etcd_disk_wal_fsync_duration_seconds: ['histogram', 'Time of the journal\'s fdatasync.', [], DISK],
    etcd_disk_wal_write_bytes_total: ['counter', 'Bytes written to the journal.'],
    etcd_disk_backend_commit_duration_seconds: ['histogram', 'Time from giving entries to the journal until they are on stable storage.', [], DISK],
    edgestore_snapshot_duration_seconds: ['histogram', 'Time to make a snapshot, off the serving thread.', [], exponential(0.01, 2, 17)],
    edgestore_snapshot_bytes: ['gauge', 'Size of the last snapshot made by this process.'],
    edgestore_disk_bytes: ['gauge', 'Bytes on disk: journal files and snapshots.'],
  }),
  ...define('Replication', {
    edgestore_peer_connected: ['gauge', '1 while a link to the peer stands.', PEER],
    edgestore_peer_reconnects_total: ['counter', 'Links to the peer that were established after the first.', PEER],
    edgestore_peer_dial_failures_total: ['counter', 'Links to the peer that could not be established.', PEER],
    edgestore_peer_refusals_total: ['counter', 'Links that the handshake refused.', PEER],
    edgestore_peer_round_trip_seconds: ['gauge', 'Last round trip to the peer.', PEER],
    edgestore_clock_skew_seconds: ['gauge', 'The peer\'s wall clock minus this one\'s. Clocks order nothing; people compare logs.', PEER],
    edgestore_replication_lag_seconds: ['gauge', 'Age of the oldest own write that the peer has not reported as durable.', PEER],
    edgestore_replication_unacked_ops: ['gauge', 'Own transactions that the peer has not reported as durable.', PEER],
    edgestore_replication_unacked_bytes: ['gauge', 'Bytes of those.', PEER],
    edgestore_single_copy_ops: ['gauge', 'Own transactions that no other replica has reported as durable: lost with this disk. Not shown by a replica that is alone.'],
    edgestore_single_copy_seconds: ['gauge', 'Age of the oldest of those.'],
    edgestore_convergence_seconds: ['histogram', 'From a transaction\'s commit at another replica until it was visible here, by whatever way it came. A sample, of a peer that has a link: at most ten a second; after an interruption, the oldest that was missing. The difference between the wall clocks is taken off, as pings measure it.', [], exponential(0.001, 2, 22)],
    edgestore_peer_buffered_bytes: ['gauge', 'Bytes given to the link and not sent yet.', PEER],
    edgestore_peer_overflows_total: ['counter', 'Queues dropped because the peer did not keep up; anti-entropy brings it what it missed.', PEER],
    edgestore_deltas_sent_total: ['counter', 'Frames pushed to the peer.', PEER],
    edgestore_deltas_received_total: ['counter', 'Frames pushed by the peer.', PEER],
    edgestore_deltas_applied_total: ['counter', 'Frames from the peer that brought something new.', PEER],
    edgestore_deltas_duplicate_total: ['counter', 'Frames from the peer that brought nothing new.', PEER],
    edgestore_deltas_gap_total: ['counter', 'Frames from the peer that had to be asked for again because an earlier one was missing.', PEER],
    etcd_network_peer_sent_bytes_total: ['counter', 'Bytes sent to the peer.', ['To']],
    etcd_network_peer_received_bytes_total: ['counter', 'Bytes received from the peer.', ['From']],
    edgestore_merge_conflicts_total: ['counter', 'Concurrent writes to a key of which one was beaten, by the kind of the object (opaque: not one of Kubernetes\'; system: the cluster\'s own state) and the rule that decided. last-writer: the higher stamp. unseen: only a disk set aside had it.', ['kind', 'rule']],
    edgestore_merge_pending_keys: ['gauge', 'Keys that concurrent writes still hold together: what they come to is shown, and written down once every replica holds all of them.'],
    edgestore_antientropy_runs_total: ['counter', 'Comparisons with the peer that were completed.', PEER],
    edgestore_full_syncs_total: ['counter', 'Whole states sent to the peer.', PEER],
    edgestore_tombstones: ['gauge', 'Deletions in the logs held here: kept until every replica holds them.'],
    edgestore_gc_frontier_age_seconds: ['gauge', 'Age of the oldest own write that not every replica is known to hold: what is younger cannot be forgotten. Counts from the start of the process.'],
    edgestore_drain_state: ['gauge', '0: serving. 1: draining, clients are refused and others fetch what is here. 2: drained, all others hold everything.'],
    edgestore_digest_mismatch_total: ['counter', 'Comparisons that found equal vectors and different contents. Must stay 0.', PEER],
  }),
  ...define('Server', {
    etcd_server_has_leader: ['gauge', '1 while this replica can serve. There is no leader: the name is what alerts for etcd ask for.'],
    etcd_server_version: ['gauge', '1; the label is the etcd release whose behaviour is implemented.', ['server_version']],
    etcd_server_id: ['gauge', '1; the label is the member id in hexadecimal.', ['server_id']],
    edgestore_build_info: ['gauge', '1; the labels are the versions of EdgeStore and Node.', ['version', 'node']],
    edgestore_replica_info: ['gauge', '1; the labels say which replica of which cluster this is.', ['name', 'slot', 'cluster_id']],
  }),
};

export type MetricName = keyof typeof definitions;
