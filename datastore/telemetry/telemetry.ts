/** All that one replica tells about itself, put together. */
import { CallMetrics } from './calls.ts';
import { journalMetrics } from './journal.ts';
import { Metrics } from './metrics.ts';
import type { Histogram } from './metrics.ts';
import { peerMetrics, replicationMetrics } from './peers.ts';
import type { PeerFigures, ReplicationFigures } from './peers.ts';
import { identityMetrics, storeMetrics } from './store.ts';
import type { Identity, StoreFigures } from './store.ts';
import type { JournalObserver } from '../journal/types.ts';

export interface TelemetryOptions {
  /** Absent: not known yet; see `identify`. */
  readonly identity?: Identity;
  /** --metrics extensive. */
  readonly extensive: boolean;
  /** Also the metrics of the process: for the first replica of a process only. */
  readonly process: boolean;
}

export class Telemetry {
  readonly metrics: Metrics;
  /** For the journal. */
  readonly journal: JournalObserver;
  /** For the client port. */
  readonly calls: CallMetrics;
  /** Seconds from a commit at a peer until it is visible here. */
  readonly convergence: Histogram;

  constructor({ identity, extensive, process }: TelemetryOptions) {
    this.metrics = process ? new Metrics().withProcess() : new Metrics();
    this.journal = journalMetrics(this.metrics);
    this.calls = new CallMetrics(this.metrics, extensive);
    this.convergence = this.metrics.histogram('edgestore_convergence_seconds');
    if (identity !== undefined) this.identify(identity);
  }

  /** Once, when it is known who this replica is. */
  identify(identity: Identity): void {
    identityMetrics(this.metrics, identity);
  }

  /** When the store is open. */
  attachStore(figures: () => StoreFigures): void {
    storeMetrics(this.metrics, figures);
  }

  /** When replication runs. */
  attachPeers(peers: () => Iterable<PeerFigures>, figures: () => ReplicationFigures): void {
    peerMetrics(this.metrics, peers);
    replicationMetrics(this.metrics, figures);
  }
}
