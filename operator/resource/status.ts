/** What the operator says of an EdgeStore. Nothing in it changes while nothing happens: an idle EdgeStore is not written. */
import { choice, flag, integer, list, maybe, object, text } from './schema.ts';
import type { Infer } from './schema.ts';

/** Types of conditions. Their reasons are in conditions.ts. */
export const conditionTypes = ['Available', 'Progressing', 'Degraded', 'Synced', 'ScaleInBlocked'] as const;

const condition = object('As metav1.Condition.', {
  type: text('', { maxLength: 316 }),
  status: choice('', ['True', 'False', 'Unknown']),
  reason: text('One word for programs.', { maxLength: 1024 }),
  message: text('For people.', { maxLength: 32_768 }),
  lastTransitionTime: text('When status changed.', { maxLength: 64 }),
  observedGeneration: integer('', 0, 2_147_483_647),
});

/** How far a replica is behind: buckets, so that a live figure does not become a write every few seconds. */
export const lagBuckets = ['CaughtUp', 'Behind', 'FarBehind', 'Unknown'] as const;

const replica = object('One replica.', {
  name: text('Of the pod.'),
  slot: integer('', 0, 255),
  memberId: maybe(text('Hexadecimal.', { maxLength: 16 })),
  incarnation: maybe(text('The log that it writes: slot and incarnation.', { maxLength: 32 })),
  ready: flag(''),
  lag: choice('What others have written and it does not hold yet: CaughtUp under 5 s, Behind under 60 s.', lagBuckets),
  version: maybe(text('', { maxLength: 64 })),
});

const drain = object('The replica that is being taken out. An operator that takes over goes on from here.', {
  ordinal: integer('', 0, 255),
  pod: text(''),
  memberId: maybe(text('', { maxLength: 16 })),
  phase: choice('Draining: it hands over what it has. Removed: it is no member any more; its pod and its volume go.', ['Draining', 'Removed']),
  since: text('When it began.', { maxLength: 64 }),
  configuration: maybe(integer('Number of the membership without it. What a replica says of an earlier one does not count.', 0, 2_147_483_647)),
});

export const statusSchema = object('What is.', {
  observedGeneration: maybe(integer('', 0, 2_147_483_647)),
  replicas: maybe(integer('Pods that exist.', 0, 256)),
  readyReplicas: maybe(integer('', 0, 256)),
  selector: maybe(text('Of the pods, for /scale.', { maxLength: 1024 })),
  phase: maybe(choice('One word for `kubectl get`.', ['Pending', 'Starting', 'Ready', 'ScalingOut', 'ScalingIn', 'Updating', 'Degraded', 'Refused', 'Deleting'])),
  clusterId: maybe(text('Hexadecimal. Settled when the first replica has begun the store.', { maxLength: 16 })),
  image: maybe(text('What all replicas run, once they do.', { maxLength: 512 })),
  drain: maybe(drain),
  conditions: maybe(list('', condition, { keys: ['type'], maxItems: 16 })),
  replicaStatus: maybe(list('', replica, { keys: ['name'], maxItems: 256 })),
});

export type EdgeStoreStatus = Infer<typeof statusSchema>;
export type Condition = Infer<typeof condition>;
export type ConditionType = (typeof conditionTypes)[number];
export type LagBucket = (typeof lagBuckets)[number];
export type ReplicaStatus = Infer<typeof replica>;
export type DrainRecord = Infer<typeof drain>;
export type Phase = NonNullable<EdgeStoreStatus['phase']>;
