/**
 * The alerts. An expression is `value condition`: what is measured, and from which value on somebody should be told. They are kept apart so that a test can
 * ask a real Prometheus whether the value is there at all; an expression that names no metric never fires, and nobody notices.
 */

export interface Alert {
  readonly name: string;
  readonly severity: 'warning' | 'critical';
  readonly value: string;
  readonly condition: string;
  /** Only where this is so, too. */
  readonly where?: string;
  /** How long it must be so. */
  readonly for: string;
  readonly summary: string;
  /** `{{ $labels.x }}` and `{{ $value }}` are Prometheus'. */
  readonly description: string;
  /** Whose metrics it is made of. */
  readonly of: 'replicas' | 'operator';
}

/** Which replica: Prometheus' own labels, present or not. */
const REPLICA = 'namespace, job, instance';
const WHICH = '{{ if $labels.namespace }}{{ $labels.namespace }}/{{ end }}{{ $labels.instance }}';
const CONNECTED = `on (${REPLICA}, peer) edgestore_peer_connected == 1`;
const p99 = (metric: string, more = '', by = REPLICA): string => `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric}_bucket${more}[5m])))`;

export const alerts: readonly Alert[] = [
  {
    name: 'PeerDisconnected', severity: 'warning', of: 'replicas', for: '5m',
    value: 'edgestore_peer_connected', condition: '== 0',
    summary: 'A replica has no link to another one.',
    description: `${WHICH} has had no link to {{ $labels.peer }} for 5 minutes. Both go on reading and writing; what they write reaches the other by way of third replicas, or when the link stands again.`,
  },
  {
    name: 'ReplicationLagHigh', severity: 'warning', of: 'replicas', for: '5m',
    value: 'edgestore_replication_lag_seconds', condition: '> 60', where: CONNECTED,
    summary: 'A replica is connected and does not keep up.',
    description: `{{ $labels.peer }} is linked to ${WHICH} and lacks, on its disk, writes of it that are {{ $value | humanizeDuration }} old.`,
  },
  {
    name: 'NotConverging', severity: 'critical', of: 'replicas', for: '0m',
    value: 'increase(edgestore_digest_mismatch_total[15m])', condition: '> 0',
    summary: 'Two replicas have heard the same and hold something different.',
    description: `${WHICH} compared itself with {{ $labels.peer }}: equal histories, different contents. This must never be; EdgeStore exchanges the whole state to mend it. Report it.`,
  },
  {
    name: 'NotConverging', severity: 'warning', of: 'replicas', for: '5m',
    value: `sum by (${REPLICA}) (increase(edgestore_antientropy_runs_total[15m]))`, condition: '== 0', where: `on (${REPLICA}) max by (${REPLICA}) (min_over_time(edgestore_peer_connected[15m])) == 1`,
    summary: 'A replica compares itself with nobody.',
    description: `${WHICH} has completed no comparison with any peer for 15 minutes, and has had a link all that time. What a link lost would not be found.`,
  },
  {
    name: 'GCStalled', severity: 'warning', of: 'replicas', for: '1h',
    value: 'edgestore_gc_frontier_age_seconds', condition: '> 86400',
    summary: 'Deletions cannot be forgotten.',
    description: `What ${WHICH} may forget has not advanced for {{ $value | humanizeDuration }}: a member that is away has not seen it. Memory and disk grow with every deletion until it returns or is evicted.`,
  },
  {
    name: 'OnlyOneCopy', severity: 'critical', of: 'replicas', for: '1m',
    value: 'edgestore_single_copy_seconds', condition: '> 300',
    summary: 'Acknowledged writes are on one disk only.',
    description: `No other replica holds writes that ${WHICH} acknowledged {{ $value | humanizeDuration }} ago. If its disk is lost now, so are they.`,
  },
  {
    name: 'DatabaseQuotaLowSpace', severity: 'warning', of: 'replicas', for: '10m',
    value: 'etcd_mvcc_db_total_size_in_bytes / (etcd_server_quota_backend_bytes > 0)', condition: '> 0.8',
    summary: 'The store is nearly as large as its quota.',
    description: `${WHICH} uses {{ $value | humanizePercentage }} of its quota. At 100 % it refuses writes (alarm NOSPACE); it goes on taking in what others write.`,
  },
  {
    name: 'DatabaseQuotaLowSpace', severity: 'critical', of: 'replicas', for: '10m',
    value: 'etcd_mvcc_db_total_size_in_bytes / (etcd_server_quota_backend_bytes > 0)', condition: '> 0.95',
    summary: 'The store is about to refuse writes.',
    description: `${WHICH} uses {{ $value | humanizePercentage }} of its quota. At 100 % it refuses writes (alarm NOSPACE).`,
  },
  {
    name: 'FsyncSlow', severity: 'warning', of: 'replicas', for: '10m',
    value: p99('etcd_disk_wal_fsync_duration_seconds'), condition: '> 0.5',
    summary: 'The disk is slow.',
    description: `One in a hundred of the journal's fdatasyncs at ${WHICH} takes {{ $value | humanizeDuration }} or more. Every write waits for one.`,
  },
  {
    name: 'FsyncSlow', severity: 'critical', of: 'replicas', for: '10m',
    value: p99('etcd_disk_wal_fsync_duration_seconds'), condition: '> 2',
    summary: 'The disk is so slow that clients time out.',
    description: `One in a hundred of the journal's fdatasyncs at ${WHICH} takes {{ $value | humanizeDuration }} or more. Every write waits for one.`,
  },
  {
    name: 'GRPCRequestsSlow', severity: 'warning', of: 'replicas', for: '10m',
    value: p99('grpc_server_handling_seconds', '{grpc_type="unary", grpc_method!~"Defragment|LeaseGrant|MemberAdd|MemberRemove"}', `${REPLICA}, grpc_method`), condition: '> 0.5',
    summary: 'Calls are slow.',
    description: `One in a hundred {{ $labels.grpc_method }} calls at ${WHICH} takes {{ $value | humanizeDuration }} or more.`,
  },
  {
    name: 'WatchersSlow', severity: 'warning', of: 'replicas', for: '15m',
    value: 'etcd_debugging_mvcc_slow_watcher_total', condition: '> 0',
    summary: 'Watchers do not keep up.',
    description: `{{ $value }} watchers of ${WHICH} have been behind for 15 minutes. They read history at their own pace and lose nothing, unless history is compacted before they have read it: then they must list again.`,
  },
  {
    name: 'ScaleInBlocked', severity: 'warning', of: 'operator', for: '15m',
    value: 'edgestore_resource_condition{type="ScaleInBlocked"}', condition: '== 1',
    summary: 'A replica that is to be removed cannot be drained.',
    description: 'The EdgeStore {{ $labels.namespace }}/{{ $labels.name }} is to have fewer replicas, and the one that leaves holds something that not every other holds on its disk yet. Its pod stays; nothing is lost.',
  },
];

/** The whole expression. */
export const expressionOf = ({ value, condition, where }: Alert): string => (where === undefined ? `${value} ${condition}` : `(${value} ${condition}) and ${where}`);

/** Names, each once. */
export const alertNames: readonly string[] = [...new Set(alerts.map(({ name }) => name))];

/** Where the runbooks are in the repository. The chart puts `prometheusRule.runbookUrl` in its place, if there is one. */
export const RUNBOOKS = 'docs/runbooks';

/** The rules as Prometheus reads them. */
export function ruleFile(): object {
  const group = (of: Alert['of']): object => ({
    name: `edgestore.${of}`,
    rules: alerts.filter((alert) => alert.of === of).map((alert) => ({
      alert: alert.name,
      expr: expressionOf(alert),
      for: alert.for,
      labels: { severity: alert.severity },
      annotations: { summary: alert.summary, description: alert.description, runbook_url: `${RUNBOOKS}/${alert.name}.md` },
    })),
  });
  return { groups: [group('replicas'), group('operator')] };
}
