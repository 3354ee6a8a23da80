/** Whether controllers come to rest on merged objects: what they see is what they want, and they write nothing any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cells } from '../cells.ts';
import type { KubeApi, KubeObject } from '../kube-api.ts';
import { until } from '../scenario.ts';

const QUIET_MS = 5_000;

interface Scaled {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly replicas?: number; readonly observedGeneration?: number };
}

const scaled = (object: KubeObject): Scaled => object as unknown as Scaled;
const ownerOf = (object: KubeObject): string | undefined => (object.metadata['ownerReferences'] as { uid: string; controller?: boolean }[] | undefined)?.find(({ controller }) => controller)?.uid;
const ending = (object: KubeObject): boolean => object.metadata['deletionTimestamp'] !== undefined;

/** What a cell has of a namespace's Deployments, ReplicaSets and pods. */
async function contents(api: KubeApi, namespace: string): Promise<{ readonly deployments: KubeObject[]; readonly sets: KubeObject[]; readonly pods: KubeObject[] }> {
  const [deployments, sets, pods] = await Promise.all([`/apis/apps/v1/namespaces/${namespace}/deployments`, `/apis/apps/v1/namespaces/${namespace}/replicasets`, `/api/v1/namespaces/${namespace}/pods`]
    .map(async (path) => (await api.list(path)).items));
  return { deployments: deployments!, sets: sets!, pods: pods! };
}

async function unsettled(api: KubeApi, namespace: string): Promise<string[]> {
  const { deployments, sets, pods } = await contents(api, namespace);
  const problems: string[] = [];
  for (const deployment of deployments) {
    const { name, uid, generation } = deployment.metadata;
    const { spec, status } = scaled(deployment);
    if (status?.observedGeneration !== generation) problems.push(`${name}: generation ${String(generation)}, observed ${status?.observedGeneration ?? 'none'}`);
    // What ends gets no replicas any more.
    if (ending(deployment)) continue;
    const own = sets.filter((set) => ownerOf(set) === uid);
    const sum = own.reduce((total, set) => total + scaled(set).spec.replicas, 0);
    if (sum !== spec.replicas) problems.push(`${name}: ReplicaSets for ${sum} pods, ${spec.replicas} asked for`);
    for (const set of own) {
      const count = pods.filter((pod) => ownerOf(pod) === set.metadata.uid && !ending(pod)).length;
      if (count !== scaled(set).spec.replicas || scaled(set).status?.replicas !== count) problems.push(`${set.metadata.name}: ${count} pods, status ${scaled(set).status?.replicas ?? 0}, ${scaled(set).spec.replicas} asked for`);
    }
  }
  return problems;
}

/** Cell, kind by uid and name → version. */
async function versions(cells: Cells, namespace: string): Promise<Map<string, string>> {
  const found = await Promise.all(cells.cells.map(async ({ name: cell, api }) =>
    Object.entries(await contents(api, namespace)).flatMap(([kind, list]) => list.map(({ metadata: { name, uid, resourceVersion } }) => [`${cell}: ${kind} ${name} ${uid ?? ''}`, resourceVersion ?? ''] as const))));
  return new Map(found.flat());
}

/** What has been written, made or removed between two looks. */
const differing = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((object) => before.get(object) !== after.get(object));

/** Problems; waits until there are none on either side and nothing has been written for a while: the last pods of a rollout, and what the garbage collector takes, come when the counts are right already. */
export async function settles(cells: Cells, namespace: string): Promise<string[]> {
  let problems: string[] = [];
  await until('controllers are done', 120, async () => {
    problems = (await Promise.all(cells.cells.map(async ({ name, api }) => (await unsettled(api, namespace)).map((problem) => `${name}: ${problem}`)))).flat();
    if (problems.length > 0) return false;
    const before = await versions(cells, namespace);
    await sleep(QUIET_MS);
    problems = differing(before, await versions(cells, namespace)).map((object) => `still written although all is as it should be: ${object}`);
    return problems.length === 0;
  }).catch((error: unknown) => {
    if (problems.length === 0) problems = [String(error)];
  });
  return problems;
}
