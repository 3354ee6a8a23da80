/** One life of the program on a simulated machine: store, replication, drain, acknowledgements by others, wired as in replica-process.ts. */
import type { Settings } from '../../config/settings.ts';
import { Draining } from '../../draining.ts';
import type { Host } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';
import { identify, idOf } from '../../identity.ts';
import { limits } from '../../limits.ts';
import { offerAside } from '../../offers.ts';
import type { MadeAgain } from '../../offers.ts';
import { startReplication } from '../../replication.ts';
import type { Replication } from '../../replication.ts';
import { ServingState } from '../../serving.ts';
import { openStore } from '../../store/store.ts';
import type { Store } from '../../store/store.ts';
import type { StoreOptions } from '../../store/types.ts';
import { WriteAcks } from '../../write-acks.ts';
import type { MachineClock } from '../sim-clock.ts';
import type { Observer } from './observer.ts';

export class Process {
  readonly clock: MachineClock;
  readonly number: number;
  store: Store | null = null;
  replication: Replication | null = null;
  observer: Observer | null = null;
  draining: Draining | null = null;
  readonly state = new ServingState('starting');
  dead = false;
  /** It has been told to end. */
  stopping = false;
  /** Client connections: each is told when the process ends it, or dies. */
  readonly connections = new Set<() => void>();
  /** What the disks set aside hold has been offered. failed: the disk did not let it; the next start tries again. */
  offers: 'none' | 'under way' | 'done' | 'failed' = 'none';
  /** It may serve, as far as its disk and its cluster are concerned. */
  #ready = false;
  #acks: WriteAcks | null = null;

  constructor(clock: MachineClock, number: number) {
    this.clock = clock;
    this.number = number;
  }

  /** Clients are served. */
  get serving(): boolean {
    return this.state.why === null && !this.dead && !this.stopping;
  }

  /** Opens the store. Rejects with what the program would end with. */
  async open(settings: Settings, host: Host, log: Logger, options: Partial<StoreOptions>, onFatal: (error: unknown) => void): Promise<Store> {
    const acks = (this.#acks = new WriteAcks(host.clock, settings.writeAcks));
    const store = await openStore(host, {
      dataDir: settings.dataDir,
      identify: identify(settings, host, log),
      token: settings.initialClusterToken,
      idOf: idOf(settings.initialClusterToken),
      alone: false,
      localKeys: settings.localKeys,
      quotaBytes: settings.quota_bytes,
      txnOps: 128,
      watchProgressMs: 5_000,
      autoCompaction: { mode: 'periodic', retention: 30_000 },
      ...(settings.writeAcks > 1 ? { acknowledged: (clock: number) => acks.wait(clock) } : {}),
      peerReachable: (slot) => this.replication?.reachable(slot) ?? false,
      onFatal,
      ...options,
    }, log, null);
    this.store = store;
    this.draining = new Draining({
      serving: this.state,
      log,
      ready: () => this.#ready,
      closeClients: () => {
        this.hangUp();
        return Promise.resolve();
      },
      handOverLeases: () => {
        const others = store.membership.configuration.members.filter((member) => member.id !== store.self.id && (this.replication?.reachable(member.slot) ?? false));
        return others[0] === undefined ? Promise.resolve(0) : store.leases.handOver(others[0].slot);
      },
      flushed: (withinMs, cancelled) => this.replication?.flushed(withinMs, cancelled) ?? Promise.resolve(false),
      lacking: () => this.replication?.lacking() ?? [],
    });
    return store;
  }

  /** Connects it. Resolves when clients are served, or the process was told to end. */
  async connect(settings: Settings, host: Host, log: Logger, store: Store, onFatal: (error: Error) => void, plant?: (replication: Replication) => void): Promise<void> {
    const replication = await startReplication({ ...settings, onReport: () => this.#acks!.reported() }, host, store, log, onFatal);
    this.replication = replication;
    plant?.(replication);
    this.#acks!.holders = (clock) => replication.gossip.holders(clock);
    if (this.dead) return;
    await replication.ready.catch((error: unknown) => {
      // Told to end before it could serve.
      if (!this.stopping) throw error;
    });
    if (this.dead || this.stopping) return;
    this.#ready = true;
    if (this.draining!.state === 'serving') this.state.serve();
  }

  /** Offers what disks that stand aside hold. `store` may be one that only looks like it. */
  offer(settings: Settings, host: Host, log: Logger, store: Store, making: (write: MadeAgain) => void): void {
    this.offers = 'under way';
    offerAside(host, settings.dataDir, store, log, () => this.dead || this.stopping, making).then(
      () => (this.offers = 'done'),
      (error: unknown) => {
        if (this.dead || this.stopping) return;
        log.warn('what a disk set aside holds cannot be offered', { error });
        this.offers = 'failed';
      },
    );
  }

  /** As by SIGTERM. */
  async stop(): Promise<void> {
    this.state.stop();
    this.stopping = true;
    this.hangUp();
    this.#acks?.stop();
    const { replication, store } = this;
    await replication!.flushed(limits.flush_ms, () => replication!.lacking().every((name) => !replication!.peers().some((peer) => peer.name === name && peer.connected)));
    await replication!.stop();
    await store!.close();
  }

  /** Ends every client connection. */
  hangUp(): void {
    for (const end of [...this.connections]) end();
    this.connections.clear();
  }
}
