/** The overview: all replicas of a store side by side, and the operator. */
import type { Dashboard } from './dashboard.ts';
import { lines, number, table } from './panel.ts';

const OF = 'namespace=~"$namespace", job=~"$job"';
const RATE = '[$__rate_interval]';
const p99 = (metric: string, by = 'instance', more = ''): string =>
  `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric}_bucket{${OF}${more}}${RATE})))`;

export const overview: Dashboard = {
  uid: 'edgestore-overview',
  title: 'EdgeStore / Overview',
  description: 'All replicas of an EdgeStore side by side: whether they serve, what they carry, how far they are behind each other.',
  variables: [
    { name: 'namespace', label: 'Namespace', query: 'label_values(edgestore_replica_info, namespace)', several: true },
    { name: 'job', label: 'Store', query: 'label_values(edgestore_replica_info{namespace=~"$namespace"}, job)', several: true },
  ],
  rows: [
    {
      title: 'At a glance',
      panels: [
        number('Replicas serving', 'none', 'Replicas that answer clients now. There is no leader and no quorum: one is enough.', `sum(etcd_server_has_leader{${OF}})`, { limits: [1, 0] }),
        number('Replicas not serving', 'none', 'Replicas that run and do not answer clients: they are catching up, draining, or have an alarm.', `sum(1 - etcd_server_has_leader{${OF}})`, { limits: [1, 2] }),
        number('Links down', 'none', 'Links between replicas that do not stand. What is written meanwhile is told when they stand again.', `sum(1 - edgestore_peer_connected{${OF}})`, { limits: [1, 2] }),
        number('Furthest behind', 's', 'Age of the oldest write, anywhere, that some replica does not hold on its disk yet.', `max(edgestore_replication_lag_seconds{${OF}})`, { limits: [10, 60] }),
        number('In one place only', 's', 'Age of the oldest write that no other replica holds on its disk: what the loss of one disk would lose.', `max(edgestore_single_copy_seconds{${OF}})`, { limits: [60, 300] }),
        number('Different contents', 'none', 'Comparisons that found replicas with the same history and different contents. Must be 0.', `sum(edgestore_digest_mismatch_total{${OF}})`, { limits: [1, 1] }),
      ],
    },
    {
      title: 'Clients',
      panels: [
        lines('Calls', 'reqps', 'Unary calls by replica. Every replica answers alone; what is uneven here is how clients are spread.', { '{{instance}}': `sum by (instance) (rate(grpc_server_started_total{${OF}, grpc_type="unary"}${RATE}))` }),
        lines('Calls by method', 'reqps', 'All replicas together.', { '{{grpc_method}}': `sum by (grpc_method) (rate(grpc_server_started_total{${OF}}${RATE}))` }),
        lines('Failed calls', 'reqps', 'Calls that ended with an error of the server: Unavailable, ResourceExhausted, Internal, DataLoss, DeadlineExceeded, Unknown. Others are the client\'s own.', {
          '{{instance}} {{grpc_code}}': `sum by (instance, grpc_code) (rate(grpc_server_handled_total{${OF}, grpc_code=~"Unavailable|ResourceExhausted|Internal|DataLoss|DeadlineExceeded|Unknown"}${RATE}))`
            + ` or sum by (instance) (0 * rate(grpc_server_handled_total{${OF}}${RATE}))`,
        }),
        lines('Time of unary calls, 99th percentile', 's', 'Needs --metrics extensive.', { '{{instance}}': p99('grpc_server_handling_seconds', 'instance', ', grpc_type="unary"') }, { limits: [0.15, 0.5] }),
        lines('Watchers', 'short', 'Watchers by replica. They are what replicas relieve each other of.', { '{{instance}}': `sum by (instance) (etcd_debugging_mvcc_watcher_total{${OF}})` }),
        lines('Connections', 'short', 'Open client connections. New replicas get load only when clients connect again.', { '{{instance}}': `sum by (instance) (edgestore_client_connections{${OF}})` }),
        lines('Events to watchers', 'ops', 'Events sent to watchers by replica.', { '{{instance}}': `sum by (instance) (rate(etcd_debugging_mvcc_events_total{${OF}}${RATE}))` }),
        lines('Sent to clients', 'Bps', 'Bytes of gRPC messages.', { '{{instance}}': `sum by (instance) (rate(etcd_network_client_grpc_sent_bytes_total{${OF}}${RATE}))` }),
        lines('Received from clients', 'Bps', 'Bytes of gRPC messages.', { '{{instance}}': `sum by (instance) (rate(etcd_network_client_grpc_received_bytes_total{${OF}}${RATE}))` }),
      ],
    },
    {
      title: 'Replication',
      panels: [
        table('Lag of each pair', 's', 'Age of the oldest write made at "instance" that "peer" does not hold on its disk.', `edgestore_replication_lag_seconds{${OF}}`, { limits: [10, 60] }),
        lines('Lag', 's', 'The same over time: a line for each pair.', { '{{instance}} → {{peer}}': `edgestore_replication_lag_seconds{${OF}}` }, { limits: [10, 60] }),
        lines('Transactions not acknowledged', 'short', 'Own transactions that the peer has not reported as durable.', { '{{instance}} → {{peer}}': `edgestore_replication_unacked_ops{${OF}}` }),
        lines('Links that stand', 'none', '1: the link stands.', { '{{instance}} → {{peer}}': `edgestore_peer_connected{${OF}}` }, { max: 1 }),
        lines('Sent to replicas', 'Bps', 'Every write goes to every replica.', { '{{instance}}': `sum by (instance) (rate(etcd_network_peer_sent_bytes_total{${OF}}${RATE}))` }),
        lines('Until visible elsewhere, 99th percentile', 's', 'From a write\'s commit at another replica until it was visible here.', { '{{instance}}': p99('edgestore_convergence_seconds') }, { limits: [1, 10] }),
        lines('Beaten writes', 'ops', 'Concurrent writes to a key of which one was beaten: by the kind of the object, and the rule that decided.', {
          '{{kind}} {{rule}}': `sum by (kind, rule) (rate(edgestore_merge_conflicts_total{${OF}}${RATE}))`,
        }),
        lines('In one place only', 'short', 'Own transactions that no other replica holds on its disk.', { '{{instance}}': `edgestore_single_copy_ops{${OF}}` }),
        lines('Deletions that are kept', 'short', 'Until every replica holds them.', { '{{instance}}': `edgestore_tombstones{${OF}}` }),
      ],
    },
    {
      title: 'Store and disk',
      panels: [
        lines('Size of the quota', 'percentunit', 'Size of the store by the quota at which writes are refused.', { '{{instance}}': `etcd_mvcc_db_total_size_in_bytes{${OF}} / (etcd_server_quota_backend_bytes{${OF}} > 0)` }, { limits: [0.8, 0.95] }),
        lines('Size', 'bytes', 'Keys, values and the history that is not compacted yet.', { '{{instance}}': `etcd_mvcc_db_total_size_in_bytes{${OF}}` }),
        lines('Keys', 'short', 'Replicas that have heard everything show the same number, but for keys that are kept local.', { '{{instance}}': `etcd_debugging_mvcc_keys_total{${OF}}` }),
        lines('Time to disk, 99th percentile', 's', 'From giving a write to the journal until it is on stable storage. Nothing is acknowledged before.', { '{{instance}}': p99('etcd_disk_backend_commit_duration_seconds') }, { limits: [0.25, 0.5] }),
        lines('Space on disk', 'bytes', 'Journal files and snapshots.', { '{{instance}}': `edgestore_disk_bytes{${OF}}` }),
        lines('Leases', 'short', 'Leases known to the replica.', { '{{instance}}': `edgestore_leases{${OF}}` }),
      ],
    },
    {
      title: 'Processes',
      panels: [
        lines('CPU', 'percentunit', 'Cores in use. A replica serves on one; snapshots are made on another.', { '{{instance}}': `rate(process_cpu_seconds_total{${OF}}${RATE})` }),
        lines('Memory', 'bytes', 'Resident memory.', { '{{instance}}': `process_resident_memory_bytes{${OF}}` }),
        lines('Delay of the event loop, 99th percentile', 's', 'How long a call may wait before anybody looks at it.', { '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${OF}}` }, { limits: [0.05, 0.2] }),
      ],
    },
  ],
};
