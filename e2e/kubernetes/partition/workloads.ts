/** What runs while the cells are cut apart, and what is asked of it. */
import type { KubeApi, KubeObject } from '../kube-api.ts';
import { until } from '../scenario.ts';

export const namespace = 'partition';
export const pods = `/api/v1/namespaces/${namespace}/pods`;
export const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;

const taints = ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready'];
/** How long a pod stays on a node that is not heard of; undefined: for good. */
const tolerate = (seconds: number | undefined): object[] =>
  taints.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', ...(seconds === undefined ? {} : { tolerationSeconds: seconds }) }));

interface Workload {
  readonly name: string;
  readonly replicas: number;
  /** After healing, if it was scaled meanwhile. */
  readonly later?: number;
  readonly spec: object;
}

export const workloads: readonly Workload[] = [
  // Anywhere, and longer than the partition: only what the test kills is replaced.
  { name: 'web', replicas: 3, spec: { tolerations: tolerate(3600) } },
  // As the guide says for edge nodes: it stays although the other side's controllers hear nothing of its node.
  { name: 'edge', replicas: 2, spec: { nodeSelector: { cell: 'b' }, tolerations: tolerate(undefined) } },
  // As Kubernetes does by default, with 300 s made 2: the other side evicts it.
  { name: 'evicted', replicas: 2, spec: { nodeSelector: { cell: 'b' }, tolerations: tolerate(2) } },
  // One side changes the image, the other scales it.
  { name: 'edited', replicas: 2, later: 4, spec: { tolerations: tolerate(3600) } },
  // Both sides roll out the same: two ReplicaSets of one name.
  { name: 'rolled', replicas: 3, spec: { tolerations: tolerate(3600) } },
];

const statefulSets = `/apis/apps/v1/namespaces/${namespace}/statefulsets`;

/** What both sides do while they are apart, each as if it were alone. */
export async function editWorkloads(a: KubeApi, b: KubeApi): Promise<void> {
  const image = (to: string): object => ({ spec: { template: { spec: { containers: [{ name: 'c', image: to }] } } } });
  await a.patchStrategic(`${deployments}/edited`, image('example.test/c:2'));
  await b.patchStrategic(`${deployments}/edited`, { metadata: { labels: { from: 'b' } }, spec: { replicas: 4 } });
  for (const api of [a, b]) {
    await api.patchStrategic(`${deployments}/rolled`, image('example.test/c:2'));
    // Its node may be the other side's, which does not hear of it: as somebody does who wants it back.
    await api.remove(`${pods}/ids-0`, { gracePeriodSeconds: 0 });
  }
  await until('each side has made its own', 90, async () => {
    for (const api of [a, b]) {
      const sets = await setsOf(api, 'rolled');
      if (sets.length !== 2 || !sets.some((set) => (set['status'] as { readyReplicas?: number } | undefined)?.readyReplicas === 3)) return false;
      if (!(await podsOf(api, 'ids')).every((pod) => isLive(pod) && isReady(pod)) || (await podsOf(api, 'ids')).length !== 1) return false;
    }
    return true;
  });
}

/** The ReplicaSets of a Deployment. */
export const setsOf = async (api: KubeApi, app: string): Promise<KubeObject[]> => (await api.list(`/apis/apps/v1/namespaces/${namespace}/replicasets?labelSelector=app%3D${app}`)).items;

export async function createWorkloads(api: KubeApi): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const template = (app: string, spec: object): object => ({ metadata: { labels: { app } }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'example.test/c:1' }], ...spec } });
  await api.create(statefulSets, {
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'ids' },
    spec: { replicas: 1, serviceName: 'ids', selector: { matchLabels: { app: 'ids' } }, template: template('ids', { tolerations: tolerate(3600) }) },
  });
  for (const { name, replicas, spec } of workloads) {
    await api.create(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: template(name, spec),
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
export async function settled(api: KubeApi, when: 'before' | 'after'): Promise<boolean> {
  const ids = await podsOf(api, 'ids');
  if (ids.length !== 1 || !ids.every((pod) => isLive(pod) && isReady(pod))) return false;
  for (const { name, replicas: first, later = first } of workloads) {
    const replicas = when === 'before' ? first : later;
    const all = await podsOf(api, name);
    if (all.length !== replicas || !all.every((pod) => isLive(pod) && isReady(pod))) return false;
    const { status, metadata } = (await api.get(`${deployments}/${name}`)) as KubeObject & { status?: { readyReplicas?: number; replicas?: number; observedGeneration?: number } };
    if (status?.readyReplicas !== replicas || status.replicas !== replicas || status.observedGeneration !== metadata['generation']) return false;
  }
  return true;
}
