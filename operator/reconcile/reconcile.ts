/**
 * One look at one EdgeStore: what is, what shall be, and one step from the one to the other. Level-based: it may be interrupted anywhere, and whoever looks
 * next goes on. The order of writes matters in three places, each said where it is.
 */
import type { Clock, Random } from '../../datastore/host/host.ts';
import type { Logger } from '../../datastore/host/log.ts';
import type { ObjectWriter } from '../apply/apply-all.ts';
import { isOwnedBy } from '../apply/apply-all.ts';
import type { AwaitedSecrets } from './awaited.ts';
import { issueIfNeeded } from '../certificates/material.ts';
import { after, before } from '../desired/desired.ts';
import { kinds } from '../desired/kinds.ts';
import { certificateName, headlessName, podName } from '../desired/names.ts';
import { REPLICA_LABEL } from '../desired/services.ts';
import { TEMPLATE_ANNOTATION, statefulSet, templateHash } from '../desired/stateful-set.ts';
import type { StatefulSetInput } from '../desired/stateful-set.ts';
import { BUSY_MS, PARTITION_ALL } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { ReplicaApi, ReplicaReport } from '../replica/replica-api.ts';
import { ReplicaRefusal } from '../replica/replica-api.ts';
import { KIND } from '../resource/edgestore.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { API_VERSION } from '../resource/edgestore.ts';
import type { EdgeStoreStatus } from '../resource/status.ts';
import { canonical } from '../runtime/apply.ts';
import type { Applier } from '../runtime/apply.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { EventRecorder } from '../runtime/events.ts';
import type { KubeObject } from '../runtime/objects.ts';
import { splitKey } from '../runtime/objects.ts';
import { planRollout } from '../scale/rollout.ts';
import type { RolloutInput } from '../scale/rollout.ts';
import { planScale } from '../scale/plan.ts';
import type { Problem, ScaleAction, Story } from '../scale/plan.ts';
import { caughtUp } from '../status/lag.ts';
import { computeStatus } from '../status/status.ts';
import type { PodView } from '../status/status.ts';
import { identify, identitySecret, isProblem } from './identity.ts';
import type { Identity } from './identity.ts';
import type { Asker } from './reports.ts';
import type { VolumeKeeper } from './volumes.ts';
import type { Pod, World } from './world.ts';

export interface ReconcilerOptions {
  readonly world: World;
  readonly writer: ObjectWriter;
  readonly applier: Applier;
  readonly asker: Asker;
  readonly replicas: ReplicaApi;
  readonly volumes: VolumeKeeper;
  readonly secrets: AwaitedSecrets;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly replicaImage: string;
  readonly replicaImagePullPolicy: string;
  readonly clusterDomain: string;
  readonly look_ms: number;
}

interface LiveSet {
  readonly object: KubeObject;
  readonly replicas: number;
  readonly template: string;
  readonly claimSize: string | undefined;
  readonly rollout: NonNullable<RolloutInput['live']>;
}

function liveSet(object: KubeObject | undefined): LiveSet | null {
  if (object === undefined) return null;
  const spec = object['spec'] as { replicas?: number; updateStrategy?: { rollingUpdate?: { partition?: number } }; volumeClaimTemplates?: readonly { spec: { resources: { requests: { storage: string } } } }[] };
  const status = (object['status'] ?? {}) as { currentRevision?: string; updateRevision?: string; observedGeneration?: number };
  return {
    object,
    replicas: spec.replicas ?? 1,
    template: object.metadata.annotations?.[TEMPLATE_ANNOTATION] ?? '',
    claimSize: spec.volumeClaimTemplates?.[0]?.spec.resources.requests.storage,
    rollout: {
      partition: spec.updateStrategy?.rollingUpdate?.partition ?? 0,
      currentRevision: status.currentRevision ?? '',
      updateRevision: status.updateRevision ?? '',
      observed: (status.observedGeneration ?? 0) >= (object.metadata.generation ?? 0),
    },
  };
}

const isReady = (pod: KubeObject): boolean => pod.metadata.deletionTimestamp === undefined && (pod as Pod).status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** What autoscaling allows. The rule is not in the CRD: it would keep the autoscaler itself from writing /scale. */
export function wantedReplicas({ spec: { replicas, autoscaling } }: EdgeStore): number {
  return autoscaling === undefined ? replicas : Math.min(autoscaling.maxReplicas, Math.max(autoscaling.minReplicas, replicas));
}

export class Reconciler {
  readonly #o: ReconcilerOptions;

  constructor(options: ReconcilerOptions) {
    this.#o = options;
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { world } = this.#o;
    const store = world.edgestore(key);
    if (store === undefined || store.metadata.deletionTimestamp !== undefined) {
      // What belongs to it goes by its ownerReferences.
      this.#forget(key);
      return {};
    }
    const found = identify({ store, secret: world.of('secret', key).get(`${store.metadata.name}-identity`), claims: [...world.byOrdinal('claim', key).keys()], statefulSet: world.of('statefulSet', key).get(store.metadata.name) });
    if (isProblem(found)) return this.#refuse(store, found);
    return this.#run(key, store, found);
  }

  async #refuse(store: EdgeStore, refused: Problem): Promise<ReconcileResult> {
    const status = computeStatus({ store, now_ms: this.#o.clock.wallMs(), clusterId: null, wanted: wantedReplicas(store), current: null, pods: [], reports: new Map(), drain: null, blocked: null, updating: false, waiting: null, refused, problems: [] });
    await this.#writeStatus(store, status, [{ type: 'Warning', reason: refused.reason, note: refused.message }].filter(() => store.status?.phase !== 'Refused') as Story[]);
    return this.#again(false);
  }

  async #run(key: string, store: EdgeStore, identity: Identity): Promise<ReconcileResult> {
    const { world, writer, asker, clock, clusterDomain, look_ms, volumes, secrets } = this.#o;
    const problems: Problem[] = [];
    const story: Story[] = [];
    const note = (problem: Problem | null): void => {
      if (problem !== null) problems.push(problem);
    };
    // The identity comes first: nothing is begun that could not be found again.
    if (identity.secret !== null) {
      note(await writer.write(store, identity.secret, { mayBeForeign: true }));
      if (problems.length > 0) return this.#refuse(store, problems[0] as Problem);
      if (identity.adopts) story.push({ type: 'Normal', reason: 'VolumesAdopted', note: `The volumes of cluster ${identity.clusterId} are taken over: ${identity.adopted} replicas` });
    }

    const live = liveSet(world.of('statefulSet', key).get(store.metadata.name));
    const pods = world.byOrdinal('pod', key);
    const drainBefore = store.status?.drain ?? null;
    const inMotion = identity.clusterId === null || drainBefore !== null || store.status?.phase !== 'Ready';
    const reports = await asker.ask(store, pods, world.of('secret', key), inMotion ? BUSY_MS / 2 : look_ms);

    const { clusterId, founded } = await this.#found(store, identity, reports, story);
    for (const report of reports.values()) {
      if (clusterId !== null && report.clusterId !== clusterId) problems.push({ reason: 'ForeignVolume', message: `${report.name} belongs to cluster ${report.clusterId}, not to ${clusterId}` });
    }

    const scale = planScale({
      name: store.metadata.name,
      wanted: wantedReplicas(store),
      current: live?.replicas ?? null,
      founded,
      adopted: identity.adopted,
      drain: drainBefore,
      pods: new Set(pods.keys()),
      claims: new Map([...world.byOrdinal('claim', key)].map(([ordinal, { metadata }]) => [ordinal, { uid: metadata.uid ?? '', deleting: metadata.deletionTimestamp !== undefined }])),
      reports,
      drainTimeout_ms: durationMs(store.spec.drainTimeout),
      now_ms: clock.wallMs(),
    });
    story.push(...scale.story);
    note(scale.stuck);

    // The peers' list before the StatefulSet: a new pod must find that the cluster exists.
    for (const port of ['client', 'peer'] as const) {
      const issued = await issueIfNeeded(store, port, clusterDomain, (name) => world.of('secret', key).get(name), clock.wallMs());
      const found = problems.length;
      for (const wanted of issued?.wanted ?? []) note(await writer.write(store, wanted));
      if (issued !== null && problems.length === found) story.push({ type: 'Normal', reason: 'CertificateIssued', note: `A certificate for the ${port} port: ${issued.why}` });
    }
    for (const wanted of before(store, founded, scale.replicas, clusterDomain)) note(await writer.write(store, wanted));
    problems.push(...(await secrets.lacking(store)));

    const rollout = await this.#writeStatefulSet(store, live, identity.token, scale.replicas, reports, pods, problems, story, drainBefore !== null);
    for (const wanted of after(store, Math.max(scale.replicas, pods.size))) note(await writer.write(store, wanted));
    await this.#removeUnwanted(key, store, scale.replicas);
    note(await volumes.grow(store, world.byOrdinal('claim', key)));

    const status = computeStatus({
      store, now_ms: clock.wallMs(), clusterId,
      wanted: wantedReplicas(store),
      current: live === null ? null : scale.replicas,
      pods: [...pods].sort(([a], [b]) => a - b).map(([ordinal, pod]): PodView => ({ name: pod.metadata.name, ordinal, ready: isReady(pod), image: (pod as Pod).spec.containers[0]?.image ?? '' })),
      reports,
      drain: scale.drain,
      blocked: scale.blocked,
      updating: rollout.updating,
      waiting: rollout.waiting,
      refused: null,
      problems,
    });
    if (scale.blocked !== null && !isTrue(store.status, 'ScaleInBlocked')) story.push({ type: 'Warning', reason: 'ScaleInBlocked', note: scale.blocked.message });
    for (const problem of problems) {
      if (!isTrue(store.status, 'Degraded')) story.push({ type: 'Warning', reason: problem.reason, note: problem.message });
    }
    if (store.status?.phase === 'Updating' && !rollout.updating) story.push({ type: 'Normal', reason: 'RollingUpdateFinished', note: 'Every replica runs the new template' });
    // The record before the deed: an operator that takes over must know which replica is being drained.
    await this.#writeStatus(store, status, story);
    if (scale.drain?.phase === 'Removed' && drainBefore?.phase === 'Draining') this.#ended('done', clock.wallMs() - Date.parse(drainBefore.since));
    if (scale.drain === null && drainBefore?.phase === 'Draining') this.#ended('cancelled', 0);
    if (scale.action !== null) await this.#act(key, store, scale.action);
    this.#measure(key, status, scale.replicas, wantedReplicas(store));
    return this.#again(scale.busy || rollout.updating || status.phase !== 'Ready');
  }

  /** Records the cluster once the first replica has begun it: from then on every empty disk joins. */
  async #found(store: EdgeStore, identity: Identity, reports: ReadonlyMap<number, ReplicaReport>, story: Story[]): Promise<{ clusterId: string | null; founded: boolean }> {
    if (identity.clusterId !== null) return { clusterId: identity.clusterId, founded: true };
    const first = reports.get(0);
    if (first === undefined || !first.serving) return { clusterId: null, founded: false };
    const problem = await this.#o.writer.write(store, identitySecret(store, identity.token, first.clusterId), { mayBeForeign: true });
    if (problem !== null) return { clusterId: null, founded: false };
    story.push({ type: 'Normal', reason: 'ClusterFounded', note: `${first.name} serves: cluster ${first.clusterId}` });
    return { clusterId: first.clusterId, founded: true };
  }

  async #writeStatefulSet(
    store: EdgeStore, live: LiveSet | null, token: string, replicas: number, reports: ReadonlyMap<number, ReplicaReport>, pods: ReadonlyMap<number, KubeObject>,
    problems: Problem[], story: Story[], draining: boolean,
  ): Promise<{ updating: boolean; waiting: string | null }> {
    const { writer, clusterDomain, replicaImage, replicaImagePullPolicy } = this.#o;
    const { spec } = store;
    const input = (partition: number): StatefulSetInput => ({
      store, replicas, partition, token, clusterDomain,
      image: spec.image ?? replicaImage,
      imagePullPolicy: spec.imagePullPolicy ?? (spec.image === undefined ? replicaImagePullPolicy : ''),
      // What the template says cannot be changed; claims that are there grow by themselves.
      claimSize: live?.claimSize ?? spec.storage.size,
    });
    const all = [...reports.values()];
    const rollout = planRollout({
      templateChanges: live !== null && live.template !== templateHash(input(0)),
      live: live?.rollout ?? null,
      replicas: live?.replicas ?? 0,
      pods: [...pods].filter(([ordinal]) => ordinal < replicas).map(([ordinal, pod]) => ({
        ordinal,
        revision: pod.metadata.labels?.['controller-revision-hash'] ?? '',
        ready: isReady(pod),
        caughtUp: caughtUp(pod.metadata.name, all),
      })),
      draining,
    });
    const moves = live !== null && (live.replicas !== replicas || live.rollout.partition !== rollout.partition);
    // Not on top of what somebody else has just changed: an operator that has lost its lease without knowing must not undo its successor's steps.
    const problem = await writer.write(store, statefulSet(input(rollout.partition)), { resourceVersion: moves ? live.object.metadata.resourceVersion : undefined });
    if (problem !== null) problems.push(problem);
    else if (live !== null && rollout.partition < live.rollout.partition && rollout.partition < PARTITION_ALL && [...pods.keys()].includes(rollout.partition)) {
      story.push({ type: 'Normal', reason: 'UpdatingReplica', note: `${podName(store.metadata.name, rollout.partition)} is replaced by one of the new template` });
    }
    return { updating: rollout.updating, waiting: rollout.waiting };
  }

  async #removeUnwanted(key: string, store: EdgeStore, replicas: number): Promise<void> {
    const { world, writer } = this.#o;
    const { spec, metadata: { name } } = store;
    const remove = async (kind: 'disruptionBudget' | 'autoscaler' | 'networkPolicy', wanted: boolean): Promise<void> => {
      const object = world.of(kind, key).get(name);
      if (!wanted && object !== undefined) await writer.remove(store, kinds[kind], object);
    };
    await remove('disruptionBudget', spec.podDisruptionBudget.enabled);
    await remove('autoscaler', spec.autoscaling !== undefined);
    await remove('networkPolicy', spec.networkPolicy.enabled);
    const { enabled, kind } = spec.monitoring;
    if (!enabled || kind !== 'PodMonitor') await writer.removeUnwatched(store, kinds.podMonitor, name);
    if (!enabled || kind !== 'ServiceMonitor') await writer.removeUnwatched(store, kinds.serviceMonitor, headlessName(name));
    // It would go on renewing a Secret that nobody reads.
    for (const port of ['client', 'peer'] as const) if (spec.tls[port].source !== 'CertManager') await writer.removeUnwatched(store, kinds.certificate, certificateName(name, port));
    const wanted = new Set(spec.service.perReplica ? Array.from({ length: Math.max(replicas, world.of('pod', key).size) }, (_, ordinal) => podName(name, ordinal)) : []);
    for (const [service, object] of world.of('service', key)) {
      if (object.metadata.labels?.[REPLICA_LABEL] !== undefined && !wanted.has(service) && isOwnedBy(object, store)) await writer.remove(store, kinds.service, object);
    }
  }

  async #act(key: string, store: EdgeStore, action: ScaleAction): Promise<void> {
    const { world, writer, asker, replicas, events, log } = this.#o;
    if (action.type === 'deleteClaim') {
      const claim = world.byOrdinal('claim', key).get(action.ordinal);
      if (claim?.metadata.uid !== action.uid) return;
      await writer.delete(kinds.claim, claim);
      events.record(asObject(store), { type: 'Normal', action: 'DeleteVolume', reason: 'VolumeDeleted', note: `${claim.metadata.name}: its replica has been drained and removed` });
      return;
    }
    const pod = world.byOrdinal('pod', key).get(action.ordinal);
    const address = pod === undefined ? null : await asker.address(store, pod, world.of('secret', key)).catch(() => null);
    if (address === null) return;
    try {
      await replicas[action.type](address);
    } catch (error) {
      // What it says shows in its next report; one that has left cannot answer any more.
      log[error instanceof ReplicaRefusal ? 'info' : 'debug']('a replica did not do it', { key, action: action.type, ordinal: action.ordinal, error });
    }
    asker.forget(key);
  }

  /** Writes what differs. @throws ApiError 409 if the EdgeStore has changed meanwhile */
  async #writeStatus(store: EdgeStore, status: EdgeStoreStatus, story: readonly Story[]): Promise<void> {
    const { applier, world, events } = this.#o;
    const { name, namespace, resourceVersion } = store.metadata;
    if (canonical(status) !== canonical(store.status ?? {})) {
      const written = await applier.force(kinds.edgestore, { apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace, resourceVersion }, status }, 'status');
      world.edgestores.learn(written);
    }
    for (const { type, reason, note } of story) events.record(asObject(store), { type, reason, note, action: 'Reconcile' });
  }

  #again(busy: boolean): ReconcileResult {
    const { look_ms, random } = this.#o;
    return { again_ms: busy ? Math.min(BUSY_MS, look_ms) : look_ms * (0.8 + 0.4 * random.float()) };
  }

  #ended(result: 'done' | 'cancelled', ms: number): void {
    this.#o.metrics.drains.inc({ result });
    if (result === 'done') this.#o.metrics.drainSeconds.observe(ms / 1_000);
  }

  #measure(key: string, status: EdgeStoreStatus, current: number, desired: number): void {
    const { metrics } = this.#o;
    const labels = splitKey(key);
    for (const { type, status: is } of status.conditions ?? []) metrics.condition.set({ ...labels, type }, is === 'True' ? 1 : 0);
    metrics.replicas.set({ ...labels, state: 'desired' }, desired);
    metrics.replicas.set({ ...labels, state: 'current' }, current);
    metrics.replicas.set({ ...labels, state: 'ready' }, status.readyReplicas ?? 0);
    metrics.draining.set(labels, status.drain === undefined ? 0 : 1);
  }

  #forget(key: string): void {
    const { metrics, asker, secrets } = this.#o;
    const labels = splitKey(key);
    asker.forget(key);
    secrets.forget(key);
    for (const type of ['Available', 'Progressing', 'Degraded', 'Synced', 'ScaleInBlocked']) metrics.condition.remove({ ...labels, type });
    for (const state of ['desired', 'current', 'ready']) metrics.replicas.remove({ ...labels, state });
    metrics.draining.remove(labels);
  }
}

const isTrue = (status: EdgeStoreStatus | undefined, type: string): boolean => status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;

/** For events: items of a list do not say what they are. */
const asObject = (store: EdgeStore): KubeObject => ({ ...(store as unknown as KubeObject), apiVersion: API_VERSION, kind: KIND });

/** Of the form that the CRD demands: `90s`, `1h30m`. */
export function durationMs(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ''] ?? 0), 0);
}
