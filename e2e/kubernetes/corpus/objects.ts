/** The objects of the corpus, and how a control plane is given them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { KubeError, type KubeApi, type KubeObject } from '../kube-api.ts';
import { until } from '../scenario.ts';

/** In the order in which they can be created. */
export function objects(): KubeObject[] {
  return load(readFileSync(join(import.meta.dirname, 'objects.yaml'), 'utf8')) as KubeObject[];
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** What apiserver serves. */
export class Discovery {
  private readonly api: KubeApi;
  private readonly known = new Map<string, readonly Resource[]>();

  constructor(api: KubeApi) {
    this.api = api;
  }

  /** The path of the objects of a kind. */
  async path(object: KubeObject): Promise<string> {
    const { apiVersion = '', kind, metadata } = object;
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const resource = (await this.resources(root)).find((candidate) => candidate.kind === kind && !candidate.name.includes('/'));
    if (resource === undefined) throw new Error(`${apiVersion} ${kind} is not served`);
    return `${root}/${resource.namespaced ? `namespaces/${metadata.namespace}/` : ''}${resource.name}`;
  }

  /** Group and kind of all that can be created and listed: what is stored. */
  async stored(): Promise<string[]> {
    interface Groups { readonly groups: readonly { readonly name: string; readonly versions: readonly { readonly groupVersion: string }[] }[] }
    const { groups } = (await this.api.get('/apis')) as Groups;
    const found = new Set<string>();
    for (const { name, root } of [{ name: '', root: '/api/v1' }, ...groups.flatMap((group) => group.versions.map((version) => ({ name: group.name, root: `/apis/${version.groupVersion}` })))]) {
      for (const { kind, verbs } of await this.resources(root)) if (verbs.includes('create') && verbs.includes('list')) found.add(`${name}/${kind}`);
    }
    return [...found];
  }

  private async resources(root: string): Promise<readonly Resource[]> {
    const cached = this.known.get(root);
    if (cached !== undefined) return cached;
    const { resources } = (await this.api.get(root)) as { resources: Resource[] };
    this.known.set(root, resources);
    return resources;
  }
}

/** Creates all; with them what only an update or a status can bring. */
export async function createAll(api: KubeApi, discovery: Discovery): Promise<void> {
  // Some need others: classes, a definition that is served a moment after it was made. So what fails is tried again.
  let waiting = objects();
  const failures = new Map<KubeObject, string>();
  await until('everything is created', 20, async () => {
    failures.clear();
    for (const object of waiting) await create(api, discovery, object).catch((error: unknown) => failures.set(object, String(error)));
    waiting = [...failures.keys()];
    return waiting.length === 0;
  }).catch(() => {
    throw new Error(`not created:\n${[...failures.values()].join('\n')}`);
  });
  await api.patch('/api/v1/namespaces/corpus/pods/full/status', { status: podStatus });
  await api.patch('/apis/apps/v1/namespaces/corpus/deployments/full/status', { status: { observedGeneration: 1, replicas: 1, unavailableReplicas: 1, conditions: [condition('Progressing', { lastUpdateTime: when })] } });
  await api.patch('/apis/example.test/v1/namespaces/corpus/things/one/status', { status: { replicas: 2, conditions: [condition('Ready', {})] } });
  await api.patch('/apis/apps/v1/namespaces/corpus/deployments/full', { metadata: { annotations: { changed: 'yes' } } });
  // Finalizers hold them: terminating.
  await api.remove('/api/v1/namespaces/corpus/configmaps/full');
  await api.remove('/apis/example.test/v1/namespaces/corpus/things/one');
}

async function create(api: KubeApi, discovery: Discovery, object: KubeObject): Promise<void> {
  try {
    await api.create(await discovery.path(object), object);
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 409)) throw error;
  }
}

const when = '2026-01-02T03:04:05Z';
const condition = (type: string, more: object): object => ({ type, status: 'True', reason: 'Because', message: '<it> & is', lastTransitionTime: when, ...more });

const podStatus = {
  phase: 'Running',
  hostIP: '192.0.2.30',
  podIP: '10.1.2.3',
  podIPs: [{ ip: '10.1.2.3' }, { ip: '2001:db8::1' }],
  startTime: when,
  conditions: [condition('Ready', { lastProbeTime: null }), { type: 'Initialized', status: 'False', lastProbeTime: null, lastTransitionTime: null }],
  containerStatuses: [{
    name: 'main', ready: false, started: true, restartCount: 3, image: 'example.test/main:1', imageID: 'i', containerID: 'c', state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: -1, signal: 9, reason: 'Error', startedAt: when, finishedAt: when, containerID: 'c' } }, allocatedResources: { cpu: '250m' },
  }],
};
