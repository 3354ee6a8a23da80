/** Metrics of the store, its watchers, its leases and the server as a whole: figures that are read when somebody scrapes. */
import type { Metrics } from './metrics.ts';

/** The present state of one replica. Bytes as named. */
export interface StoreFigures {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly diskBytes: number;
  readonly keys: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly leases: number;
  readonly watchers: number;
  readonly watchStreams: number;
  readonly slowWatchers: number;
  readonly pendingEvents: number;
  readonly eventsSent: number;
  /** Writes beaten by a concurrent one, by the kind of the object and the rule that decided. */
  readonly conflicts: Iterable<{ readonly kind: string; readonly rule: string; readonly count: number }>;
  readonly connections: number;
  readonly calls: number;
  /** Of this replica, by etcd's names (NOSPACE). */
  readonly alarms: readonly string[];
  readonly serving: boolean;
  /** 0 serving, 1 draining, 2 drained. */
  readonly drainState: number;
  /** Keys that several heads contend for. */
  readonly mergePending: number;
}

export interface Identity {
  readonly name: string;
  readonly slot: number;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly version: string;
  readonly etcdVersion: string;
  readonly nodeVersion: string;
}

/** Exposes what `figures` returns; it is called once for each metric of a scrape, so it should be cheap. */
export function storeMetrics(metrics: Metrics, figures: () => StoreFigures): void {
  metrics.read('etcd_mvcc_db_total_size_in_bytes', () => figures().totalBytes);
  metrics.read('etcd_mvcc_db_total_size_in_use_in_bytes', () => figures().usedBytes);
  metrics.read('etcd_server_quota_backend_bytes', () => figures().quotaBytes);
  metrics.read('edgestore_disk_bytes', () => figures().diskBytes);
  metrics.read('etcd_debugging_mvcc_keys_total', () => figures().keys);
  metrics.read('etcd_debugging_mvcc_current_revision', () => figures().revision);
  metrics.read('etcd_debugging_mvcc_compact_revision', () => figures().compactRevision);
  metrics.read('edgestore_leases', () => figures().leases);
  metrics.read('etcd_debugging_mvcc_watcher_total', () => figures().watchers);
  metrics.read('etcd_debugging_mvcc_watch_stream_total', () => figures().watchStreams);
  metrics.read('etcd_debugging_mvcc_slow_watcher_total', () => figures().slowWatchers);
  metrics.read('etcd_debugging_mvcc_pending_events_total', () => figures().pendingEvents);
  metrics.read('etcd_debugging_mvcc_events_total', () => figures().eventsSent);
  metrics.readEach('edgestore_merge_conflicts_total', () => [...figures().conflicts].map(({ kind, rule, count }) => [[kind, rule], count] as const));
  metrics.read('edgestore_client_connections', () => figures().connections);
  metrics.read('edgestore_calls_in_flight', () => figures().calls);
  metrics.readEach('edgestore_alarm', () => figures().alarms.map((type) => [[type], 1] as const));
  metrics.read('edgestore_drain_state', () => figures().drainState);
  metrics.read('edgestore_merge_pending_keys', () => figures().mergePending);
  metrics.read('etcd_server_has_leader', () => (figures().serving ? 1 : 0));
}

export function identityMetrics(metrics: Metrics, identity: Identity): void {
  metrics.info('etcd_server_version', identity.etcdVersion);
  metrics.info('etcd_server_id', identity.memberId.toString(16));
  metrics.info('edgestore_build_info', identity.version, identity.nodeVersion);
  metrics.info('edgestore_replica_info', identity.name, String(identity.slot), identity.clusterId.toString(16));
}
