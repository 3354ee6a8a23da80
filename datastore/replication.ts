/** What connects one replica to the others: gossip, the membership, and what this replica does when its disk is new, old or doubtful. */
import type { Settings } from './config/settings.ts';
import type { Candidate } from './discovery/discovery.ts';
import { Gossip } from './gossip/mesh.ts';
import { ReplicaExchange } from './gossip/replica-exchange.ts';
import type { GossipAlarm, MemberState } from './gossip/types.ts';
import type { Logger } from './host/log.ts';
import type { Host } from './host/host.ts';
import { encodedJoin } from './identity.ts';
import { limits } from './limits.ts';
import { Place } from './place.ts';
import { Frontier } from './replica/frontier.ts';
import type { LogDoc } from './replica/log-doc.ts';
import type { Store } from './store/store.ts';
import type { PeerFigures, ReplicationFigures } from './telemetry/peers.ts';

/** What replication is told at the start; the rest it learns from the membership. */
export type ReplicationSettings = Pick<Settings, 'name' | 'slot' | 'dataDir' | 'joining' | 'clusterId' | 'memberId' | 'initialCluster' | 'listenPeerUrls'>
  & Partial<Pick<Settings, 'writeAcks' | 'initialClusterToken' | 'evictAfter_ms'>>
  & { readonly onReport?: () => void; readonly onConverged?: (seconds: number) => void; /** Where else members may be. Never rejects. */ readonly seeds?: () => Promise<readonly Candidate[]> };

export interface Replication {
  /** Resolves when this replica may serve; says why it may. */
  readonly ready: Promise<string>;
  readonly gossip: Gossip;
  peers(): readonly PeerFigures[];
  /** Figures that are no single peer's. */
  figures(): ReplicationFigures;
  /** What a person should look at, by name. */
  alarms(): readonly string[];
  /** Whether there is a link to the replica of that slot. */
  reachable(slot: number): boolean;
  /** Resolves when every other member durably holds all that is here now; false: not within the time. */
  flushed(withinMs: number, cancelled?: () => boolean): Promise<boolean>;
  /** Members that do not durably hold all that is here, as far as it has been reported. */
  lacking(): readonly string[];
  /** Sends what waits, tells the peers, closes the links. */
  stop(): Promise<void>;
}

/** Listens for other replicas and dials them. Rejects if an address cannot be had. */
export async function startReplication(settings: ReplicationSettings, host: Host, store: Store, log: Logger, onFatal: (error: Error) => void): Promise<Replication> {
  const { membership, self } = store;
  const { clock } = host;
  const alarms = new Set<string>();
  const place: Place = new Place({
    store, clock, log,
    onFatal,
    dataDir: settings.dataDir,
    ask: (whom) => encodedJoin(host, whom, settings.initialClusterToken ?? '', store),
    seeds: settings.seeds ?? (() => Promise.resolve([])),
    evictAfterMs: settings.evictAfter_ms ?? 0,
    connected: (id) => gossip.connectedLog(id) !== null,
    reconnect: () => gossip.reconnect(),
  });
  const onAlarm = (alarm: GossipAlarm): void => {
    alarms.add(alarm.type);
    // Writing on in a log of which others hold more would diverge for ever (REPLICATION: identity is fenced to the disk).
    if (alarm.type === 'staleDisk') place.stale(alarm.peer);
  };
  const ready = store.readiness === 'ready';
  const joined = settings.joining || membership.number > 0;
  const state: MemberState = ready ? 'ready' : joined ? 'existing' : 'new';
  /** What must not be under way when the store is closed. */
  let busy: Promise<void> = Promise.resolve();
  const gossip: Gossip = new Gossip({
    clock,
    random: host.random,
    net: host.net,
    log,
    replica: new ReplicaExchange(store.replica),
    self: { clusterId: membership.clusterId, memberId: self.id, name: self.name, slot: self.slot },
    listen: settings.listenPeerUrls.map((address) => address.url),
    peers: place.peers(),
    ...(settings.seeds === undefined ? {} : { seeds: settings.seeds }),
    state,
    begin: (how) => (busy = store.becomeReady(how === 'caught up' || membership.number > 0)),
    alarm: onAlarm,
    onMember: (of, writes) => place.met(of, writes),
    heard: (hello) => place.heard(hello),
    membership: place,
    onReport: () => settings.onReport?.(),
    onConverged: (seconds) => settings.onConverged?.(seconds),
    ackWanted: (settings.writeAcks ?? 1) > 1,
  });
  membership.onChange(() => {
    gossip.setPeers(place.peers());
    gossip.sendConfiguration(membership.encoded);
  });
  await gossip.run();
  membership.run({
    send: (to, bytes) => gossip.sendAgreement(to, bytes),
    sendConfiguration: (to, bytes) => gossip.sendConfiguration(bytes, to),
    connectedLog: (id) => gossip.connectedLog(id),
  });
  const serving = gossip.ready.then(async (how) => {
    if (ready) busy = place.settled();
    await busy;
    return how;
  });
  serving.catch(() => {});
  // Nobody need be waited for.
  if (store.single && state !== 'existing') await serving;
  place.run();
  const frontier = new Frontier(clock, {
    get log() { return store.replica.log; },
    get lamport() { return store.replica.vector().get(store.replica.log)?.lamport ?? 0; },
    stable: (stamp) => store.replica.stable(stamp),
  });
  frontier.run();
  return {
    ready: serving,
    gossip,
    peers: () => gossip.stats(),
    figures: () => ({ singleCopy: gossip.singleCopy(), frontierAgeMs: frontier.ageMs, tombstones: tombstones(store.replica.logs.values()) }),
    alarms: () => [...alarms, ...place.alarms()],
    reachable: (of) => {
      const member = membership.configuration.members.find((m) => m.slot === of);
      return member !== undefined && gossip.connectedLog(member.id) !== null;
    },
    lacking: () => place.lacking(store.replica.vector()),
    async flushed(withinMs, cancelled = () => false) {
      const deadline = clock.monotonicMs() + withinMs;
      await store.replica.flushed();
      const held = store.replica.vector();
      for (;;) {
        const missing = place.lacking(held);
        if (missing.length === 0) return true;
        if (clock.monotonicMs() >= deadline || cancelled()) {
          log.warn('not every member holds everything yet', { missing });
          return false;
        }
        await new Promise<void>((resolve) => clock.after(limits.drain_look_ms, resolve));
      }
    },
    async stop() {
      place.stop();
      frontier.stop();
      membership.stop();
      await busy.catch(() => {});
      await gossip.stop();
    },
  };
}

/** Deletions in these documents. */
function tombstones(logs: Iterable<LogDoc>): number {
  let n = 0;
  for (const log of logs) for (const segment of log.segments.values()) n += segment.tombstones;
  return n;
}
