/** What connects one replica to the others. A replica alone has nothing to connect. */
import type { Settings } from './config/settings.ts';
import { Gossip } from './gossip/mesh.ts';
import { ReplicaExchange } from './gossip/replica-exchange.ts';
import type { GossipAlarm, MemberState } from './gossip/types.ts';
import type { Host } from './host/host.ts';
import type { Logger } from './host/log.ts';
import type { Store } from './store/store.ts';
import type { PeerFigures } from './telemetry/peers.ts';

export interface Replication {
  /** Resolves when this replica may serve; says why it may. */
  readonly ready: Promise<string>;
  peers(): readonly PeerFigures[];
  /** What a person should look at, by name. */
  alarms(): readonly string[];
  /** Whether there is a link to the replica of that slot. */
  reachable(slot: number): boolean;
  /** Sends what waits, tells the peers, closes the links. */
  stop(): Promise<void>;
}

async function alone(store: Store): Promise<Replication> {
  const how = store.readiness === 'ready' ? 'own disk' : 'bootstrapped';
  await store.becomeReady(false);
  return { ready: Promise.resolve(how), peers: () => [], alarms: () => [], reachable: () => false, stop: () => Promise.resolve() };
}

/** What replication is told. */
export type ReplicationSettings = Pick<Settings, 'name' | 'slot' | 'dataDir' | 'initialCluster' | 'joining' | 'clusterId' | 'memberId' | 'listenPeerUrls'>;

/** Listens for other replicas and dials them. Rejects if an address cannot be had. */
export async function startReplication(settings: ReplicationSettings, host: Host, store: Store, log: Logger, onFatal: (error: Error) => void): Promise<Replication> {
  const { initialCluster, joining, name, slot } = settings;
  if (initialCluster.length === 1 && !joining) return alone(store);

  const slotByName = new Map(initialCluster.map((member) => [member.name, member.slot]));
  const alarms = new Set<string>();
  const onAlarm = (alarm: GossipAlarm): void => {
    alarms.add(alarm.type);
    // Writing on in a log of which others hold more would diverge for ever (REPLICATION: identity is fenced to the disk).
    if (alarm.type === 'staleDisk') onFatal(new StaleDataError(settings.dataDir, alarm.peer));
  };
  const state: MemberState = store.readiness === 'ready' ? 'ready' : joining ? 'existing' : 'new';
  const gossip = new Gossip({
    clock: host.clock,
    random: host.random,
    net: host.net,
    log,
    replica: new ReplicaExchange(store.replica),
    self: { clusterId: settings.clusterId.toString(16), memberId: settings.memberId, name, slot },
    listen: settings.listenPeerUrls.map((address) => address.url),
    peers: initialCluster.map((member) => ({ name: member.name, urls: member.peerUrls })),
    state,
    alarm: onAlarm,
    onMember: (of, writes) => store.learnLog(of, writes),
  });
  await gossip.run();
  const ready = gossip.ready.then(async (how) => {
    await store.becomeReady(how === 'caught up');
    return how;
  });
  return {
    ready,
    peers: () => gossip.stats(),
    alarms: () => [...alarms],
    reachable: (of) => gossip.stats().some((peer) => peer.connected && slotByName.get(peer.name) === of),
    stop: () => gossip.stop(),
  };
}

/** The folder is an old copy of what this replica has written. */
export class StaleDataError extends Error {
  constructor(dataDir: string, peer: string) {
    super(`${dataDir} is an old copy: ${peer} holds more of what this replica has written than its own disk. ` +
      'Writing on would diverge for ever. Move the folder away and let the replica join again with an empty one (--initial-cluster-state existing).');
    this.name = 'StaleDataError';
  }
}
