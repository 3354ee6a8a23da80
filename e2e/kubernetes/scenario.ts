/** What a control plane is made to do: nodes, a Deployment scaled up, a rolling update, a namespace deleted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './kube-api.ts';
import type { KubeApi, KubeObject } from './kube-api.ts';
import { fakeNode } from './kwok.ts';

interface DeploymentStatus {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly observedGeneration?: number;
}

/** Polls until `done`, at most `timeout_s`; returns the seconds it took. Errors of a poll count as "not yet". */
export async function until(what: string, timeout_s: number, done: () => Promise<boolean>): Promise<number> {
  const from = Date.now();
  let last: unknown = 'it is not so yet';
  for (;;) {
    try {
      if (await done()) return (Date.now() - from) / 1000;
    } catch (error) {
      last = error;
    }
    if (Date.now() - from > timeout_s * 1000) throw new Error(`${what}: not within ${timeout_s} s (${String(last)})`);
    await sleep(250);
  }
}

export async function createNodes(api: KubeApi, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await api.create('/api/v1/nodes', fakeNode(i)).catch((error: unknown) => {
      if (!(error instanceof KubeError && error.status === 409)) throw error;
    });
  }
  await until(`${count} nodes ready`, 120, async () => {
    const nodes = (await api.list('/api/v1/nodes')).items;
    return nodes.filter((node) => isReady(node)).length >= count;
  });
}

const isReady = (object: KubeObject): boolean => {
  const { conditions } = (object['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
};

const deploymentPath = (namespace: string, name = ''): string => `/apis/apps/v1/namespaces/${namespace}/deployments${name === '' ? '' : `/${name}`}`;

export async function createDeployment(api: KubeApi, namespace: string, name: string, replicas: number): Promise<void> {
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }).catch((error: unknown) => {
    if (!(error instanceof KubeError && error.status === 409)) throw error;
  });
  await api.create(deploymentPath(namespace), {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'example.test/app:1' }], terminationGracePeriodSeconds: 1 },
      },
    },
  });
}

/** Waits until all replicas are ready and of the newest template, and no old pod is left. */
export const rolledOut = (api: KubeApi, namespace: string, name: string, replicas: number, timeout_s: number): Promise<number> =>
  until(`${namespace}/${name} has ${replicas} ready replicas`, timeout_s, async () => {
    const deployment = (await api.get(deploymentPath(namespace, name))) as KubeObject;
    const status = (deployment['status'] ?? {}) as DeploymentStatus;
    return status.observedGeneration === deployment.metadata['generation']
      && (status.replicas ?? 0) === replicas && (status.updatedReplicas ?? 0) === replicas && (status.readyReplicas ?? 0) === replicas;
  });

export async function scale(api: KubeApi, namespace: string, name: string, replicas: number): Promise<void> {
  await api.patch(deploymentPath(namespace, name), { spec: { replicas } });
}

/** Changes the pods' image: a rolling update. */
export async function setImage(api: KubeApi, namespace: string, name: string, image: string): Promise<void> {
  await api.patch(deploymentPath(namespace, name), { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } });
}

export async function deleteNamespace(api: KubeApi, namespace: string, timeout_s: number): Promise<number> {
  await api.remove(`/api/v1/namespaces/${namespace}`);
  return until(`namespace ${namespace} is gone`, timeout_s, async () => {
    try {
      await api.get(`/api/v1/namespaces/${namespace}`);
      return false;
    } catch (error) {
      return error instanceof KubeError && error.status === 404;
    }
  });
}

/** Seconds each step took. */
export type Timings = Record<string, number>;

/** The whole program once: 0 → `pods` pods, rolling update, namespace deletion. */
export async function churn(api: KubeApi, namespace: string, pods: number): Promise<Timings> {
  const timings: Timings = {};
  await createDeployment(api, namespace, 'web', 0);
  await scale(api, namespace, 'web', pods);
  timings['scale up'] = await rolledOut(api, namespace, 'web', pods, 600);
  await setImage(api, namespace, 'web', 'example.test/app:2');
  timings['rolling update'] = await rolledOut(api, namespace, 'web', pods, 600);
  timings['namespace deletion'] = await deleteNamespace(api, namespace, 600);
  return timings;
}
