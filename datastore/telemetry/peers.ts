/** Metrics of replication, one series a peer. */
import type { MetricName } from './definitions.ts';
import type { Metrics } from './metrics.ts';

/** One peer's figures, as gossip/ counts them (`PeerStats` there). */
export interface PeerFigures {
  readonly name: string;
  readonly connected: boolean;
  readonly connects: number;
  readonly dialFailures: number;
  readonly refusals: number;
  readonly rttMs: number;
  readonly clockSkewMs: number;
  readonly lagMs: number;
  readonly unackedRecords: number;
  readonly unackedBytes: number;
  readonly bufferedBytes: number;
  readonly framesSent: number;
  readonly framesReceived: number;
  readonly framesApplied: number;
  readonly framesKnown: number;
  readonly framesGap: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly overflows: number;
  readonly pullsDone: number;
  readonly fullSyncs: number;
  readonly digestMismatches: number;
}

/** What is no single peer's. */
export interface ReplicationFigures {
  /** Own transactions that no other replica has reported to hold; null: there is no other. */
  readonly singleCopy: { readonly records: number; readonly ageMs: number } | null;
  readonly frontierAgeMs: number;
  readonly tombstones: number;
}

/** Exposes what `figures` returns at each scrape. */
export function replicationMetrics(metrics: Metrics, figures: () => ReplicationFigures): void {
  const single = (name: MetricName, value: (single: { readonly records: number; readonly ageMs: number }) => number): void =>
    metrics.readEach(name, () => {
      const { singleCopy } = figures();
      return singleCopy === null ? [] : [[[], value(singleCopy)] as const];
    });
  single('edgestore_single_copy_ops', ({ records }) => records);
  single('edgestore_single_copy_seconds', ({ ageMs }) => ageMs / 1000);
  metrics.read('edgestore_gc_frontier_age_seconds', () => figures().frontierAgeMs / 1000);
  metrics.read('edgestore_tombstones', () => figures().tombstones);
}

/** Exposes what `peers` returns at each scrape. */
export function peerMetrics(metrics: Metrics, peers: () => Iterable<PeerFigures>): void {
  const each = (name: MetricName, value: (peer: PeerFigures) => number): void =>
    metrics.readEach(name, () => Array.from(peers(), (peer) => [[peer.name], value(peer)] as const));
  each('edgestore_peer_connected', (peer) => (peer.connected ? 1 : 0));
  each('edgestore_peer_reconnects_total', (peer) => Math.max(0, peer.connects - 1));
  each('edgestore_peer_dial_failures_total', (peer) => peer.dialFailures);
  each('edgestore_peer_refusals_total', (peer) => peer.refusals);
  each('edgestore_peer_round_trip_seconds', (peer) => peer.rttMs / 1000);
  each('edgestore_clock_skew_seconds', (peer) => peer.clockSkewMs / 1000);
  each('edgestore_replication_lag_seconds', (peer) => peer.lagMs / 1000);
  each('edgestore_replication_unacked_ops', (peer) => peer.unackedRecords);
  each('edgestore_replication_unacked_bytes', (peer) => peer.unackedBytes);
  each('edgestore_peer_buffered_bytes', (peer) => peer.bufferedBytes);
  each('edgestore_peer_overflows_total', (peer) => peer.overflows);
  each('edgestore_deltas_sent_total', (peer) => peer.framesSent);
  each('edgestore_deltas_received_total', (peer) => peer.framesReceived);
  each('edgestore_deltas_applied_total', (peer) => peer.framesApplied);
  each('edgestore_deltas_duplicate_total', (peer) => peer.framesKnown);
  each('edgestore_deltas_gap_total', (peer) => peer.framesGap);
  each('etcd_network_peer_sent_bytes_total', (peer) => peer.bytesSent);
  each('etcd_network_peer_received_bytes_total', (peer) => peer.bytesReceived);
  each('edgestore_antientropy_runs_total', (peer) => peer.pullsDone);
  each('edgestore_full_syncs_total', (peer) => peer.fullSyncs);
  each('edgestore_digest_mismatch_total', (peer) => peer.digestMismatches);
}
