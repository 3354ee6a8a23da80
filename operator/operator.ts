/** The operator, put together. The only place that knows all parts. */
import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import { nodeClock } from '../datastore/host/node-clock.ts';
import { jsonLog } from '../datastore/host/node-log.ts';
import { nodeRandom } from '../datastore/host/node-random.ts';
import { EDGESTORE_VERSION } from '../datastore/config/version.ts';
import { ObjectWriter } from './apply/apply-all.ts';
import { awaitedSecrets } from './reconcile/awaited.ts';
import { REPLICA_ANSWER_MS } from './limits.ts';
import { createMetrics } from './metrics.ts';
import type { OperatorSettings } from './options.ts';
import { serveHealth } from './health.ts';
import { createAsker } from './reconcile/reports.ts';
import { Reconciler } from './reconcile/reconcile.ts';
import { volumeKeeper } from './reconcile/volumes.ts';
import { World } from './reconcile/world.ts';
import { httpReplicaApi } from './replica/replica-api.ts';
import type { EdgeStoreStatus } from './resource/status.ts';
import { Applier } from './runtime/apply.ts';
import { createClient } from './runtime/client.ts';
import { connect } from './runtime/connection.ts';
import { Controller } from './runtime/controller.ts';
import { Election } from './runtime/election.ts';
import { eventRecorder } from './runtime/events.ts';
import { keyOf } from './runtime/objects.ts';
import { WorkQueue } from './runtime/queue.ts';

const CONTROLLER = 'edgestore';

/**
 * Runs until SIGTERM or SIGINT, or until the lease is lost. Returns the exit code: 1 after a lost lease, so that it starts anew, from what is.
 * @throws if the kubeconfig is of no use
 */
export async function runOperator(settings: OperatorSettings): Promise<number> {
  const clock = nodeClock;
  const random = nodeRandom;
  const log = jsonLog({ clock, level: settings.logLevel });
  const metrics = createMetrics(true);
  const connection = await connect(settings.kubeconfig, clock);
  const host = new URL(connection.server).host;
  const client = createClient(connection, `edgestore-operator/${EDGESTORE_VERSION}`, (method, code) => metrics.requests.inc({ method, code, host }));
  const identity = `${hostname()}_${randomUUID()}`;
  log.info('starting', { version: EDGESTORE_VERSION, node: process.version, server: connection.server, namespaces: settings.namespaces, identity });

  const names = { name: CONTROLLER, controller: CONTROLLER };
  const queue = new WorkQueue(clock, {
    added: () => metrics.queueAdds.inc(names),
    retried: () => metrics.queueRetries.inc(names),
    depth: (items) => metrics.queueDepth.set(names, items),
    taken: (ms) => metrics.queueSeconds.observe(names, ms / 1_000),
    worked: (ms) => metrics.workSeconds.observe(names, ms / 1_000),
  });
  const world = new World({ client, namespaces: settings.namespaces, clock, random, log, onChange: (key) => queue.add(key), onList: (resource) => metrics.relists.inc({ resource }) });
  const events = eventRecorder(client, clock, log, 'edgestore.dev/operator', identity);
  const applier = new Applier(client, (kind, result) => metrics.applies.inc({ kind, result }));
  const replicas = httpReplicaApi(REPLICA_ANSWER_MS, (outcome) => metrics.replicaRequests.inc({ outcome }));
  const reconciler = new Reconciler({
    world, applier, replicas, events, metrics, clock, random, log,
    writer: new ObjectWriter(client, applier, (resource) => world.cacheOf(resource)),
    asker: createAsker(client, replicas, clock, settings.clusterDomain),
    secrets: awaitedSecrets(client, clock),
    volumes: volumeKeeper(client, clock, events),
    replicaImage: settings.replicaImage,
    replicaImagePullPolicy: settings.replicaImagePullPolicy,
    clusterDomain: settings.clusterDomain,
    look_ms: settings.look_ms,
  });
  const controller = new Controller({
    queue, log,
    workers: settings.workers,
    reconcile: (key) => reconciler.reconcile(key),
    nowMs: () => clock.monotonicMs(),
    observer: {
      working: (workers) => metrics.activeWorkers.set({ controller: CONTROLLER }, workers),
      reconciled(result, ms) {
        metrics.reconciles.inc({ controller: CONTROLLER, result });
        if (result === 'error') metrics.reconcileErrors.inc({ controller: CONTROLLER });
        metrics.reconcileSeconds.observe({ controller: CONTROLLER }, ms / 1_000);
      },
    },
  });
  metrics.maxWorkers.set({ controller: CONTROLLER }, settings.workers);
  // Shown before the first of them happens, so that its rate can be seen.
  metrics.reconcileErrors.inc({ controller: CONTROLLER }, 0);
  for (const outcome of ['ok', 'refused', 'unreachable']) metrics.replicaRequests.inc({ outcome }, 0);
  for (const result of ['done', 'cancelled']) metrics.drains.inc({ result }, 0);

  let synced = false;
  const health = await serveHealth(settings.listen, {
    ready: () => synced,
    metrics() {
      metrics.edgestores.reset();
      for (const edgestore of world.edgestores.values()) metrics.edgestores.inc({ phase: (edgestore['status'] as EdgeStoreStatus | undefined)?.phase ?? 'Pending' });
      return metrics.registry.metrics();
    },
  });

  let election: Election | undefined;
  metrics.leader.set({ name: settings.leaseName }, 0);
  const ended = new Promise<number>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(0));
    // The watches are for both: whoever takes over knows everything already.
    world.run();
    const begin = (): void => {
      metrics.leader.set({ name: settings.leaseName }, 1);
      void world.synced().then(() => controller.run());
    };
    void world.synced().then(() => {
      synced = true;
      log.info('knows what is', { edgestores: world.edgestores.size });
      resync();
    });
    const resync = (): void => {
      clock.after(settings.resync_ms * (0.9 + 0.2 * random.float()), () => {
        for (const edgestore of world.edgestores.values()) queue.add(keyOf(edgestore));
        resync();
      });
    };
    if (settings.leaderElect) {
      election = new Election({
        client, clock, random, log, identity,
        namespace: settings.leaseNamespace || connection.namespace || 'default',
        name: settings.leaseName,
        onGained: begin,
        onLost: () => resolve(1),
      });
      election.run();
    } else begin();
  });
  const code = await ended;
  log.info('stopping', { code });
  // What is under way is done before the lease is given back; after a lost lease there is no time for that.
  if (code === 0) await Promise.race([controller.drain(), new Promise<void>((resolve) => void clock.after(10_000, resolve))]);
  await Promise.race([events.flush(), new Promise<void>((resolve) => void clock.after(2_000, resolve))]);
  await election?.stop();
  await world.stop();
  await health.close();
  connection.agent.destroy();
  return code;
}
