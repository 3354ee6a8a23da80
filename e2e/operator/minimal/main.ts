/**
 * The first day with EdgeStore on a real cluster: helm install, kubectl apply of the minimal sample, another apiserver on it, helm test, scaling in and
 * out while everybody writes.
 *
 *   node e2e/operator/minimal/main.ts [--name e2e] [--keep] [--only REGEXP]
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlPlane } from '../../kubernetes/control-plane.ts';
import { createDeployment, createNodes, rolledOut } from '../../kubernetes/scenario.ts';
import { TempDir } from '../../support/temp.ts';
import { DrainWatch, RELEASE, SYSTEM, install, restrictedNamespace } from '../install.ts';
import { RealCluster, until } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { Store } from '../store.ts';
import { Traffic } from '../traffic/traffic.ts';
import { rights } from './rights.ts';

const { values } = parseArgs({ options: { name: { type: 'string', default: 'e2e-min' }, keep: { type: 'boolean', default: false }, only: { type: 'string' } } });
const steps = new Steps('operator/minimal', values.only);
const namespace = 'shop';
const from = Date.now();
await using dir = TempDir.create('minimal');
await using cluster = await RealCluster.start(values.name, values.keep);
console.log(`cluster ready after ${((Date.now() - from) / 1000).toFixed(1)} s`);
const image = cluster.loadImage();
const store = new Store(cluster, namespace, 'minimal');

await steps.run('helm install, kubectl apply of the minimal sample: three ready replicas, and kubectl get says so', async () => {
  const begin = Date.now();
  await install(cluster);
  const installed = Date.now();
  await restrictedNamespace(cluster, namespace);
  await cluster.kubectl(['apply', '-n', namespace, '-f', 'crds/samples/minimal.yaml']);
  await store.ready(3, 180);
  const took = (Date.now() - installed) / 1000;
  const table = await until('Synced', 60, async () => {
    const text = await cluster.kubectl(['get', 'est', '-n', namespace]);
    return /minimal +3 +3 +True +Ready/.test(text) ? text : undefined;
  });
  expect(/^NAME +DESIRED +READY +SYNCED +STATUS +AGE/.test(table), table);
  const pods = await store.pods();
  expect(pods.every((pod) => pod.spec.containers[0]?.image === image.name), `images: ${pods.map((pod) => pod.spec.containers[0]?.image).join(', ')}`);
  return `helm install ${((installed - begin) / 1000).toFixed(1)} s, ready ${took.toFixed(1)} s after kubectl apply`;
});

await steps.run('an unmodified kube-apiserver with its controllers works on the Service for clients', async () => {
  await using plane = await ControlPlane.create({ dir, name: 'second', etcd: await store.clientUrl() });
  const ready_s = await plane.start(180);
  await createNodes(plane.api, 2);
  await createDeployment(plane.api, 'tenant', 'web', 20);
  const rolled_s = await rolledOut(plane.api, 'tenant', 'web', 20, 180);
  const ended = plane.ended();
  expect(ended.length === 0, ended.join('\n'));
  const everywhere = await store.converged('/registry/pods/', 60);
  expect(everywhere.size === 20, `${everywhere.size} pods in the store, 20 were made`);
  return `apiserver ready after ${ready_s.toFixed(1)} s, 20 pods after ${rolled_s.toFixed(1)} s, the same at every replica`;
});

await steps.run('helm test passes', async () => {
  const text = await cluster.helm(['test', RELEASE, '-n', SYSTEM, '--timeout', '4m']);
  expect(/Succeeded/.test(text), text);
});

await steps.run('kubectl edgestore status: with role view what the operator says and which right is missing, with edit everything, with none a clear refusal', () => rights(cluster, store));

await steps.run('3 → 2 → 3 replicas while everybody writes: one drains at a time, nothing acknowledged is lost, no watcher misses an event, no deleted key returns', async () => {
  const traffic = new Traffic(store, { writers: 2, pause_ms: 15, roaming: 3 });
  const drains = new DrainWatch(store);
  await sleep(3_000);
  await store.scale(2);
  await store.ready(2, 180);
  await until('the volume of minimal-2 is deleted', 60, async () => !(await cluster.kubectl(['get', 'pvc', '-n', namespace, '-o', 'name'])).includes('data-minimal-2'));
  await sleep(2_000);
  await store.scale(3);
  const after = await store.ready(3, 180);
  await sleep(3_000);
  await drains.stop();
  const text = await traffic.finish();
  expect(drains.problems.length === 0, drains.problems.join('\n'));
  expect([...drains.seen].every((pod) => pod === 'minimal-2'), `drained: ${[...drains.seen].join(', ')}`);
  const members = after.status?.replicaStatus?.map(({ slot }) => slot).join(',');
  expect(members === '0,1,2', `slots ${members}`);
  const events = await store.events();
  const story = ['DrainStarted', 'ReplicaRemoved', 'ScaledIn', 'VolumeDeleted', 'ScalingOut'];
  const missing = story.filter((reason) => !events.some((event) => event.startsWith(`${reason}:`)));
  expect(missing.length === 0, `no Event ${missing.join(', ')} among:\n${events.join('\n')}`);
  return text;
});

await steps.run('kubectl delete removes what was made; volumes stay, as asked for by default', async () => {
  await cluster.kubectl(['delete', 'edgestore', 'minimal', '-n', namespace, '--timeout=120s']);
  await until('the pods are gone', 120, async () => (await store.pods()).length === 0);
  const claims = (await cluster.kubectl(['get', 'pvc', '-n', namespace, '-o', 'name'])).trim().split('\n').length;
  expect(claims === 3, `${claims} claims are left`);
});

if (steps.failed) await cluster.diagnose(namespace);
await cluster[Symbol.asyncDispose]();
process.exit(steps.failed ? 1 : 0);
