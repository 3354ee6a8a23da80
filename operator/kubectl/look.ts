/** What there is to know about EdgeStores, from an apiserver: the resources, their pods, and what each replica says at /metrics. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { figuresOf } from '../../datastore/admin/figures.ts';
import type { Figures } from '../../datastore/admin/figures.ts';
import { kinds } from '../desired/kinds.ts';
import { selectorText } from '../desired/names.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { Condition, LagBucket, ReplicaStatus } from '../resource/status.ts';
import { createClient } from '../runtime/client.ts';
import type { Connection } from '../runtime/connection.ts';
import { pathOf } from '../runtime/objects.ts';
import type { KubeObject } from '../runtime/objects.ts';

export interface Replica extends Partial<Figures> {
  readonly pod: string;
  readonly node?: string;
  /** Of the pod: it may get clients. */
  readonly ready: boolean;
  /** How far it is behind, as the operator says. */
  readonly lag?: LagBucket;
  /** Why it could not be asked. */
  readonly error?: string;
}

export interface Store {
  readonly namespace: string;
  readonly name: string;
  readonly desired: number;
  readonly ready: number;
  readonly phase?: string;
  readonly clusterId?: string;
  /** The pod that is being taken out. */
  readonly draining?: string;
  readonly conditions: readonly Condition[];
  readonly replicas: readonly Replica[];
}

const ANSWER_MS = 10_000;
const PAGE_BYTES_MAX = 16 * 1_048_576;

/** The cluster's own role `view` lacks it, for it reaches every page of every pod: who may only view sees what the operator says. */
const NO_PROXY = 'needs get of pods/proxy, which the roles edit and admin have';

/** A page of a pod, by way of the apiserver. @throws Error with what it said instead */
async function page(connection: Connection, path: string): Promise<string> {
  const headers = await connection.headers();
  return new Promise((resolve, reject) => {
    const options = { agent: connection.agent as never, headers, signal: AbortSignal.timeout(ANSWER_MS) };
    const call = (connection.server.startsWith('http:') ? httpRequest : httpsRequest)(connection.server + path, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (body.length > PAGE_BYTES_MAX) response.destroy(new Error('the page is too large'));
      });
      response.on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(response.statusCode === 403 ? NO_PROXY : `HTTP ${response.statusCode}: ${messageIn(body)}`))));
    });
    call.on('error', reject);
    call.end();
  });
}

/** Of a metav1.Status; otherwise the text itself, shortened. */
function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body.slice(0, 200);
  } catch {
    return body.trim().slice(0, 200);
  }
}

interface Pod extends KubeObject {
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly { readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[] }[] };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function replica(connection: Connection, pod: Pod, told: ReplicaStatus | undefined): Promise<Replica> {
  const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const port = pod.spec?.containers?.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === 'metrics')?.containerPort;
  const known = {
    pod: pod.metadata.name, ready,
    ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...(told === undefined ? {} : { slot: told.slot, lag: told.lag, ...(told.version === undefined ? {} : { version: told.version }) }),
  };
  if (pod.status?.phase !== 'Running' || port === undefined) return { ...known, error: port === undefined ? 'it has no port "metrics"' : (pod.status?.phase ?? 'Pending').toLowerCase() };
  try {
    return { ...known, ...figuresOf(await page(connection, `${pathOf(kinds.pod, pod.metadata.namespace ?? '', `${pod.metadata.name}:${port}`, 'proxy')}/metrics`)) };
  } catch (error) {
    return { ...known, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Pods in the order of their ordinals: NAME-2 before NAME-10. */
const byName = (a: Pod, b: Pod): number => a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true });

/** @param namespace null: all. @throws ApiError */
export async function look(connection: Connection, namespace: string | null, name?: string): Promise<Store[]> {
  const client = createClient(connection, 'kubectl-edgestore');
  const get = (path: string, labelSelector?: string): Promise<KubeObject> => client.call({ method: 'GET', path, query: { labelSelector } });
  const found = await get(pathOf(kinds.edgestore, namespace, name));
  const stores = (name === undefined ? found['items'] : [found]) as EdgeStore[];
  return Promise.all(stores.map(async ({ metadata, spec, status }): Promise<Store> => {
    const pods = (await get(pathOf(kinds.pod, metadata.namespace), selectorText(metadata.name)))['items'] as Pod[];
    return {
      namespace: metadata.namespace,
      name: metadata.name,
      desired: spec.replicas,
      ready: status?.readyReplicas ?? 0,
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.clusterId === undefined ? {} : { clusterId: status.clusterId }),
      ...(status?.drain === undefined ? {} : { draining: status.drain.pod }),
      conditions: status?.conditions ?? [],
      replicas: await Promise.all(pods.sort(byName).map((pod) => replica(connection, pod, status?.replicaStatus?.find(({ name: of }) => of === pod.metadata.name)))),
    };
  }));
}
