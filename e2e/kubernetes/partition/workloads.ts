/** What runs while the cells are cut apart, and what is asked of it. */
import type { KubeApi, KubeObject } from '../kube-api.ts';

export const namespace = 'partition';
export const pods = `/api/v1/namespaces/${namespace}/pods`;
const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;

const taints = ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready'];
/** How long a pod stays on a node that is not heard of; undefined: for good. */
const tolerate = (seconds: number | undefined): object[] =>
  taints.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', ...(seconds === undefined ? {} : { tolerationSeconds: seconds }) }));

interface Workload {
  readonly name: string;
  readonly replicas: number;
  readonly spec: object;
}

export const workloads: readonly Workload[] = [
  // Anywhere, and longer than the partition: only what the test kills is replaced.
  { name: 'web', replicas: 3, spec: { tolerations: tolerate(3600) } },
  // As the guide says for edge nodes: it stays although the other side's controllers hear nothing of its node.
  { name: 'edge', replicas: 2, spec: { nodeSelector: { cell: 'b' }, tolerations: tolerate(undefined) } },
  // As Kubernetes does by default, with 300 s made 2: the other side evicts it.
  { name: 'evicted', replicas: 2, spec: { nodeSelector: { cell: 'b' }, tolerations: tolerate(2) } },
];

export async function createWorkloads(api: KubeApi): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (const { name, replicas, spec } of workloads) {
    await api.create(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'example.test/c:1' }], ...spec } },
      },
    });
  }
}

export const isLive = (pod: KubeObject): boolean => pod.metadata['deletionTimestamp'] === undefined;

export const isReady = (object: KubeObject): boolean => {
  const { conditions } = (object['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
};

/** The pods of a workload, those that are ending included. */
export async function podsOf(api: KubeApi, app: string): Promise<KubeObject[]> {
  return (await api.list(`${pods}?labelSelector=app%3D${app}`)).items;
}

/** Whether every workload has exactly what it should, all of it ready, and nothing is ending. */
export async function settled(api: KubeApi): Promise<boolean> {
  for (const { name, replicas } of workloads) {
    const all = await podsOf(api, name);
    if (all.length !== replicas || !all.every((pod) => isLive(pod) && isReady(pod))) return false;
    const { status, metadata } = (await api.get(`${deployments}/${name}`)) as KubeObject & { status?: { readyReplicas?: number; replicas?: number; observedGeneration?: number } };
    if (status?.readyReplicas !== replicas || status.replicas !== replicas || status.observedGeneration !== metadata['generation']) return false;
  }
  return true;
}
