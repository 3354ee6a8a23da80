/** A page for one replica: everything that it tells about itself. */
import type { Dashboard } from './dashboard.ts';
import { lines, number, table } from './panel.ts';

const OF = 'namespace=~"$namespace", job=~"$job", instance="$instance"';
const RATE = '[$__rate_interval]';
const quantiles = (metric: string): Record<string, string> => Object.fromEntries(
  (['0.5', '0.9', '0.99'] as const).map((q) => [`p${Number(q) * 100}`, `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket{${OF}}${RATE})))`]));
const byPeer = (metric: string): Record<string, string> => ({ '{{peer}}': `${metric}{${OF}}` });
const rateByPeer = (metric: string): Record<string, string> => ({ '{{peer}}': `rate(${metric}{${OF}}${RATE})` });

export const replica: Dashboard = {
  uid: 'edgestore-replica',
  title: 'EdgeStore / Replica',
  description: 'One replica of an EdgeStore: its calls, watchers, journal, peers and process.',
  variables: [
    { name: 'namespace', label: 'Namespace', query: 'label_values(edgestore_replica_info, namespace)', several: true },
    { name: 'job', label: 'Store', query: 'label_values(edgestore_replica_info{namespace=~"$namespace"}, job)', several: true },
    { name: 'instance', label: 'Replica', query: 'label_values(edgestore_replica_info{namespace=~"$namespace", job=~"$job"}, instance)', several: false },
  ],
  rows: [
    {
      title: 'This replica',
      panels: [
        table('Who it is', 'none', 'Name, slot and cluster.', `edgestore_replica_info{${OF}}`, { width: 8, height: 4 }),
        table('Version', 'none', 'Versions of EdgeStore and Node.', `edgestore_build_info{${OF}}`, { width: 4, height: 4 }),
        number('Serving', 'none', '1: it answers clients.', `etcd_server_has_leader{${OF}}`, { limits: [1, 0] }),
        number('Drain', 'none', '0: serving. 1: draining, clients are refused. 2: drained, all others hold everything.', `edgestore_drain_state{${OF}}`, { limits: [1, 2] }),
        number('Alarms', 'none', 'Alarms raised on this replica.', `count(edgestore_alarm{${OF}} == 1) or sum(0 * etcd_server_has_leader{${OF}})`, { limits: [1, 1] }),
        lines('Revision', 'none', 'Of this replica only: every replica counts by itself.', { current: `etcd_debugging_mvcc_current_revision{${OF}}`, compacted: `etcd_debugging_mvcc_compact_revision{${OF}}` }),
        lines('Keys', 'short', 'Keys that are there now.', { keys: `etcd_debugging_mvcc_keys_total{${OF}}`, leases: `edgestore_leases{${OF}}` }),
        lines('Size', 'bytes', 'Of the store: what is needed, all of it, and the quota.', {
          'in use': `etcd_mvcc_db_total_size_in_use_in_bytes{${OF}}`, total: `etcd_mvcc_db_total_size_in_bytes{${OF}}`, quota: `etcd_server_quota_backend_bytes{${OF}} > 0`,
        }),
      ],
    },
    {
      title: 'Calls',
      panels: [
        lines('Started', 'reqps', 'Calls by method.', { '{{grpc_service}}/{{grpc_method}}': `sum by (grpc_service, grpc_method) (rate(grpc_server_started_total{${OF}}${RATE}))` }),
        lines('Ended', 'reqps', 'Calls by status.', { '{{grpc_code}}': `sum by (grpc_code) (rate(grpc_server_handled_total{${OF}}${RATE}))` }),
        lines('Time of unary calls, 99th percentile', 's', 'By method. Needs --metrics extensive.', {
          '{{grpc_method}}': `histogram_quantile(0.99, sum by (grpc_method, le) (rate(grpc_server_handling_seconds_bucket{${OF}, grpc_type="unary"}${RATE})))`,
        }, { limits: [0.15, 0.5] }),
        lines('Open', 'short', 'Calls that are not over, watches among them, and connections.', { calls: `edgestore_calls_in_flight{${OF}}`, connections: `edgestore_client_connections{${OF}}` }),
        lines('Messages', 'ops', 'Of all calls, those in streams too.', {
          received: `sum(rate(grpc_server_msg_received_total{${OF}}${RATE}))`, sent: `sum(rate(grpc_server_msg_sent_total{${OF}}${RATE}))`,
        }),
        lines('Bytes', 'Bps', 'Of gRPC messages.', {
          received: `rate(etcd_network_client_grpc_received_bytes_total{${OF}}${RATE})`, sent: `rate(etcd_network_client_grpc_sent_bytes_total{${OF}}${RATE})`,
        }),
      ],
    },
    {
      title: 'Watches',
      panels: [
        lines('Watchers', 'short', 'Watchers, and the streams that carry them.', { watchers: `etcd_debugging_mvcc_watcher_total{${OF}}`, streams: `etcd_debugging_mvcc_watch_stream_total{${OF}}` }),
        lines('Slow watchers', 'short', 'Watchers that read history because they do not keep up. They cost the others nothing, and lose nothing.', {
          'slow watchers': `etcd_debugging_mvcc_slow_watcher_total{${OF}}`, 'events waiting': `etcd_debugging_mvcc_pending_events_total{${OF}}`,
        }),
        lines('Events', 'ops', 'Events sent to watchers.', { events: `rate(etcd_debugging_mvcc_events_total{${OF}}${RATE})` }),
      ],
    },
    {
      title: 'Journal',
      panels: [
        lines('fdatasync', 's', 'Time that the disk takes.', quantiles('etcd_disk_wal_fsync_duration_seconds'), { limits: [0.25, 0.5] }),
        lines('Commit', 's', 'From giving entries to the journal until they are on stable storage.', quantiles('etcd_disk_backend_commit_duration_seconds'), { limits: [0.25, 0.5] }),
        lines('Written', 'Bps', 'Bytes written to the journal.', { journal: `rate(etcd_disk_wal_write_bytes_total{${OF}}${RATE})` }),
        lines('On disk', 'bytes', 'Journal files and snapshots, and the size of the last snapshot.', { 'on disk': `edgestore_disk_bytes{${OF}}`, 'last snapshot': `edgestore_snapshot_bytes{${OF}}` }),
        lines('Snapshots', 's', 'Mean time to make one, off the serving thread; over the last day.', {
          'mean time': `increase(edgestore_snapshot_duration_seconds_sum{${OF}}[1d]) / (increase(edgestore_snapshot_duration_seconds_count{${OF}}[1d]) > 0) or 0 * edgestore_snapshot_duration_seconds_sum{${OF}}`,
        }),
      ],
    },
    {
      title: 'Peers',
      panels: [
        lines('Links that stand', 'none', '1: the link stands.', byPeer('edgestore_peer_connected'), { max: 1 }),
        lines('Round trip', 's', 'Last round trip to the peer.', byPeer('edgestore_peer_round_trip_seconds')),
        lines('Clock', 's', 'How far the peer\'s wall clock is from this one\'s, either way. Clocks order nothing; people compare logs.', { '{{peer}}': `abs(edgestore_clock_skew_seconds{${OF}})` }, { limits: [1, 60] }),
        lines('Lag', 's', 'Age of the oldest own write that the peer has not reported as durable.', byPeer('edgestore_replication_lag_seconds'), { limits: [10, 60] }),
        lines('Until visible here', 's', 'From a write\'s commit at another replica until it was visible here.', quantiles('edgestore_convergence_seconds')),
        lines('What may be forgotten', 's', 'Age of the oldest own write that not every replica is known to hold: what is younger cannot be forgotten.', { age: `edgestore_gc_frontier_age_seconds{${OF}}` }, { limits: [3_600, 86_400] }),
        lines('Own writes not acknowledged', 'bytes', 'Bytes of own transactions that the peer has not reported as durable.', byPeer('edgestore_replication_unacked_bytes')),
        lines('Waiting to be sent', 'bytes', 'Bytes given to the link. A queue that does not drain is dropped, and anti-entropy brings what was in it.', byPeer('edgestore_peer_buffered_bytes')),
        lines('Frames', 'ops', 'Pushed to peers and by them; duplicate: brought nothing new; gap: an earlier one was missing.', {
          'sent {{peer}}': `rate(edgestore_deltas_sent_total{${OF}}${RATE})`, 'received {{peer}}': `rate(edgestore_deltas_received_total{${OF}}${RATE})`,
          'applied {{peer}}': `rate(edgestore_deltas_applied_total{${OF}}${RATE})`, 'duplicate {{peer}}': `rate(edgestore_deltas_duplicate_total{${OF}}${RATE})`,
          'gap {{peer}}': `rate(edgestore_deltas_gap_total{${OF}}${RATE})`,
        }),
        lines('Bytes', 'Bps', 'To and from peers.', { 'sent {{To}}': `rate(etcd_network_peer_sent_bytes_total{${OF}}${RATE})`, 'received {{From}}': `rate(etcd_network_peer_received_bytes_total{${OF}}${RATE})` }),
        lines('Comparisons', 'ops', 'Anti-entropy runs that were completed.', rateByPeer('edgestore_antientropy_runs_total')),
        lines('Trouble', 'short', 'Since the process began: links that came again, failed, were refused; queues dropped; whole states sent; comparisons with different contents.', {
          'reconnects {{peer}}': `edgestore_peer_reconnects_total{${OF}}`, 'dial failures {{peer}}': `edgestore_peer_dial_failures_total{${OF}}`,
          'refusals {{peer}}': `edgestore_peer_refusals_total{${OF}}`, 'overflows {{peer}}': `edgestore_peer_overflows_total{${OF}}`,
          'whole states {{peer}}': `edgestore_full_syncs_total{${OF}}`, 'mismatches {{peer}}': `edgestore_digest_mismatch_total{${OF}}`,
        }, { width: 16 }),
      ],
    },
    {
      title: 'Process',
      panels: [
        lines('CPU', 'percentunit', 'Cores in use.', { user: `rate(process_cpu_user_seconds_total{${OF}}${RATE})`, system: `rate(process_cpu_system_seconds_total{${OF}}${RATE})` }),
        lines('Memory', 'bytes', 'Resident, and Node\'s heap.', { resident: `process_resident_memory_bytes{${OF}}`, 'heap in use': `nodejs_heap_size_used_bytes{${OF}}`, external: `nodejs_external_memory_bytes{${OF}}` }),
        lines('Event loop', 's', 'Delay of the event loop.', { p50: `nodejs_eventloop_lag_p50_seconds{${OF}}`, p99: `nodejs_eventloop_lag_p99_seconds{${OF}}`, max: `nodejs_eventloop_lag_max_seconds{${OF}}` }, { limits: [0.05, 0.2] }),
        lines('Garbage collection', 'percentunit', 'Share of the time that it took.', { '{{kind}}': `rate(nodejs_gc_duration_seconds_sum{${OF}}${RATE})` }),
        lines('File descriptors', 'short', 'Open, and how many there may be.', { open: `process_open_fds{${OF}}`, 'at most': `process_max_fds{${OF}}` }),
        lines('Running for', 's', 'Since the process began.', { 'running for': `time() - process_start_time_seconds{${OF}}` }),
      ],
    },
  ],
};
