/**
 * How many replicas the StatefulSet shall have, and what becomes of one that must go. A pure function of what is: an operator that takes over in the middle
 * goes on from there.
 *
 *     wanted > there   all at once
 *     wanted < there   one at a time, the highest ordinal first:
 *
 *         record it in status ──► drain ──► drained ──► it leaves ──► member no more ──► StatefulSet − 1 ──► pod gone ──► claim deleted ──► record gone
 *                                   │ wanted rises: cancel, it serves again     (from `it leaves` on it is finished first)
 */
import { claimName, podName } from '../desired/names.ts';
import type { ReplicaReport } from '../replica/replica-api.ts';
import type { DrainRecord } from '../resource/status.ts';
import { time } from '../runtime/microtime.ts';

export interface ClaimView {
  readonly uid: string;
  readonly deleting: boolean;
}

export interface ScaleInput {
  readonly name: string;
  /** Already clamped to what autoscaling allows. */
  readonly wanted: number;
  /** The StatefulSet's; null: there is none yet. */
  readonly current: number | null;
  /** The cluster exists. */
  readonly founded: boolean;
  /** Volumes that are adopted with it; 0 for a new one. */
  readonly adopted: number;
  readonly drain: DrainRecord | null;
  /** Ordinals of pods that exist. */
  readonly pods: ReadonlySet<number>;
  readonly claims: ReadonlyMap<number, ClaimView>;
  /** By ordinal; only of those that answered. */
  readonly reports: ReadonlyMap<number, ReplicaReport>;
  readonly drainTimeout_ms: number;
  readonly now_ms: number;
}

export type ScaleAction =
  | { readonly type: 'drain' | 'undrain' | 'leave'; readonly ordinal: number }
  | { readonly type: 'deleteClaim'; readonly ordinal: number; readonly uid: string };

export interface Problem {
  readonly reason: string;
  readonly message: string;
}

export interface Story {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

export interface ScalePlan {
  readonly replicas: number;
  /** What must stand in status *before* the action is done. */
  readonly drain: DrainRecord | null;
  readonly action: ScaleAction | null;
  readonly story: readonly Story[];
  readonly blocked: Problem | null;
  /** Why it cannot grow. */
  readonly stuck: Problem | null;
  readonly busy: boolean;
}

/** The newest membership that anybody reports; null: nobody answered. */
export function membership(reports: Iterable<ReplicaReport>): ReplicaReport['configuration'] | null {
  let newest: ReplicaReport['configuration'] | null = null;
  for (const { configuration } of reports) if (newest === null || configuration.number > newest.number) newest = configuration;
  return newest;
}

const still = (replicas: number, more: Partial<ScalePlan> = {}): ScalePlan => ({ replicas, drain: null, action: null, story: [], blocked: null, stuck: null, busy: false, ...more });

export function planScale(input: ScaleInput): ScalePlan {
  const { wanted, current, founded, adopted, drain } = input;
  if (!founded) return still(1, { busy: true });
  if (current === null) return still(Math.max(1, adopted === 0 ? wanted : adopted), { busy: true });
  if (drain?.phase === 'Removed') return removed(input, current, drain);
  if (drain !== null) return draining(input, current, drain);
  if (wanted < current) return begin(input, current);
  if (wanted > current) return grow(input, current);
  return still(current, { busy: input.pods.size !== current });
}

/** The record comes first: whoever takes over must know of it. */
function begin({ name, now_ms, reports }: ScaleInput, current: number): ScalePlan {
  const ordinal = current - 1;
  const pod = podName(name, ordinal);
  const memberId = membership(reports.values())?.members.find((m) => m.name === pod)?.id;
  const drain: DrainRecord = { ordinal, pod, phase: 'Draining', since: time(now_ms), ...(memberId === undefined ? {} : { memberId }) };
  return still(current, { drain, busy: true, story: [{ type: 'Normal', reason: 'DrainStarted', note: `Draining ${pod} to scale from ${current} to ${ordinal} replicas` }] });
}

function grow({ name, wanted, claims, reports }: ScaleInput, current: number): ScalePlan {
  const known = membership(reports.values());
  for (let ordinal = current; ordinal < wanted; ordinal++) {
    const claim = claims.get(ordinal);
    const pod = podName(name, ordinal);
    if (claim === undefined || known?.members.some((m) => m.name === pod) === true) continue;
    const why = claim.deleting || known === null
      ? { reason: 'VolumeGoes', message: `${claimName(name, ordinal)} is being deleted, or nobody can say whose it is; waiting` }
      : { reason: 'StaleVolume', message: `${claimName(name, ordinal)} exists, and ${pod} is no member: it is the volume of a replica that was removed, or of another cluster. It is not used; delete it to scale out` };
    return still(ordinal, { stuck: why, busy: true });
  }
  return still(wanted, { busy: true, story: [{ type: 'Normal', reason: 'ScalingOut', note: `From ${current} to ${wanted} replicas` }] });
}

function draining(input: ScaleInput, current: number, drain: DrainRecord): ScalePlan {
  const { wanted, reports, drainTimeout_ms, now_ms, pods } = input;
  const { ordinal, pod } = drain;
  const known = membership([...reports].filter(([of]) => of !== ordinal).map(([, report]) => report));
  const report = reports.get(ordinal);
  const going = (more: Partial<ScalePlan>): ScalePlan => still(Math.max(current, ordinal + 1), { drain, busy: true, ...more });

  // Nobody lists it: it has left, or it never came.
  if (known !== null && !known.members.some((m) => m.name === pod) && (report === undefined || !report.serving)) {
    return going({
      drain: { ...drain, phase: 'Removed', configuration: known.number },
      story: [{ type: 'Normal', reason: 'ReplicaRemoved', note: `${pod} is drained and is no member any more` }],
    });
  }
  if (wanted > ordinal) {
    const { replicas, stuck } = wanted > current ? grow(input, current) : { replicas: current, stuck: null };
    // One that cannot be asked keeps its record until it can: it may be drained still.
    if (report === undefined) return going({ replicas, stuck });
    // Too late: what it asked for may have failed, and it never serves again. It goes, and another comes in its place.
    if (report.drain.leaving === true) return going({ replicas, stuck, action: { type: 'leave', ordinal } });
    if (report.drain.state !== 'serving') return going({ replicas, stuck, action: { type: 'undrain', ordinal } });
    return still(replicas, { stuck, busy: true, story: [{ type: 'Normal', reason: 'DrainCancelled', note: `${wanted} replicas are wanted again: ${pod} stays` }] });
  }
  const late = now_ms - Date.parse(drain.since) > drainTimeout_ms;
  if (report === undefined) {
    const why = pods.has(ordinal) ? 'does not answer' : 'has no pod';
    return going({ blocked: late ? { reason: 'ReplicaUnreachable', message: `${pod} ${why}: what only it has written cannot be handed over` } : null });
  }
  switch (report.drain.state) {
    case 'serving':
      return going({ action: { type: 'drain', ordinal } });
    case 'draining':
      return going({ blocked: late ? { reason: 'PeersLack', message: `not everything that ${pod} has is on the disks of ${report.drain.lacking.join(', ') || 'its peers'}` } : null });
    case 'drained':
      return going({ action: { type: 'leave', ordinal }, blocked: late ? { reason: 'NoMajority', message: `${pod} is drained, and a majority of the members has not agreed to its leaving` } : null });
  }
}

function removed({ reports, pods, claims, name }: ScaleInput, current: number, drain: DrainRecord): ScalePlan {
  const { ordinal, pod } = drain;
  const known = membership([...reports].filter(([of]) => of !== ordinal).map(([, report]) => report));
  // It joined just when it was taken for one that never came: it must be drained like any other.
  if (known !== null && known.number > (drain.configuration ?? 0) && known.members.some((m) => m.name === pod && m.standing === 'voting')) {
    const { configuration: _, ...again } = drain;
    return still(Math.max(current, ordinal + 1), { drain: { ...again, phase: 'Draining' }, busy: true });
  }
  const replicas = Math.min(current, ordinal);
  const claim = claims.get(ordinal);
  if (current > ordinal || pods.has(ordinal) || claim?.deleting === true) return still(replicas, { drain, busy: true });
  if (claim !== undefined) return still(replicas, { drain, busy: true, action: { type: 'deleteClaim', ordinal, uid: claim.uid } });
  return still(replicas, { busy: true, story: [{ type: 'Normal', reason: 'ScaledIn', note: `${pod} and ${claimName(name, ordinal)} are gone; ${replicas} replicas` }] });
}
