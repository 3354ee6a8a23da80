/**
 * A rolling update, one replica after the other from the highest ordinal down: the next goes when all that run the new template are ready *and have caught up*.
 * The operator moves the StatefulSet's `partition`: pods below it keep what they run. A pure function of what is.
 */
import { PARTITION_ALL } from '../limits.ts';

export interface RolloutPod {
  readonly ordinal: number;
  /** Its `controller-revision-hash`. */
  readonly revision: string;
  readonly ready: boolean;
  /** It serves, and the others report that it holds what they wrote. */
  readonly caughtUp: boolean;
}

export interface RolloutInput {
  /** The template that is wanted is not the StatefulSet's yet. */
  readonly templateChanges: boolean;
  /** null: there is no StatefulSet yet. */
  readonly live: {
    readonly partition: number;
    readonly currentRevision: string;
    readonly updateRevision: string;
    /** The controller has seen the last change of the StatefulSet. */
    readonly observed: boolean;
  } | null;
  /** How many the StatefulSet has. */
  readonly replicas: number;
  /** Those that exist: one that is being replaced may be missing. */
  readonly pods: readonly RolloutPod[];
  /** A replica is being drained: two should not be away at once. */
  readonly draining: boolean;
}

export interface Rollout {
  readonly partition: number;
  readonly updating: boolean;
  /** What is waited for; null: nothing. */
  readonly waiting: string | null;
}

export function planRollout({ templateChanges, live, replicas, pods, draining }: RolloutInput): Rollout {
  if (live === null || templateChanges) return { partition: PARTITION_ALL, updating: live !== null, waiting: null };
  if (!live.observed) return { partition: live.partition, updating: live.partition < PARTITION_ALL, waiting: null };
  const outdated = pods.filter((pod) => pod.revision !== live.updateRevision);
  if (outdated.length === 0) {
    // New pods below the partition are made from the *current* revision, which becomes the new one only once all are ready.
    const over = live.currentRevision === live.updateRevision;
    return { partition: over ? PARTITION_ALL : 0, updating: !over, waiting: null };
  }
  const next = outdated.reduce((a, b) => (b.ordinal > a.ordinal ? b : a));
  const hold = (waiting: string): Rollout => ({ partition: Math.max(next.ordinal + 1, Math.min(live.partition, PARTITION_ALL)), updating: true, waiting });
  for (let ordinal = next.ordinal + 1; ordinal < replicas; ordinal++) {
    if (!pods.some((pod) => pod.ordinal === ordinal)) return hold(`replica ${ordinal} is being replaced`);
  }
  const behind = pods.find((pod) => pod.revision === live.updateRevision && !(pod.ready && pod.caughtUp));
  if (behind !== undefined) return hold(`replica ${behind.ordinal} has been updated and has not caught up yet`);
  // One that does not serve loses nothing by being replaced: it may be what the update mends.
  if (next.ready && draining) return hold('a replica is being drained');
  const serving = pods.filter((pod) => pod.ordinal !== next.ordinal && pod.ready).length;
  if (next.ready && pods.length > 1 && serving === 0) return hold(`replica ${next.ordinal} is the only one that serves`);
  return { partition: next.ordinal, updating: true, waiting: null };
}
