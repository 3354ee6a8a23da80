/** One replica, put together from its parts and connected to the outside: the only place that knows all of them. */
import { lstat, readFile, rm } from 'node:fs/promises';
import type { HttpHandler } from './api/http/types.ts';
import { sendText } from './api/http/types.ts';
import { ApiServer } from './api/server.ts';
import { Certificates } from './api/transport/tls.ts';
import { ConfigError } from './config/errors.ts';
import type { Settings } from './config/settings.ts';
import { EDGESTORE_VERSION, ETCD_API_LEVEL } from './config/version.ts';
import type { Logger } from './host/log.ts';
import { createHost } from './host/node-host.ts';
import { NodeWorkers } from './host/workers.ts';
import type { MergerOptions } from './merge/merger.ts';
import { parsePolicy } from './merge/policy/file.ts';
import { defaultPolicy } from './merge/policy/table.ts';
import { adminRoutes } from './admin-routes.ts';
import { offerAside } from './offers.ts';
import { followPeerCertificates } from './peer-certificates.ts';
import { Discovery } from './discovery/discovery.ts';
import { Draining } from './draining.ts';
import { limits } from './limits.ts';
import { WriteAcks } from './write-acks.ts';
import { identify, idOf } from './identity.ts';
import { startReplication } from './replication.ts';
import type { Replication } from './replication.ts';
import { ServingState } from './serving.ts';
import { endedBy } from './place.ts';
import { openStore } from './store/store.ts';
import type { Store } from './store/store.ts';
import { Telemetry } from './telemetry/telemetry.ts';

/** How long calls under way may take when the replica is told to end. */
const DRAIN_MS = 5_000;

export interface RunningReplica {
  /** Resolves when clients are served; says why it may ('own disk', 'bootstrapped', 'caught up'). */
  readonly ready: Promise<string>;
  /** Reads certificates again. */
  reload(): Promise<void>;
  /** Refuses new calls, ends watches resumably, lets calls under way finish, tells the peers, closes the journal. */
  stop(): Promise<void>;
}

const metricsPage = (telemetry: Telemetry, log: Logger): HttpHandler => (_request, response) => {
  telemetry.metrics.text().then(
    (text) => sendText(response, 200, telemetry.metrics.contentType, text),
    (error: unknown) => {
      log.error('metrics cannot be shown', { error });
      sendText(response, 500, 'text/plain', 'metrics cannot be shown\n');
    },
  );
};

/** How objects merge, as the command line says. @throws ConfigError */
async function mergingOf({ merge, mergePolicyFile, mergePrefix }: Settings): Promise<MergerOptions | null> {
  if (!merge) return null;
  if (mergePolicyFile === '') return { prefix: mergePrefix, policy: defaultPolicy };
  try {
    return { prefix: mergePrefix, policy: parsePolicy(await readFile(mergePolicyFile, 'utf8')) };
  } catch (error) {
    throw new ConfigError(`--merge-policy ${mergePolicyFile}: ${(error as Error).message}`);
  }
}

/** Says when replicas stop to merge alike, and when they do again. */
function tellTables({ mergeTables }: Store, log: Logger): void {
  const tell = (slots: readonly number[]): void => {
    if (slots.length > 0) log.warn('replicas merge by other tables than this one: objects merge whole until all go by the same (--merge, --merge-policy, --merge-prefix, and the version)', { slots, hash: mergeTables.hash });
    else log.info('all replicas merge by the same tables', { hash: mergeTables.hash });
  };
  if (mergeTables.differing.length > 0) tell(mergeTables.differing);
  mergeTables.onDiffering(tell);
}

/** Removes a socket file that a dead process left; what is no socket stays, and listening fails. */
async function removeSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true) await rm(path, { force: true });
}

/** Opens the store, connects it, and resolves when everything listens. Rejects with what the person who started it can act on. */
export async function startReplica(settings: Settings, log: Logger, onFatal: (error: unknown) => void): Promise<RunningReplica> {
  const telemetry = new Telemetry({
    extensive: settings.extensiveMetrics,
    process: true,
  });
  const { clientTls, peerTls } = settings;
  const host = createHost({ dnsServers: settings.dnsServers });
  const names = new Discovery(settings.discovery, host.names, log);
  const discovery = names.used ? names : null;
  const certificates = clientTls === undefined ? null : await Certificates.open(clientTls, (path) => readFile(path), host.clock, log);
  const peerCertificates = peerTls === undefined ? null : await followPeerCertificates(peerTls, host, log);
  const serving = new ServingState('starting');

  let replication: Replication | undefined;
  const acks = new WriteAcks(host.clock, settings.writeAcks);
  // Before there is anything in memory.
  const workers = new NodeWorkers();
  const store: Store = await openStore(host, {
    dataDir: settings.dataDir,
    identify: identify(settings, host, log, discovery),
    token: settings.initialClusterToken,
    idOf: idOf(settings.initialClusterToken),
    alone: settings.alone,
    localKeys: settings.localKeys,
    quotaBytes: settings.quota_bytes,
    txnOps: settings.maxTxnOps,
    watchProgressMs: settings.watchProgressNotify_ms,
    autoCompaction: settings.autoCompaction,
    merging: await mergingOf(settings),
    ...(settings.writeAcks > 1 ? { acknowledged: (clock: number) => acks.wait(clock) } : {}),
    journalObserver: telemetry.journal,
    peerReachable: (slot) => replication?.reachable(slot) ?? false,
    onFatal: (error) => onFatal(endedBy(error, store, settings.dataDir)),
  }, log, workers).catch((error: unknown) => {
    workers.close();
    throw error;
  });

  telemetry.identify({
    name: store.self.name, slot: store.self.slot, memberId: store.self.id, clusterId: store.cluster.clusterId,
    version: EDGESTORE_VERSION, etcdVersion: ETCD_API_LEVEL, nodeVersion: process.version,
  });
  tellTables(store, log);
  const closing: (() => Promise<void>)[] = [async () => workers.close(), () => store.close()];
  /** Undoes what has been done, the last first: at the end, or when starting fails half-way. */
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
    certificates?.close();
    peerCertificates?.close();
  };

  let servable = false;
  const draining = new Draining({
    serving,
    log,
    ready: () => servable,
    closeClients: (error) => api.closeAll(error),
    handOverLeases() {
      const others = store.membership.configuration.members.filter((member) => member.id !== store.self.id && (replication?.reachable(member.slot) ?? false));
      return others[0] === undefined ? Promise.resolve(0) : store.leases.handOver(others[0].slot);
    },
    flushed: (withinMs, cancelled) => replication?.flushed(withinMs, cancelled) ?? Promise.resolve(false),
    lacking: () => replication?.lacking() ?? [],
  });
  let api: ApiServer;

  try {
    api = new ApiServer({
      replica: { kv: store.kv, watch: store.watch, leases: store.leases, cluster: store.cluster, maintenance: store.maintenance, serving },
      clock: host.clock,
      log,
      versions: { etcd: ETCD_API_LEVEL, cluster: ETCD_API_LEVEL.replace(/\d+$/, '0'), edgestore: EDGESTORE_VERSION },
      observer: telemetry.calls,
      metrics: metricsPage(telemetry, log),
      admin: adminRoutes({ store, replication: () => replication, draining, serving, version: EDGESTORE_VERSION, clock: host.clock, log }),
      gateway: settings.gateway,
      requestBytesMax: settings.maxRequest_bytes,
      concurrentStreamsMax: settings.maxConcurrentStreams,
      keepaliveIntervalMs: settings.keepaliveInterval_ms,
      keepaliveTimeoutMs: settings.keepaliveTimeout_ms,
      keepaliveMinMs: settings.keepaliveMinTime_ms,
      connectionAgeMs: settings.maxConnectionAge_ms,
      connectionAgeGraceMs: settings.maxConnectionAgeGrace_ms,
      random: () => host.random.float(),
      removeFile: removeSocket,
    });
    telemetry.attachStore(() => {
      const { usedBytes, diskBytes, keys, leases, revision, compactedRevision } = store.stats;
      const { watchers, streams, slowWatchers, pendingEvents, eventsSent } = store.watch.stats;
      return {
        totalBytes: store.maintenance.status().dbSize, usedBytes, diskBytes, quotaBytes: settings.quota_bytes, keys, leases, revision, compactRevision: compactedRevision,
        watchers, watchStreams: streams, slowWatchers, pendingEvents, eventsSent, conflicts: store.conflicts.counts, connections: api.stats.connections, calls: api.stats.calls,
        alarms: [...store.raised, ...(replication?.alarms() ?? [])],
        serving: serving.why === null,
        drainState: draining.number,
        mergePending: store.keyspace.contests?.size ?? 0,
      };
    });

    const peers = await startReplication({ ...settings, onReport: () => acks.reported(), onConverged: (seconds) => telemetry.convergence.observe(seconds), ...(discovery === null ? {} : { seeds: () => discovery.find() }) }, host, store, log, onFatal);
    replication = peers;
    acks.holders = (clock) => peers.gossip.holders(clock);
    closing.push(() => peers.stop());
    telemetry.attachPeers(() => peers.peers(), () => peers.figures());
    if (store.readiness !== 'ready') serving.refuse('catching up with the cluster');
    await api.open({ client: settings.listenClientUrls, http: settings.listenClientHttpUrls, metrics: settings.listenMetricsUrls, certificates });
    closing.push(() => api.stop());

    const ready = peers.ready.then((how) => {
      servable = true;
      if (draining.state === 'serving') serving.serve();
      return how;
    });
    let ended = false;
    const offered = ready.then(() => offerAside(host, settings.dataDir, store, log, () => ended))
      .catch((error: unknown) => ended ? undefined : log.warn('what a disk set aside holds cannot be offered', { error }));
    return {
      ready,
      async reload() {
        await certificates?.reload();
        await peerCertificates?.reload();
      },
      async stop() {
        ended = true;
        serving.stop();
        await api.drain(DRAIN_MS);
        acks.stop();
        // A journal that takes nothing more has nothing to wait for.
        await peers.flushed(settings.flushTimeout_ms, () => peers.lacking().every((name) => !peers.peers().some((peer) => peer.name === name && peer.connected))).catch(() => undefined);
        await Promise.race([offered, new Promise<void>((resolve) => host.clock.after(limits.membership_look_ms * 2, resolve))]);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
