/** The status of an EdgeStore, from what is. Pure; the same input gives the same status, so that nothing is written while nothing happens. */
import type { ReplicaReport } from '../replica/replica-api.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { Condition, ConditionType, DrainRecord, EdgeStoreStatus, Phase, ReplicaStatus } from '../resource/status.ts';
import { time } from '../runtime/microtime.ts';
import { selectorText } from '../desired/names.ts';
import type { Problem } from '../scale/plan.ts';
import { lagOf } from './lag.ts';

export interface PodView {
  readonly name: string;
  readonly ordinal: number;
  readonly ready: boolean;
  readonly image: string;
}

export interface StatusInput {
  readonly store: EdgeStore;
  readonly now_ms: number;
  readonly clusterId: string | null;
  /** Already clamped. */
  readonly wanted: number;
  /** The StatefulSet's; null: there is none. */
  readonly current: number | null;
  readonly pods: readonly PodView[];
  readonly reports: ReadonlyMap<number, ReplicaReport>;
  readonly drain: DrainRecord | null;
  readonly blocked: Problem | null;
  readonly updating: boolean;
  /** What the update waits for. */
  readonly waiting: string | null;
  /** Nothing is done until a person acts. */
  readonly refused: Problem | null;
  /** Other things that are not as they should be. */
  readonly problems: readonly Problem[];
}

type Judged = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

const judge = (type: ConditionType, holds: boolean, reason: string, message: string): Judged => ({ type, status: holds ? 'True' : 'False', reason, message });
const count = (n: number, of: string): string => `${n} ${of}${n === 1 ? '' : 's'}`;

/** Members of the cluster that have come, by name. */
function memberNames(reports: Iterable<ReplicaReport>): Set<string> {
  return new Set([...reports].flatMap((report) => report.configuration.members.filter((m) => m.standing === 'voting').map((m) => m.name)));
}

function replicaStatus({ pods, reports }: StatusInput): ReplicaStatus[] {
  const all = [...reports.values()];
  const members = all.reduce<ReplicaReport['configuration'] | null>((newest, { configuration }) => (newest === null || configuration.number > newest.number ? configuration : newest), null)?.members ?? [];
  return pods.map(({ name, ordinal, ready }) => {
    const report = reports.get(ordinal);
    const member = members.find((m) => m.name === name);
    const incarnation = report?.log ?? member?.log ?? undefined;
    const memberId = report?.memberId ?? member?.id;
    return {
      name,
      slot: report?.slot ?? member?.slot ?? ordinal,
      ...(memberId === undefined ? {} : { memberId }),
      ...(incarnation === undefined || incarnation === null ? {} : { incarnation }),
      ready,
      lag: lagOf(name, all),
      ...(report === undefined ? {} : { version: report.version }),
    };
  });
}

function conditions(input: StatusInput, replicas: readonly ReplicaStatus[]): Judged[] {
  const { pods, wanted, current, clusterId, drain, blocked, updating, waiting, refused, problems, reports } = input;
  const ready = pods.filter((pod) => pod.ready).length;
  const members = memberNames(reports.values());
  // A pod of a replica that was never a member is new; one of a member that is not ready is trouble.
  const ailing = clusterId === null ? [] : pods.filter((pod) => !pod.ready && members.has(pod.name) && pod.ordinal !== drain?.ordinal);
  const alarms = [...reports.values()].flatMap((report) => report.alarms.map((alarm) => `${alarm} at ${report.name}`));
  const missing = Math.max(0, (current ?? 0) - pods.length);
  const all: Problem[] = [
    ...(refused === null ? [] : [refused]),
    ...problems,
    ...(ailing.length === 0 || (updating && ailing.length === 1) ? [] : [{ reason: 'ReplicasNotReady', message: `not ready: ${ailing.map((pod) => pod.name).join(', ')}` }]),
    ...(alarms.length === 0 ? [] : [{ reason: 'Alarm', message: `alarm ${alarms.join(', ')}` }]),
  ];
  const degraded = all[0];
  const progress = ((): Problem | null => {
    if (refused !== null) return null;
    if (clusterId === null) return { reason: 'Starting', message: 'waiting for the first replica to begin the cluster' };
    if (drain !== null) return { reason: 'ScalingIn', message: `taking ${drain.pod} out` };
    if (updating) return { reason: 'RollingUpdate', message: waiting ?? 'replacing replicas one after the other' };
    if ((current ?? 0) < wanted || missing > 0 || ready < pods.length) return { reason: 'ScalingOut', message: `${ready} of ${count(wanted, 'replica')} ready` };
    return null;
  })();
  const unsynced = replicas.filter((replica) => replica.lag !== 'CaughtUp');
  return [
    ready > 0 ? judge('Available', true, 'ReplicasReady', `${count(ready, 'replica')} ${ready === 1 ? 'serves' : 'serve'}`) : judge('Available', false, refused?.reason ?? 'NoReplicaReady', refused?.message ?? 'no replica serves'),
    progress === null ? judge('Progressing', false, refused === null ? 'AsWanted' : refused.reason, refused === null ? 'everything is as it is wanted' : refused.message) : judge('Progressing', true, progress.reason, progress.message),
    degraded === undefined ? judge('Degraded', false, 'Healthy', '') : judge('Degraded', true, degraded.reason, all.map((problem) => problem.message).join('; ')),
    replicas.length > 0 && unsynced.length === 0 ? judge('Synced', true, 'CaughtUp', 'every replica holds what the others have written')
      : judge('Synced', false, replicas.length === 0 ? 'NoReplica' : 'Behind', replicas.length === 0 ? 'there is no replica' : unsynced.map((replica) => `${replica.name}: ${replica.lag}`).join(', ')),
    blocked === null ? judge('ScaleInBlocked', false, 'NotBlocked', '') : judge('ScaleInBlocked', true, blocked.reason, blocked.message),
  ];
}

function phaseOf({ refused, current, clusterId, drain, updating, wanted, pods }: StatusInput, judged: readonly Judged[]): Phase {
  const is = (type: ConditionType): boolean => judged.some((condition) => condition.type === type && condition.status === 'True');
  const ready = pods.filter((pod) => pod.ready).length;
  if (refused !== null) return 'Refused';
  if (current === null) return 'Pending';
  if (clusterId === null) return 'Starting';
  if (is('Degraded') || !is('Available')) return 'Degraded';
  if (drain !== null) return 'ScalingIn';
  if (updating) return 'Updating';
  return current < wanted || ready < current ? 'ScalingOut' : 'Ready';
}

/** What shall stand in status. Times of conditions that did not change are kept. */
export function computeStatus(input: StatusInput): EdgeStoreStatus {
  const { store, now_ms, pods, clusterId, drain } = input;
  const replicas = replicaStatus(input);
  const judged = conditions(input, replicas);
  const before = store.status?.conditions ?? [];
  const images = new Set(pods.map((pod) => pod.image));
  const image = images.size === 1 ? [...images][0] : store.status?.image;
  return {
    observedGeneration: store.metadata.generation,
    replicas: pods.length,
    readyReplicas: pods.filter((pod) => pod.ready).length,
    selector: selectorText(store.metadata.name),
    phase: phaseOf(input, judged),
    ...(clusterId === null ? {} : { clusterId }),
    ...(image === undefined ? {} : { image }),
    ...(drain === null ? {} : { drain }),
    conditions: judged.map((condition) => {
      const old = before.find((candidate) => candidate.type === condition.type);
      return { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : time(now_ms), observedGeneration: store.metadata.generation };
    }),
    replicaStatus: replicas,
  };
}
