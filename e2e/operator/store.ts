/** One EdgeStore on a real cluster, as a person sees it: the resource, its pods, its replicas' own answers. */
import { Rpc } from '../robustness/shared/rpc.ts';
import type { KubeObject, WatchEvent } from '../kubernetes/kube-api.ts';
import { expect } from './steps.ts';
import { until } from './real-cluster.ts';
import type { RealCluster } from './real-cluster.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface StoreObject extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly phase?: string;
    readonly clusterId?: string;
    readonly image?: string;
    readonly drain?: { readonly ordinal: number; readonly pod: string; readonly phase: string };
    readonly conditions?: readonly Condition[];
    readonly replicaStatus?: readonly { readonly name: string; readonly slot: number; readonly incarnation?: string; readonly ready: boolean; readonly lag: string }[];
  };
}

export interface Pod extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly deletionTimestamp?: string; readonly annotations?: Record<string, string> };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
  readonly status: { readonly phase: string; readonly podIP?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[]; readonly containerStatuses?: readonly { readonly restartCount: number; readonly imageID: string }[] };
}

export const isReady = (pod: Pod): boolean => pod.metadata.deletionTimestamp === undefined && (pod.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');

export const ordinal = (name: string): number => Number(name.slice(name.lastIndexOf('-') + 1));

export class Store {
  readonly cluster: RealCluster;
  readonly namespace: string;
  readonly name: string;

  constructor(cluster: RealCluster, namespace: string, name: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.name = name;
  }

  get path(): string {
    return `/apis/edgestore.dev/v1alpha1/namespaces/${this.namespace}/edgestores/${this.name}`;
  }

  async get(): Promise<StoreObject> {
    return await this.cluster.api.get(this.path) as StoreObject;
  }

  /** What happens to it after a resourceVersion, until `signal` or the apiserver ends it. */
  watch(resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent & { readonly object: StoreObject }> {
    const path = `/apis/edgestore.dev/v1alpha1/namespaces/${this.namespace}/edgestores?watch=true&fieldSelector=metadata.name%3D${this.name}&resourceVersion=${resourceVersion}`;
    return this.cluster.api.watch(path, signal) as AsyncGenerator<WatchEvent & { readonly object: StoreObject }>;
  }

  /** JSON merge patch of its spec. */
  async patch(spec: object): Promise<void> {
    await this.cluster.api.patch(this.path, { spec });
  }

  /** As `kubectl scale` and the autoscaler do it. */
  async scale(replicas: number): Promise<void> {
    await this.cluster.kubectl(['scale', `edgestore/${this.name}`, '-n', this.namespace, `--replicas=${replicas}`]);
  }

  /** Its pods, by ordinal, also those that are about to go. */
  async pods(): Promise<Pod[]> {
    const selector = encodeURIComponent(`app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=${this.name}`);
    const { items } = await this.cluster.api.list(`/api/v1/namespaces/${this.namespace}/pods?labelSelector=${selector}`);
    return (items as Pod[]).sort((a, b) => ordinal(a.metadata.name) - ordinal(b.metadata.name));
  }

  /** Waits until exactly `count` pods exist, all are ready, and status says so. */
  async ready(count: number, timeout_s: number): Promise<StoreObject> {
    return until(`${count} ready replicas of ${this.name}`, timeout_s, async () => {
      const [store, pods] = await Promise.all([this.get(), this.pods()]);
      const { status } = store;
      const settled = status?.readyReplicas === count && status.replicas === count && status.drain === undefined;
      return settled && pods.length === count && pods.every(isReady) ? store : undefined;
    });
  }

  async condition(type: string): Promise<Condition | undefined> {
    return (await this.get()).status?.conditions?.find((condition) => condition.type === type);
  }

  async waitFor(type: string, status: 'True' | 'False', timeout_s: number): Promise<Condition> {
    return until(`${this.name}: ${type}=${status}`, timeout_s, async () => {
      const found = await this.condition(type);
      return found?.status === status ? found : undefined;
    });
  }

  /** What was said about it, oldest first: "Reason: note". */
  async events(): Promise<string[]> {
    return (await this.notes()).map(({ reason, note }) => `${reason}: ${note}`);
  }

  /** The same, with how often each was said. */
  async notes(): Promise<{ readonly reason: string; readonly note: string; readonly times: number }[]> {
    const { items } = await this.cluster.api.list(`/apis/events.k8s.io/v1/namespaces/${this.namespace}/events`);
    const own = items.filter((item) => {
      const regarding = item['regarding'] as { kind?: string; name?: string } | undefined;
      return regarding?.kind === 'EdgeStore' && regarding.name === this.name;
    });
    const time = (item: KubeObject): string => (item['eventTime'] as string | null) ?? String(item.metadata['creationTimestamp']);
    return own.sort((a, b) => (time(a) < time(b) ? -1 : 1))
      .map((item) => ({ reason: String(item['reason']), note: String(item['note']), times: (item['series'] as { count?: number } | undefined)?.count ?? 1 }));
  }

  /** The client address of each ready pod. */
  async endpoints(): Promise<{ readonly pod: string; readonly url: string }[]> {
    return (await this.pods()).filter((pod) => isReady(pod) && pod.status.podIP !== undefined).map((pod) => ({ pod: pod.metadata.name, url: `http://${pod.status.podIP}:2379` }));
  }

  /** The address of the Service for clients. */
  async clientUrl(): Promise<string> {
    const service = await this.cluster.api.get(`/api/v1/namespaces/${this.namespace}/services/${this.name}-client`) as { spec: { clusterIP: string } };
    return `http://${service.spec.clusterIP}:2379`;
  }

  /** Every key below `prefix` at one replica: key → value. */
  static async list(url: string, prefix: string): Promise<Map<string, string>> {
    const rpc = new Rpc(url);
    try {
      const { kvs } = await rpc.range(prefix, prefixEnd(prefix));
      return new Map(kvs.map((kv) => [kv.key.toString(), kv.value.toString()]));
    } finally {
      rpc.close();
    }
  }

  /** Waits until all ready replicas hold the same below `prefix`, and returns it. */
  async converged(prefix: string, timeout_s: number): Promise<Map<string, string>> {
    return until(`replicas of ${this.name} hold the same`, timeout_s, async () => {
      const endpoints = await this.endpoints();
      expect(endpoints.length > 0, 'no replica is ready');
      const [first = new Map<string, string>(), ...others] = await Promise.all(endpoints.map(({ url }) => Store.list(url, prefix)));
      const different = others.filter((other) => other.size !== first.size || [...first].some(([key, value]) => other.get(key) !== value));
      return different.length === 0 ? first : undefined;
    });
  }
}

/** The end of the range of all keys that begin with `prefix`. */
export const prefixEnd = (prefix: string): string => prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
