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

/**
 * Which replicas drain, until `stop`: never more than one at a time, by what the replicas answer, asked again and again. A drain may be over between two looks of a busy
 * machine: which ones there were is also read from the EdgeStore's status, where the operator writes each before it begins it, and a watch shows each.
 */
export class DrainWatch {
  readonly seen = new Set<string>();
  readonly problems: string[] = [];
  private readonly stopping = new AbortController();
  private readonly done: Promise<unknown>;

  constructor(store: Store) {
    this.done = Promise.all([this.ask(store), this.follow(store)]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async ask(store: Store): Promise<void> {
    while (!this.stopping.signal.aborted) {
      // Whether ready or not: a replica that drains is not.
      const pods = (await store.pods().catch((): Pod[] => [])).filter((pod) => pod.status.podIP !== undefined);
      const states = await Promise.all(pods.map(async (pod) => ({ pod: pod.metadata.name, state: await drainState(`http://${pod.status.podIP}:2379`) })));
      const draining = states.filter(({ state }) => state === 'draining' || state === 'drained').map(({ pod }) => pod);
      for (const pod of draining) this.seen.add(pod);
      if (draining.length > 1) this.problems.push(`draining at the same time: ${draining.join(', ')}`);
      await sleep(200);
    }
  }

  private async follow(store: Store): Promise<void> {
    let from = '';
    while (!this.stopping.signal.aborted) {
      try {
        if (from === '') from = (await store.get()).metadata.resourceVersion ?? '';
        for await (const { type, object } of store.watch(from, this.stopping.signal)) {
          // Its history is gone: go on from how it is now.
          if (type === 'ERROR') from = '';
          if (type !== 'MODIFIED') continue;
          from = object.metadata.resourceVersion ?? '';
          if (object.status?.drain !== undefined) this.seen.add(object.status.drain.pod);
        }
      } catch {
        // Ended by `stop`, or the apiserver is busy.
      }
      if (!this.stopping.signal.aborted) await sleep(200);
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
