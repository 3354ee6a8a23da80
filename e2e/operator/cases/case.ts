/** What every case needs. */
import type { RealCluster } from '../real-cluster.ts';
import { until } from '../real-cluster.ts';
import { isReady } from '../store.ts';
import type { Pod, Store } from '../store.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import type { Row } from './rows.ts';

/** One EdgeStore, in a namespace of its own, and what happens to it. Several live at the same time. */
export interface Case {
  readonly cluster: RealCluster;
  readonly store: Store;
  readonly traffic: Traffic;
  /** Does the work, and then checks what writers and watchers know against what the replicas have. */
  step(row: Row | null, name: string, work: () => Promise<string | void>): Promise<boolean>;
}

export async function podOf(store: Store, ordinal: number): Promise<Pod> {
  const name = `${store.name}-${ordinal}`;
  const pod = (await store.pods()).find(({ metadata }) => metadata.name === name);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  return pod;
}

/** spec.replicas of the StatefulSet, and the pods that its controller has. */
export async function setSize(store: Store): Promise<number> {
  return (await store.cluster.api.get(`/apis/apps/v1/namespaces/${store.namespace}/statefulsets/${store.name}`) as { spec: { replicas: number } }).spec.replicas;
}

/** Waits until the pod is ready and takes a write. */
export async function writes(store: Store, ordinal: number, timeout_s = 120): Promise<void> {
  await until(`${store.name}-${ordinal} takes a write`, timeout_s, async () => {
    const pod = await podOf(store, ordinal);
    if (!isReady(pod)) return false;
    const rpc = new Rpc(`http://${pod.status.podIP}:2379`, {}, 2_000);
    try {
      await rpc.put(`/probe/${ordinal}`, String(Date.now()));
      return true;
    } finally {
      rpc.close();
    }
  });
}

/** Slot and incarnation of each replica, as status has them. */
export async function logs(store: Store): Promise<ReadonlyMap<number, string>> {
  return new Map(((await store.get()).status?.replicaStatus ?? []).map(({ slot, incarnation }) => [slot, incarnation ?? '']));
}

/** How often that was said of the EdgeStore, repetitions counted. */
export async function told(store: Store, reason: string): Promise<number> {
  return (await store.notes()).filter((note) => note.reason === reason).reduce((sum, { times }) => sum + times, 0);
}
