import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { CallMetrics } from './calls.ts';
import { definitions } from './definitions.ts';
import type { MetricName } from './definitions.ts';
import { metricsMarkdown } from './markdown.ts';
import { Histogram, Metrics } from './metrics.ts';
import { Telemetry } from './telemetry.ts';
import type { PeerFigures } from './peers.ts';

const identity = { name: 'a', slot: 3, memberId: 255n, clusterId: 16n, version: '0.1.0', etcdVersion: '3.7.3', nodeVersion: 'v24' };
const figures = {
  totalBytes: 100, usedBytes: 50, quotaBytes: 1000, diskBytes: 70, keys: 5, revision: 9, compactRevision: 4, leases: 1,
  watchers: 2, watchStreams: 1, slowWatchers: 0, pendingEvents: 0, eventsSent: 8, conflicts: [{ kind: 'opaque', rule: 'last-writer', count: 2 }], connections: 1, calls: 2, alarms: ['NOSPACE'], serving: true, drainState: 0, mergePending: 0,
};
const peer: PeerFigures = {
  name: 'b', connected: true, connects: 3, dialFailures: 1, refusals: 0, rttMs: 50, clockSkewMs: -20, lagMs: 1500, unackedRecords: 4, unackedBytes: 400, bufferedBytes: 0,
  framesSent: 7, framesReceived: 6, framesApplied: 5, framesKnown: 1, framesGap: 0, bytesSent: 700, bytesReceived: 600, overflows: 0, pullsDone: 2, fullSyncs: 0, digestMismatches: 0,
};

function telemetry(): Telemetry {
  const t = new Telemetry({ identity, extensive: true, process: true });
  t.attachStore(() => figures);
  t.attachPeers(() => [peer], () => ({ singleCopy: { records: 3, ageMs: 2_500 }, frontierAgeMs: 4_000, tombstones: 6 }));
  t.convergence.observe(0.03);
  return t;
}

/** Parses exposition text strictly: series → value. Throws on a line that is none, on a series without TYPE, on one that comes twice. */
function parse(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) {
      if (types.has(type[1] ?? '')) throw new Error(`TYPE twice: ${line}`);
      types.set(type[1] ?? '', type[2] ?? '');
      continue;
    }
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (\S+)$/.exec(line);
    const name = match?.[1] ?? '';
    if (match === null || Number.isNaN(Number(match[3])) && match[3] !== 'Nan') throw new Error(`no sample: ${line}`);
    if (!types.has(name) && types.get(name.replace(/_(bucket|sum|count)$/, '')) !== 'histogram') throw new Error(`no TYPE: ${line}`);
    const key = name + (match[2] ?? '');
    if (series.has(key)) throw new Error(`twice: ${key}`);
    series.set(key, Number(match[3]));
  }
  return series;
}

const scrape = async (t: Telemetry): Promise<Map<string, number>> => parse(await t.metrics.text());

describe('the scrape', () => {
  test('is parseable and shows what was told', async () => {
    const t = telemetry();
    const put = { service: 'etcdserverpb.KV', name: 'Put', type: 'unary' } as const;
    t.calls.started(put);
    t.calls.received(put, 10);
    t.calls.sent(put, 20);
    t.calls.handled(put, 0, 0.02);
    t.calls.handled(put, 8, 0.001);
    t.journal.fsync(0.003, 4096);
    t.journal.commit(0.004);
    t.journal.snapshot(1, 1_000_000);
    const series = await scrape(t);
    expect(Object.fromEntries(series)).toMatchObject({
      'grpc_server_started_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put"}': 1,
      'grpc_server_handled_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"}': 1,
      'grpc_server_handled_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="ResourceExhausted"}': 1,
      'grpc_server_handling_seconds_bucket{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",le="0.005"}': 1,
      'grpc_server_handling_seconds_count{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put"}': 2,
      etcd_network_client_grpc_received_bytes_total: 10,
      'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"}': 1,
      'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"}': 0,
      etcd_disk_wal_write_bytes_total: 4096,
      etcd_debugging_mvcc_current_revision: 9,
      'edgestore_merge_conflicts_total{kind="opaque",rule="last-writer"}': 2,
      'edgestore_alarm{type="NOSPACE"}': 1,
      edgestore_single_copy_ops: 3,
      edgestore_single_copy_seconds: 2.5,
      edgestore_gc_frontier_age_seconds: 4,
      edgestore_tombstones: 6,
      'edgestore_convergence_seconds_bucket{le="0.032"}': 1,
      'edgestore_convergence_seconds_bucket{le="0.016"}': 0,
      'edgestore_peer_connected{peer="b"}': 1,
      'edgestore_peer_reconnects_total{peer="b"}': 2,
      'edgestore_replication_lag_seconds{peer="b"}': 1.5,
      'etcd_network_peer_sent_bytes_total{To="b"}': 700,
      'etcd_server_version{server_version="3.7.3"}': 1,
      'etcd_server_id{server_id="ff"}': 1,
    });
    expect(series.has('nodejs_eventloop_lag_seconds')).toBe(true);
    expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  test('every metric of the table is provided, and none besides', () => {
    const own = telemetry().metrics.provided.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(own.toSorted()).toEqual(Object.keys(definitions).toSorted());
  });

  test('without --metrics extensive calls are not timed', async () => {
    const t = new Telemetry({ identity, extensive: false, process: false });
    t.calls.handled({ service: 's', name: 'm', type: 'unary' }, 0, 1);
    expect([...(await scrape(t)).keys()].some((key) => key.startsWith('grpc_server_handling_seconds'))).toBe(false);
  });

  test('a name is provided once', () => {
    const metrics = new Metrics();
    metrics.counter('etcd_disk_wal_write_bytes_total');
    expect(() => metrics.counter('etcd_disk_wal_write_bytes_total')).toThrow('already been registered');
    expect(() => metrics.counter('nonsense' as MetricName)).toThrow('not in the table');
  });

  test('declared methods stand at 0', async () => {
    const metrics = new Metrics();
    new CallMetrics(metrics, false).declare([{ service: 's', name: 'm', type: 'bidi_stream' }]);
    expect(parse(await metrics.text()).get('grpc_server_handled_total{grpc_type="bidi_stream",grpc_service="s",grpc_method="m",grpc_code="OK"}')).toBe(0);
  });
});

test('histogram bounds are inclusive, as Prometheus has them', () => {
  const histogram = new Histogram([1, 2]);
  for (const value of [0.5, 1, 1.5, 2, 3]) histogram.observe(value);
  expect(histogram.samples('h', {}).map(({ metricName, labels, value }) => [metricName, labels['le'], value])).toEqual([
    ['h_bucket', '1', 2], ['h_bucket', '2', 4], ['h_bucket', '+Inf', 5], ['h_sum', undefined, 8], ['h_count', undefined, 5],
  ]);
});

test('docs/metrics.md is fresh (npm run generate)', () => {
  expect(readFileSync('docs/metrics.md', 'utf8')).toBe(metricsMarkdown());
});
