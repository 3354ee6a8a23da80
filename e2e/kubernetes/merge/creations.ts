/** Both sides create objects of the same names while they are cut apart: other uids, so nothing is merged, and all that belongs together comes from one side. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cells } from '../cells.ts';
import type { KubeApi, KubeObject } from '../kube-api.ts';
import { until } from '../scenario.ts';
import { deployments } from './edits.ts';

const namespace = 'creations';
const core = `/api/v1/namespaces/${namespace}`;

const paths = {
  configmap: `${core}/configmaps`,
  claim: `${core}/persistentvolumeclaims`,
  pod: `${core}/pods`,
  deployment: `/apis/apps/v1/namespaces/${namespace}/deployments`,
} as const;

function objects(side: 'a' | 'b'): Record<keyof typeof paths, KubeObject> {
  const metadata = { name: 'same', labels: { side } };
  return {
    configmap: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [`from-${side}`]: 'yes', shared: side } },
    claim: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: side === 'a' ? '1Gi' : '2Gi' } } } },
    pod: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: `example.test/${side}:1` }], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'same' } }] } },
    deployment: { ...deployments.base('same'), metadata },
  };
}

export async function prepareCreations(cells: Cells): Promise<void> {
  await cells.a.api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  // Pods need it, and no controller makes it here.
  await cells.a.api.create(`${core}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  await until('the other side has the namespace', 60, async () => (await cells.b.api.list(`${core}/serviceaccounts`)).items.length > 0);
}

/** In another order on each side: which is later must not matter. */
export async function create(cells: Cells): Promise<void> {
  const on = async (api: KubeApi, side: 'a' | 'b'): Promise<void> => {
    const made = Object.entries(objects(side)) as [keyof typeof paths, KubeObject][];
    for (const [kind, object] of side === 'a' ? made : made.reverse()) await api.create(paths[kind], object);
    // What hangs on it, under a name that the other side does not use.
    const owner = (await api.get(`${paths.configmap}/same`)) as KubeObject;
    await api.create(paths.configmap, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `only-${side}`, ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'same', uid: owner.metadata.uid }] },
    });
    // A later edit of one's own must not change who wins.
    await api.patch(`${paths.configmap}/same`, { data: { edited: side } });
  };
  await Promise.all([on(cells.a.api, 'a'), on(cells.b.api, 'b')]);
}

/** Problems: kinds that are not the same on both sides, or not all from one. */
export async function check(cells: Cells): Promise<string[]> {
  const kinds = Object.keys(paths) as (keyof typeof paths)[];
  const get = async (api: KubeApi, kind: keyof typeof paths): Promise<KubeObject> => (await api.get(`${paths[kind]}/same`)) as KubeObject;
  const found: KubeObject[] = [];
  await until('both apiservers serve the same', 60, async () => {
    found.length = 0;
    for (const kind of kinds) {
      const [a, b] = await Promise.all([get(cells.a.api, kind), get(cells.b.api, kind)]);
      if (a.metadata.uid !== b.metadata.uid) return false;
      found.push(a);
    }
    return true;
  });
  const problems: string[] = [];
  const sides = found.map(({ metadata }) => (metadata['labels'] as Record<string, string>)['side']);
  if (new Set(sides).size !== 1) problems.push(`objects of the same name come from both sides: ${kinds.map((kind, i) => `${kind} from ${sides[i]}`).join(', ')}`);
  const data = found[0]!['data'] as Record<string, string>;
  if (Object.keys(data).length !== 3) problems.push(`ConfigMaps of two uids were mixed: ${JSON.stringify(data)}`);
  return problems;
}

/** Problems: once the garbage collector runs, what hangs on the object that stayed lives, and what hung on the other goes, for its owner is gone. */
export async function collected(cells: Cells): Promise<string[]> {
  const names = async (api: KubeApi): Promise<string> => (await api.list(paths.configmap)).items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('only-')).sort().join();
  const before = await names(cells.b.api);
  if (before !== 'only-a' && before !== 'only-a,only-b') return [`before: ${before}`];
  await until('the garbage collector has been there', 90, async () => (await names(cells.a.api)) === 'only-a' && (await names(cells.b.api)) === 'only-a');
  await sleep(2_000);
  const after = await names(cells.b.api);
  return after === 'only-a' ? [] : [`what stayed: ${after}`];
}
