/** What a person does to get EdgeStore onto a cluster. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RealCluster } from './real-cluster.ts';
import { Store } from './store.ts';
import type { Pod } from './store.ts';

export const SYSTEM = 'edgestore-system';
export const RELEASE = 'edgestore';

/** `helm install` of the chart in this checkout; returns when the operator is ready. */
export async function install(cluster: RealCluster, ...more: readonly string[]): Promise<void> {
  await cluster.helm(['upgrade', '--install', RELEASE, 'charts/edgestore', '-n', SYSTEM, '--create-namespace', '--wait', '--timeout', '4m', ...more]);
}

/** A namespace in which only pods of Pod Security's "restricted" may run. */
export async function restrictedNamespace(cluster: RealCluster, name: string): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } });
}

/** Asks for an EdgeStore; does not wait for it. */
export async function createStore(cluster: RealCluster, namespace: string, name: string, spec: object, annotations: Record<string, string> = {}): Promise<Store> {
  await cluster.apply({ apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', metadata: { name, namespace, annotations }, spec });
  return new Store(cluster, namespace, name);
}

/** Looks again and again at which replicas drain, until `stop`: never more than one at a time. */
export class DrainWatch {
  readonly seen = new Set<string>();
  readonly problems: string[] = [];
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(store: Store) {
    this.done = this.loop(store);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async loop(store: Store): Promise<void> {
    while (!this.stopped) {
      // Whether ready or not: a replica that drains is not.
      const pods = (await store.pods().catch((): Pod[] => [])).filter((pod) => pod.status.podIP !== undefined);
      const states = await Promise.all(pods.map(async (pod) => ({ pod: pod.metadata.name, state: await drainState(`http://${pod.status.podIP}:2379`) })));
      const draining = states.filter(({ state }) => state === 'draining' || state === 'drained').map(({ pod }) => pod);
      for (const pod of draining) this.seen.add(pod);
      if (draining.length > 1) this.problems.push(`draining at the same time: ${draining.join(', ')}`);
      await sleep(200);
    }
  }
}

async function drainState(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/admin/drain`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as { state: string }).state;
  } catch {
    return 'unknown';
  }
}
