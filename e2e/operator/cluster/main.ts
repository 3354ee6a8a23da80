/**
 * The image and the cluster by themselves, without operator: the image is the same every time, small, runs without root and with nothing to write to;
 * pods of a StatefulSet find each other, survive being killed all at once under load, and leave nothing behind on the host, nor does a cluster that
 * was killed.
 *
 *   node e2e/operator/cluster/main.ts [--name e2e] [--keep] [--only REGEXP]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { down, up } from '../../../hack/cluster/lifecycle.ts';
import { edgestoreImage, versionOf } from '../../../hack/image/main.ts';
import { hostNetwork, traces } from '../host-state.ts';
import { ROOT, RealCluster, until } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { Store, isReady } from '../store.ts';
import { Traffic } from '../traffic/traffic.ts';
import { handMade } from './stateful-set.ts';

const { values } = parseArgs({ options: { name: { type: 'string', default: 'e2e-base' }, keep: { type: 'boolean', default: false }, only: { type: 'string' } } });
const steps = new Steps('operator/cluster', values.only);
const network = hostNetwork();
const from = Date.now();
let cluster = await RealCluster.start(values.name, values.keep);
const { folder } = cluster.settings;
let number = cluster.settings.net?.number ?? 0;
console.log(`cluster ready after ${((Date.now() - from) / 1000).toFixed(1)} s`);
const namespace = 'default';
const store = new Store(cluster, namespace, 'es');
const ready = (count: number, timeout_s: number): Promise<true> => until(`${count} ready pods`, timeout_s, async () => {
  const pods = await store.pods();
  return pods.length === count && pods.every(isReady) ? true : undefined;
});
const image = cluster.loadImage();

try {
  await steps.run('up again changes nothing', async () => {
    const pid = readFileSync(join(folder, 'supervisor.pid'), 'utf8');
    await up(values.name, 'full', 'etcd', console.log);
    expect(readFileSync(join(folder, 'supervisor.pid'), 'utf8') === pid, 'another cluster was started');
    expect(hostNetwork() === network, `the host had ${network}, has ${hostNetwork()}`);
  });

  await steps.run('two builds of the image have the same digest, and it is under 200 MB', () => {
    const again = edgestoreImage(ROOT, image.name, versionOf(ROOT));
    expect(again.digest === image.digest, `${image.digest}, then ${again.digest}`);
    expect(image.unpackedBytes < 200e6, `${image.unpackedBytes} bytes unpacked`);
    return Promise.resolve(`${image.digest}, ${(image.archiveBytes / 1e6).toFixed(1)} MB, unpacked ${(image.unpackedBytes / 1e6).toFixed(1)} MB`);
  });

  await steps.run('three pods of a StatefulSet, as restricted as pods can be, find each other by names that come late', async () => {
    await cluster.kubectl(['label', 'namespace', namespace, '--overwrite', 'pod-security.kubernetes.io/enforce=restricted']);
    await cluster.apply(...handMade(store.name, namespace, 3, image.name));
    await ready(3, 180);
    const status = await cluster.kubectl(['exec', '-n', namespace, `${store.name}-1`, '--', 'edgestore', 'status', '--endpoints', 'localhost:2379']);
    expect(/2\/2/.test(status), `not connected to both others:\n${status}`);
  });

  await steps.run('one pod deleted, then all killed at once, under load: nothing acknowledged is lost, no watcher misses an event', async () => {
    const traffic = new Traffic(store, { writers: 2, pause_ms: 10, roaming: 2 });
    await sleep(3_000);
    await cluster.kubectl(['delete', 'pod', '-n', namespace, `${store.name}-1`]);
    await ready(3, 120);
    await sleep(2_000);
    await cluster.kubectl(['delete', 'pod', '-n', namespace, ...[0, 1, 2].map((i) => `${store.name}-${i}`), '--grace-period=0', '--force']);
    await ready(3, 180);
    await sleep(2_000);
    return traffic.finish();
  });

  await steps.run('volumes: made on demand for the pod\'s group, grown, deleted with their claim', async () => {
    const id = await cluster.kubectl(['exec', '-n', namespace, `${store.name}-0`, '--', 'node', '-p', '(({mode,gid})=>(mode & 0o7777).toString(8)+" "+gid)(fs.statSync("/var/lib/edgestore"))']);
    expect(/^2?7?\d7\d 65532/.test(id.trim()), `mode and group of the volume: ${id}`);
    await cluster.kubectl(['patch', 'pvc', `data-${store.name}-0`, '-n', namespace, '-p', '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}']);
    await until('the claim has grown', 60, async () => (await cluster.kubectl(['get', 'pvc', `data-${store.name}-0`, '-n', namespace, '-o', 'jsonpath={.status.capacity.storage}'])) === '2Gi');
    await cluster.kubectl(['delete', 'statefulset,service', '--all', '-n', namespace, '--cascade=foreground']);
    await cluster.kubectl(['delete', 'pvc', '--all', '-n', namespace]);
    await until('the volumes are gone', 60, async () => (await cluster.kubectl(['get', 'pv', '-o', 'name'])).trim() === '');
  });

  await steps.run('a cluster whose supervisor is killed leaves nothing running; up starts over, down removes it all', async () => {
    const { pid } = JSON.parse(readFileSync(join(folder, 'supervisor.pid'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await until('no process, device or mount is left', 30, async () => (await traces(number, folder)).filter((line) => line !== folder && !line.startsWith('/sys/')).length === 0);
    cluster.api.close();
    cluster = await RealCluster.start(values.name, true);
    number = cluster.settings.net?.number ?? 0;
    await cluster.kubectl(['get', 'nodes']);
    await down(values.name);
    const left = await traces(number, folder);
    expect(left.length === 0, `left behind:\n${left.join('\n')}`);
    expect(hostNetwork() === network, `the host had ${network}, has ${hostNetwork()}`);
  });
} finally {
  if (steps.failed) await cluster.diagnose(namespace);
  cluster.api.close();
  if (!values.keep) await down(values.name);
}
process.exit(steps.failed ? 1 : 0);
