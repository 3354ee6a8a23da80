/** What the operator's tests share: an EdgeStore as an apiserver would give it, and what replicas report. */
import type { ReplicaReport } from './replica/replica-api.ts';
import type { EdgeStore } from './resource/edgestore.ts';
import { specSchema } from './resource/spec.ts';
import type { EdgeStoreSpec } from './resource/spec.ts';
import type { EdgeStoreStatus } from './resource/status.ts';

const defaults = specSchema.json['default'] as EdgeStoreSpec;

export const edgestore = (spec: Partial<EdgeStoreSpec> = {}, status?: EdgeStoreStatus, metadata: Partial<EdgeStore['metadata']> = {}): EdgeStore => ({
  apiVersion: 'edgestore.dev/v1alpha1',
  kind: 'EdgeStore',
  metadata: { name: 'shop', namespace: 'edge', uid: 'uid-1', generation: 1, resourceVersion: '1', ...metadata },
  spec: { ...structuredClone(defaults), ...spec },
  ...(status === undefined ? {} : { status }),
});

/** A replica of a cluster whose members have these ordinals: it serves, and all hold everything. */
export const report = (ordinal: number, members: readonly number[], more: Partial<ReplicaReport> = {}, number = 10): ReplicaReport => ({
  name: `shop-${ordinal}`,
  slot: ordinal,
  memberId: `a${ordinal}`,
  log: `${ordinal}.1`,
  clusterId: 'c1',
  version: '0.1.0',
  revision: 512,
  serving: true,
  why: null,
  drain: { state: 'serving', lacking: [] },
  configuration: { number, members: members.map((of) => ({ id: `a${of}`, name: `shop-${of}`, slot: of, log: `${of}.1`, standing: 'voting' })) },
  peers: members.filter((of) => of !== ordinal).map((of) => ({ name: `shop-${of}`, connected: true, lagSeconds: 0 })),
  alarms: [],
  ...more,
});

export const reports = (members: readonly number[], change: Readonly<Record<number, Partial<ReplicaReport>>> = {}): Map<number, ReplicaReport> =>
  new Map(members.map((ordinal) => [ordinal, report(ordinal, members, change[ordinal] ?? {})]));
