/** All that one replica tells about itself, put together. */
import { CallMetrics } from './calls.ts';
import { journalMetrics } from './journal.ts';
import { Metrics } from './metrics.ts';
import { peerMetrics } from './peers.ts';
import type { PeerFigures } from './peers.ts';
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

  constructor({ identity, extensive, process }: TelemetryOptions) {
    this.metrics = process ? new Metrics().withProcess() : new Metrics();
    this.journal = journalMetrics(this.metrics);
    this.calls = new CallMetrics(this.metrics, extensive);
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
  attachPeers(peers: () => Iterable<PeerFigures>): void {
    peerMetrics(this.metrics, peers);
  }
}
