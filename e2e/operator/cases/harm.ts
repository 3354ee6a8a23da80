/** What happens to pods and nodes: killed processes, evictions, a node that takes no pods. */
import { readFileSync, readdirSync } from 'node:fs';
import { isReady } from '../store.ts';
import type { Pod, Store } from '../store.ts';
import type { RealCluster } from '../real-cluster.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The processes of a pod's containers, on this machine; without the one that holds its network. */
export function processesOf(uid: string): number[] {
  const own = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && read(`/proc/${pid}/cgroup`).includes(`pod${uid}`));
  return own.filter((pid) => read(`/proc/${pid}/cmdline`).includes('/app/') || read(`/proc/${pid}/cmdline`).includes('edgestore')).map(Number);
}

/** Whether it was there to be killed: a short-lived one may have ended since it was seen. */
function sigkill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** SIGKILL: no flush, no goodbye. */
export function kill9(...pods: readonly Pod[]): void {
  for (const { metadata } of pods) {
    const killed = processesOf(String(metadata.uid)).filter(sigkill);
    expect(killed.length > 0, `no process of pod ${metadata.name} (${metadata.uid}) is there`);
  }
}

/** The one node takes no pods at all, or takes them again. */
export async function cordon(cluster: RealCluster, on: boolean): Promise<void> {
  await cluster.api.patch(`/api/v1/nodes/${cluster.settings.name}`, { spec: { unschedulable: on } });
}

/** A label of nodes, by an EdgeStore's `nodeSelector`: without it this store's pods find no node, and those of others do. */
export const home = (name: string): Record<string, string> => ({ [`e2e.edgestore.dev/${name}`]: 'here' });

/** There is a node for pods of that name's EdgeStore, or none any more. Pods that run stay. */
export async function settle(cluster: RealCluster, name: string, on: boolean): Promise<void> {
  const labels = Object.fromEntries(Object.entries(home(name)).map(([key, value]) => [key, on ? value : null]));
  await cluster.api.patch(`/api/v1/nodes/${cluster.settings.name}`, { metadata: { labels } });
}

/** As a node that vanishes: the pod's object is removed, its process dies, and nothing takes its place. Give it back with settle(cluster, name, true). */
export async function lose(cluster: RealCluster, store: Store, pod: Pod): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  await settle(cluster, store.name, false);
  // The object first: otherwise the kubelet starts the container again before it hears of it.
  await cluster.api.remove(`/api/v1/namespaces/${namespace}/pods/${name}`, { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 });
  await until(`${name} is dead`, 30, () => {
    const pids = processesOf(String(uid));
    pids.forEach(sigkill);
    return Promise.resolve(pids.length === 0);
  }, 50);
}

export const deletePod = (cluster: RealCluster, { metadata: { namespace, name } }: Pod): Promise<unknown> => cluster.api.remove(`/api/v1/namespaces/${namespace}/pods/${name}`);

/** Looks all the time at how many of the pods are ready; the fewest are what counts. */
export class Fewest {
  ready = Number.POSITIVE_INFINITY;
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(pods: () => Promise<Pod[]>) {
    this.done = (async () => {
      while (!this.stopped) {
        const found = await pods().catch(() => undefined);
        if (found !== undefined) this.ready = Math.min(this.ready, found.filter(isReady).length);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
  }

  async stop(): Promise<number> {
    this.stopped = true;
    await this.done;
    return this.ready;
  }
}

/** The operator's pods, and which one holds the Lease. */
export async function operators(cluster: RealCluster, namespace: string): Promise<{ readonly holder: string; readonly pods: readonly Pod[] }> {
  const selector = encodeURIComponent('app.kubernetes.io/component=operator');
  const { items } = await cluster.api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`);
  const leases = await cluster.api.list(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`);
  expect(leases.items.length === 1, `leases: ${leases.items.map(({ metadata }) => metadata.name).join(', ')}`);
  return { holder: (leases.items[0]?.['spec'] as { holderIdentity?: string }).holderIdentity ?? '', pods: (items as Pod[]).filter(({ metadata }) => metadata.deletionTimestamp === undefined) };
}

export const leads = (pod: Pod, holder: string): boolean => holder.startsWith(`${pod.metadata.name}_`);

/** Waits for a pod that is another than the one of that uid, and ready. */
export async function replaced(cluster: RealCluster, { metadata: { namespace, name, uid } }: Pod, timeout_s = 120): Promise<Pod> {
  return until(`${name} is back`, timeout_s, async () => {
    const pod = (await cluster.api.get(`/api/v1/namespaces/${namespace}/pods/${name}`)) as Pod;
    return pod.metadata.uid !== uid && isReady(pod) ? pod : undefined;
  });
}
