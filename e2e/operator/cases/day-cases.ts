/** What happens to pods and nodes on any day, and an EdgeStore that is deleted by mistake. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createStore } from '../install.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { podOf, setSize, writes } from './case.ts';
import type { Case } from './case.ts';
import { claims } from './disks.ts';
import { Fewest, cordon, deletePod, kill9, replaced } from './harm.ts';

const ADOPT = 'edgestore.dev/adopt-volumes';

export async function days({ cluster, store, step }: Case): Promise<void> {
  await step('away', 'a pod deleted: as many replicas as before, it is back on its volume', async () => {
    const pod = await podOf(store, 1);
    const from = Date.now();
    await deletePod(cluster, pod);
    await replaced(cluster, pod);
    expect(await setSize(store) === 3 && await claims(cluster, store) === '0,1,2', `${await setSize(store)} replicas, claims ${await claims(cluster, store)}`);
    await writes(store, 1);
    await store.ready(3, 120);
    return `back after ${((Date.now() - from) / 1000).toFixed(1)} s`;
  });

  await step('killed', 'all pods killed at once: every acknowledged write is there after the restart', async () => {
    const pods = await store.pods();
    kill9(...pods);
    await until('they have been restarted', 120, async () => (await store.pods()).every((pod, i) => (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > (pods[i]?.status.containerStatuses?.[0]?.restartCount ?? 0)));
    await store.ready(3, 180);
  });

  await step('adopted', 'deleted and created again, volumes retained: refused without the annotation; with it the same data and the same cluster', async () => {
    const { status, spec } = await store.get();
    const before = await claims(cluster, store);
    await cluster.kubectl(['delete', 'edgestore', store.name, '-n', store.namespace, '--timeout=120s']);
    await until('its pods are gone', 120, async () => (await store.pods()).length === 0);
    expect(await claims(cluster, store) === before, `claims ${await claims(cluster, store)}, before ${before}`);
    await createStore(cluster, store.namespace, store.name, spec);
    const refused = await until('it is refused', 90, async () => {
      const found = await store.get();
      return found.status?.phase === 'Refused' ? found : undefined;
    });
    const why = refused.status?.conditions?.find(({ reason }) => reason === 'VolumesNotAdopted')?.message ?? '';
    expect(why.includes(ADOPT), JSON.stringify(refused.status));
    await sleep(3_000);
    expect((await store.pods()).length === 0, 'pods were made');
    await cluster.api.patch(store.path, { metadata: { annotations: { [ADOPT]: 'true' } } });
    const after = await store.ready(3, 180);
    expect(after.status?.clusterId === status?.clusterId, `cluster ${after.status?.clusterId}, before ${status?.clusterId}`);
    return why;
  });

  await step(null, 'retention Delete: volumes and identity go with the EdgeStore', async () => {
    const gone = await createStore(cluster, store.namespace, 'gone', { replicas: 2, storage: { retention: 'Delete' }, resources: { requests: { cpu: '50m', memory: '128Mi' } } });
    await gone.ready(2, 180);
    await cluster.kubectl(['delete', 'edgestore', 'gone', '-n', store.namespace, '--timeout=120s']);
    await until('everything is gone', 120, async () => {
      const { items } = await cluster.api.list(`/api/v1/namespaces/${store.namespace}/secrets`);
      return await claims(cluster, gone) === '' && (await gone.pods()).length === 0 && !items.some(({ metadata }) => metadata.name.startsWith('gone-'));
    });
    const { items } = await cluster.api.list(`/api/v1/namespaces/${store.namespace}/events`);
    const failed = items.filter((event) => String(event['reason']).startsWith('Failed') && JSON.stringify(event['involvedObject']).includes('gone')).map((event) => `${String(event['reason'])}: ${String(event['message'])}`);
    return failed.length === 0 ? undefined : `Events: ${failed.join('; ')}`;
  });

  await step('evicted', 'a node is drained: the PodDisruptionBudget lets one replica go, what it had acknowledged is with the others', async () => {
    const fewest = new Fewest(() => store.pods());
    const selector = `app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=${store.name}`;
    const said = await cluster.kubectl(['drain', cluster.settings.name, '--ignore-daemonsets', '--delete-emptydir-data', `--pod-selector=${selector}`, '--timeout=15s']).catch(String);
    expect(/Cannot evict pod as it would violate the pod's disruption budget/.test(said), said);
    expect(await fewest.stop() >= 2, `${fewest.ready} replicas were ready`);
    expect((await store.endpoints()).length === 2, `${(await store.endpoints()).length} replicas are ready`);
    return said.split('\n').find((line) => line.includes('evicting')) ?? '';
  });
  // Checked above while it is away: it had flushed.
  await step('evicted', 'the node takes pods again: the replica is back', async () => {
    await cordon(cluster, false);
    await store.ready(3, 180);
    expect(await setSize(store) === 3, `${await setSize(store)} replicas`);
  });
}
