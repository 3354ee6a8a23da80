/** What connects one replica to the others. A replica alone has nothing to connect. */
import type { Settings } from './config/settings.ts';
import type { Logger } from './host/log.ts';
import type { NodeHost } from './host/node-host.ts';
import type { Store } from './store/store.ts';
import type { PeerFigures } from './telemetry/peers.ts';

export interface Replication {
  /** Resolves when this replica may serve; says why it may. */
  readonly ready: Promise<string>;
  peers(): Iterable<PeerFigures>;
  /** Sends what waits, tells the peers, closes the links. */
  stop(): Promise<void>;
}

export async function startReplication(settings: Settings, _host: NodeHost, store: Store, _log: Logger): Promise<Replication> {
  if (settings.initialCluster.length === 1 && !settings.joining) {
    const fresh = store.readiness !== 'ready';
    await store.becomeReady(false);
    return { ready: Promise.resolve(fresh ? 'bootstrapped' : 'own disk'), peers: () => [], stop: () => Promise.resolve() };
  }
  throw new Error('several replicas: not wired yet');
}
