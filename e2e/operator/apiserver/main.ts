/**
 * The operator against a real apiserver and real controllers; nodes, pods and volumes are played (KWOK), replicas answer from one process.
 *
 *   node e2e/operator/apiserver/main.ts [--only REGEXP] [--edgestores 200] [--replicas 1]
 *
 * Every rule of the CRD and hostile values; two operators and one Lease; what it writes and what it is allowed to; many EdgeStores. Replicas that hold
 * data are in the suites on a real cluster.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from 'js-yaml';
import { ownNamespaceRules, resourceRules } from '../../../operator/rbac.ts';
import { customResourceDefinition } from '../../../operator/resource/edgestore.ts';
import { ControlPlane } from '../../kubernetes/control-plane.ts';
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { kwokConfig } from '../../kubernetes/kwok.ts';
import { createNodes } from '../../kubernetes/scenario.ts';
import { ROOT, edgestoreCluster } from '../../support/edgestore.ts';
import { TempDir } from '../../support/temp.ts';
import { foreignCrds } from '../../tools/crds.ts';
import { Steps, expect } from '../steps.ts';
import { until } from '../real-cluster.ts';
import { deeds, isWrite, writePolicy } from './audit.ts';
import { ACCOUNT, OperatorProcess, createAccount } from './operator-process.ts';
import { accepted, refusals } from './refusals.ts';
import { PlayedReplicas } from './replicas.ts';
import { PlayedVolumes } from './volumes.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, edgestores: { type: 'string', default: '200' }, replicas: { type: 'string', default: '1' } } });
const steps = new Steps('operator/apiserver', values.only);
const many = Number(values.edgestores);
const each = Number(values.replicas);
const LOOK_S = 5;

await using dir = TempDir.create('operator');
await using store = await edgestoreCluster({ dir });
await store.start();
writePolicy(dir.join('audit-policy.json'));
const auditLog = dir.join('audit.log');
// One address of the many that loopback has: the replicas' port is fixed.
const address = `127.${64 + (process.pid % 64)}.${(process.pid >> 6) % 250}.1`;
await using _replicas = await PlayedReplicas.start(address);
await using plane = await ControlPlane.create({
  dir, name: 'plane', etcd: store.members[0]?.endpoint ?? '', kwok: kwokConfig(address),
  // It asks for edgestores/finalizers, where ownerReferences block deletion.
  apiserverFlags: ['--enable-admission-plugins=OwnerReferencesPermissionEnforcement', `--audit-policy-file=${dir.join('audit-policy.json')}`, `--audit-log-path=${auditLog}`, '--audit-log-mode=blocking'],
});
await plane.start();
const { api } = plane;
await createNodes(api, Math.ceil((many * each) / 100) + 2);
await createAccount(api);
await using _volumes = new PlayedVolumes(api);

const stores = (namespace: string): string => `/apis/edgestore.dev/v1alpha1/namespaces/${namespace}/edgestores`;
const make = (namespace: string, name: string, spec: object, metadata: object = {}): Promise<unknown> =>
  api.create(stores(namespace), { apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', metadata: { name, ...metadata }, spec });
interface Store extends KubeObject { readonly status?: { readonly phase?: string; readonly replicas?: number; readonly readyReplicas?: number; readonly drain?: object; readonly conditions?: { readonly type: string; readonly status: string; readonly message: string }[] } }
const get = async (namespace: string, name: string): Promise<Store> => (await api.get(`${stores(namespace)}/${name}`)) as Store;
const is = (namespace: string, name: string, phase: string, ready: number, timeout_s = 120): Promise<unknown> => until(`${name} is ${phase} with ${ready}`, timeout_s, async () => {
  const { status } = await get(namespace, name);
  return status?.phase === phase && status.readyReplicas === ready && status.replicas === ready;
}).catch(async (error: unknown) => {
  throw new Error(`${String(error)}: ${JSON.stringify((await get(namespace, name)).status)}`);
});
const namespace = (name: string): Promise<unknown> => api.create('/api/v1/namespaces', { metadata: { name } });

await steps.run('the CRD is taken, as a structural schema', async () => {
  await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', customResourceDefinition());
  await until('the CRD is established', 30, async () => {
    const { status } = await api.get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/edgestores.edgestore.dev') as { status?: { conditions?: { type: string; status: string; message: string }[] } };
    const bad = status?.conditions?.find(({ type, status: holds }) => type === 'NonStructuralSchema' && holds === 'True');
    expect(bad === undefined, bad?.message ?? '');
    return status?.conditions?.some(({ type, status: holds }) => type === 'Established' && holds === 'True') === true && await api.list(stores('default')).then(() => true, () => false);
  });
});

await namespace('rules');
let n = 0;
for (const { name, before, spec, metadata, says } of refusals) {
  await steps.run(`refused: ${name}`, async () => {
    const of = `r${n++}`;
    const attempt = before === undefined ? make('rules', of, spec, metadata) : make('rules', of, before).then(() => api.patch(`${stores('rules')}/${of}`, { spec }));
    const answer = await attempt.then(() => 'it was accepted', (error: Error) => error.message);
    expect(answer.includes(says), `expected "${says}", got: ${answer}`);
  });
}
for (const { name, before, spec } of accepted) {
  await steps.run(`taken: ${name}`, async () => {
    const of = `a${n++}`;
    await make('rules', of, before ?? spec);
    if (before !== undefined) await api.patch(`${stores('rules')}/${of}`, { spec });
  });
}
for (const file of readdirSync(`${ROOT}/crds/samples`)) {
  await steps.run(`taken: the sample ${file}`, async () => {
    const sample = load(readFileSync(`${ROOT}/crds/samples/${file}`, 'utf8')) as KubeObject;
    const made = await api.create(`${stores('rules')}?fieldValidation=Strict`, sample) as KubeObject;
    expect(made.metadata.name === sample.metadata.name, JSON.stringify(made));
  });
}
await steps.run('taken away: fields that do not exist', async () => {
  await make('rules', 'unknown', { replicas: 1, shards: 9, storage: { disks: 3 } });
  const { spec } = await get('rules', 'unknown') as unknown as { spec: { shards?: number; replicas: number; storage: { disks?: number; size: string } } };
  expect(spec.shards === undefined && spec.storage.disks === undefined && spec.storage.size === '1Gi', JSON.stringify(spec));
});
await steps.run('/scale has the number of replicas before anything has been reconciled', async () => {
  const scale = await api.get(`${stores('rules')}/unknown/scale`) as { spec: { replicas: number } };
  expect(scale.spec.replicas === 1, JSON.stringify(scale));
});
await api.remove(stores('rules'));

// Kinds of others' that the operator knows, as they define them: what does not fit, server-side apply refuses.
for (const crd of foreignCrds()) await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);

await using first = await OperatorProcess.start(api, dir, 'first', ['--look-interval', String(LOOK_S)]);
await until('an operator leads', 60, () => first.leads);
await using second = await OperatorProcess.start(api, dir, 'second', ['--look-interval', String(LOOK_S)]);
await namespace('shop');

await steps.run('the minimal sample: three ready replicas; the second operator writes nothing', async () => {
  await make('shop', 'minimal', {});
  await is('shop', 'minimal', 'Ready', 3);
  const scale = await api.get(`${stores('shop')}/minimal/scale`) as { spec: { replicas: number }; status: { replicas: number; selector: string } };
  expect(scale.status.replicas === 3 && scale.status.selector === 'app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=minimal', JSON.stringify(scale));
  const writes = await second.metric('rest_client_requests_total', 'method="PATCH"') + await second.metric('rest_client_requests_total', 'method="POST"');
  expect(writes === 0 && !(await second.leads), `the second operator wrote ${writes} times`);
});

await steps.run('killed, its successor takes over and scales in one at a time, volumes and Services included', async () => {
  await api.patch(`${stores('shop')}/minimal`, { spec: { replicas: 5 } });
  await is('shop', 'minimal', 'Ready', 5);
  first.program.kill();
  await api.patch(`${stores('shop')}/minimal`, { spec: { replicas: 2 } });
  await until('the second leads', 60, () => second.leads);
  await is('shop', 'minimal', 'Ready', 2);
  const claims = (await api.list('/api/v1/namespaces/shop/persistentvolumeclaims')).items.map(({ metadata }) => metadata.name);
  expect(claims.join() === 'data-minimal-0,data-minimal-1', claims.join());
  const services = (await api.list('/api/v1/namespaces/shop/services')).items.map(({ metadata }) => metadata.name);
  expect(services.join() === 'minimal-0,minimal-1,minimal-client,minimal-headless', services.join());
});

await steps.run('the same Event again is one Event with a count', async () => {
  for (const replicas of [3, 2, 3, 2]) {
    await api.patch(`${stores('shop')}/minimal`, { spec: { replicas } });
    await is('shop', 'minimal', 'Ready', replicas);
  }
  const counts = (await api.list('/apis/events.k8s.io/v1/namespaces/shop/events')).items
    .filter(({ reason, note }) => reason === 'ScalingOut' && note === 'From 2 to 3 replicas').map(({ series }) => (series as { count?: number } | undefined)?.count ?? 1);
  expect(counts.join() === '2', `counts ${counts.join()}`);
});

await steps.run('everything on, and off again', async () => {
  const on = {
    replicas: 2, autoscaling: { minReplicas: 2, maxReplicas: 4 }, networkPolicy: { enabled: true }, monitoring: { enabled: true },
    tls: { client: { source: 'SelfSigned', clientCertAuth: false }, peer: { source: 'CertManager', issuerRef: { name: 'i' } } },
  };
  await make('shop', 'full', { ...on, tls: { peer: on.tls.peer } });
  // Nobody plays cert-manager yet.
  const waits = (text: string): Promise<unknown> => until(`it says: ${text}`, 60, async () => (await get('shop', 'full')).status?.conditions?.some(({ type, status, message }) => type === 'Degraded' && status === 'True' && message.includes(text)));
  await waits('the peer port waits for its certificate: there is no Secret full-peer-cert');
  await api.patch('/apis/cert-manager.io/v1/namespaces/shop/certificates/full-peer-cert/status', {
    status: { conditions: [{ type: 'Ready', status: 'False', reason: 'DoesNotExist', message: 'Issuer i is not there', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });
  await waits('Issuer i is not there');
  await api.create('/api/v1/namespaces/shop/secrets', { metadata: { name: 'full-peer-cert' }, type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==', 'tls.key': 'YQ==', 'ca.crt': 'YQ==' } });
  await is('shop', 'full', 'Ready', 2);
  const there = async (path: string): Promise<boolean> => api.get(path).then(() => true, () => false);
  const optional = [
    '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/full', '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/full',
    '/apis/monitoring.coreos.com/v1/namespaces/shop/podmonitors/full', '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/full',
  ];
  const certificate = '/apis/cert-manager.io/v1/namespaces/shop/certificates/full-peer-cert';
  for (const path of [...optional, certificate]) expect(await there(path), `${path} is missing`);
  await api.patch(`${stores('shop')}/full`, { spec: { monitoring: { kind: 'ServiceMonitor' }, podDisruptionBudget: { enabled: false } } });
  const monitor = '/apis/monitoring.coreos.com/v1/namespaces/shop/servicemonitors/full-headless';
  await until('another kind of monitor', 30, async () => await there(monitor) && !(await there(optional[2] as string)));
  await api.patch(`${stores('shop')}/full`, { spec: { autoscaling: null, networkPolicy: { enabled: false }, monitoring: { enabled: false }, tls: { peer: { source: 'SelfSigned', issuerRef: null } } } });
  await until('all of it is gone', 60, async () => !(await Promise.all([...optional, certificate, monitor].map(there))).includes(true));
});

await steps.run('somebody else\'s object is left alone, and said', async () => {
  await api.create('/api/v1/namespaces/shop/services', { metadata: { name: 'taken-client' }, spec: { ports: [{ port: 1 }] } });
  await make('shop', 'taken', { replicas: 1 });
  await until('it says so', 60, async () => (await get('shop', 'taken')).status?.conditions?.some(({ type, message }) => type === 'Degraded' && message.includes('there is a Service taken-client that is not this EdgeStore\'s')));
  const service = await api.get('/api/v1/namespaces/shop/services/taken-client') as KubeObject;
  expect((service.metadata as { labels?: object }).labels === undefined, 'the Service was changed');
});

await steps.run('volumes grow, or it is said why not', async () => {
  await api.patch(`${stores('shop')}/minimal`, { spec: { storage: { size: '2Gi' } } });
  await until('it says why', 60, async () => (await get('shop', 'minimal')).status?.conditions?.some(({ type, message }) => type === 'Degraded' && message.includes('data-minimal-0 cannot grow from 1Gi to 2Gi')));
});

await steps.run('deleted and created again: refused, then adopted with the same cluster id', async () => {
  const clusterOf = async (): Promise<string> => ((await get('shop', 'again')).status as { clusterId?: string } | undefined)?.clusterId ?? '';
  await make('shop', 'again', { replicas: 2 });
  await is('shop', 'again', 'Ready', 2);
  const cluster = await clusterOf();
  await api.remove(`${stores('shop')}/again`);
  await until('its pods are gone', 60, async () => (await api.list('/api/v1/namespaces/shop/pods?labelSelector=app.kubernetes.io/instance%3Dagain')).items.length === 0);
  await make('shop', 'again', { replicas: 2 });
  await until('it is refused', 60, async () => (await get('shop', 'again')).status?.phase === 'Refused');
  await api.patch(`${stores('shop')}/again`, { metadata: { annotations: { 'edgestore.dev/adopt-volumes': 'true' } } });
  await is('shop', 'again', 'Ready', 2);
  expect(await clusterOf() === cluster && cluster !== '', `${cluster} became ${await clusterOf()}`);
});

await steps.run('an idle EdgeStore makes no writes', async () => {
  await api.remove(`${stores('shop')}/taken`);
  await api.remove(`${stores('shop')}/minimal`);
  await is('shop', 'full', 'Ready', 2);
  await sleep(5_000);
  const before = deeds(auditLog, ACCOUNT).filter(isWrite);
  await sleep(LOOK_S * 4_000);
  const made = deeds(auditLog, ACCOUNT).filter(isWrite).slice(before.length).filter(({ resource }) => resource !== 'leases');
  expect(made.length === 0, JSON.stringify(made));
  return `${LOOK_S * 4} s, 2 EdgeStores`;
});

await steps.run('RBAC holds exactly what is used', async () => {
  const all = deeds(auditLog, ACCOUNT);
  const refused = all.filter(({ forbidden }) => forbidden);
  expect(refused.length === 0, `refused: ${JSON.stringify(refused.slice(0, 3))}`);
  const used = new Set(all.flatMap(({ apiGroup, resource, verb, code }) => [`${apiGroup}/${resource} ${verb}`, ...(verb === 'patch' && code === 201 ? [`${apiGroup}/${resource} create`] : [])]));
  const held = [...resourceRules, ...ownNamespaceRules].flatMap(({ apiGroups, resources, verbs }) => apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`))));
  // What is asked of the authorizer without being a request. Without it, the steps above would have been refused: the plugin that asks is on.
  const asked = new Set(['edgestore.dev/edgestores/finalizers update']);
  const unused = held.filter((one) => !used.has(one) && !asked.has(one));
  expect(unused.length === 0, `allowed and never used: ${unused.join(', ')}`);
  const elsewhere = [...used].filter((one) => !held.includes(one));
  expect(elsewhere.length === 0, `used, and not of its own roles: ${elsewhere.join(', ')}`);
  return `${all.length} requests, ${used.size} permissions`;
});

await steps.run(`${many} EdgeStores of ${each}: memory, and how long a change takes`, async () => {
  await namespace('many');
  const from = Date.now();
  for (let i = 0; i < many; i += 20) await Promise.all(Array.from({ length: Math.min(20, many - i) }, (_, j) => make('many', `e${i + j}`, { replicas: each })));
  await until(`${many} are ready`, 600, async () => (await second.metric('edgestore_resources', 'phase="Ready"')) >= many, 2_000);
  const ready_s = (Date.now() - from) / 1_000;
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const at = Date.now();
    await api.patch(`${stores('many')}/e${i}`, { spec: { replicas: each + 1 } });
    await until('the StatefulSet follows', 60, async () => ((await api.get(`/apis/apps/v1/namespaces/many/statefulsets/e${i}`)) as unknown as { spec: { replicas: number } }).spec.replicas === each + 1, 20);
    times.push(Date.now() - at);
  }
  times.sort((a, b) => a - b);
  const resident = second.residentMiB();
  expect(resident < 200, `the operator has ${resident.toFixed(0)} MiB resident`);
  return `ready after ${ready_s.toFixed(0)} s; ${resident.toFixed(0)} MiB resident; a change takes ${times[5]} ms (median of 10, highest ${times[9]} ms)`;
});

for (const problem of plane.ended()) console.log(problem);
if (steps.failed) console.log(readFileSync(second.program.logFile, 'utf8').split('\n').slice(-40).join('\n'));
process.exitCode = steps.failed ? 1 : 0;
