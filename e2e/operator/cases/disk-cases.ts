/** Replicas that come, go, and whose disks return: nothing deleted may come back with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DrainWatch, createStore } from '../install.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { count, logs, podOf, setSize, writes } from './case.ts';
import type { Case } from './case.ts';
import { claimGone, claims, copyDisk, deleteClaim, putBack } from './disks.ts';
import type { DiskCopy } from './disks.ts';
import { kill9 } from './harm.ts';

const ADOPT = 'edgestore.dev/adopt-volumes';

export async function disks({ cluster, store, step }: Case): Promise<void> {
  let copy: DiskCopy | undefined;
  await step('5 → 2 → 5: one drains at a time, the volumes go, the new ones are other logs', async () => {
    await store.scale(5);
    await store.ready(5, 240);
    await sleep(2_000);
    const before = await logs(store);
    copy = await copyDisk(store, 4, 'copy');
    const watch = new DrainWatch(store);
    await store.scale(2);
    await store.ready(2, 300);
    await watch.stop();
    expect(watch.problems.length === 0, watch.problems.join('\n'));
    expect(await claims(cluster, store) === '0,1', `claims ${await claims(cluster, store)}`);
    await sleep(2_000);
    await store.scale(5);
    await store.ready(5, 240);
    const after = await until('five replicas are in status', 60, async () => {
      const found = await logs(store);
      return found.size === 5 && [...found.values()].every((log) => log !== '') ? found : undefined;
    });
    const same = [0, 1, 2, 3, 4].filter((slot) => before.get(slot) === after.get(slot)).join();
    expect(same === '0,1', `the logs of ${same} go on; of 0,1 they should`);
    return [...watch.seen].join(', ');
  });

  const labels = { 'app.kubernetes.io/name': 'edgestore', 'app.kubernetes.io/instance': 'shop', 'app.kubernetes.io/managed-by': 'edgestore-operator' };
  await step('the volume of a removed replica put back by hand, with its labels: it is not used, and an Event says what to do', async () => {
    expect(copy !== undefined, 'there is no copy');
    await store.scale(4);
    await store.ready(4, 180);
    await claimGone(store, 4);
    await putBack(store, 4, copy, 'put-back-1', labels);
    await store.scale(5);
    const degraded = await until('it says so', 60, async () => {
      const found = await store.condition('Degraded');
      return found?.status === 'True' && found.message.includes('data-shop-4') ? found : undefined;
    });
    expect(await setSize(store) === 4, `${await setSize(store)} replicas`);
    expect(count(await store.events(), 'StaleVolume') > 0, (await store.events()).slice(-5).join('\n'));
    await deleteClaim(store, 4);
    await store.ready(5, 180);
    return degraded.message;
  });

  await step('the same without labels, so that the operator does not know it: the replica begins a new log, nothing of the old one is merged', async () => {
    expect(copy !== undefined, 'there is no copy');
    await store.scale(4);
    await store.ready(4, 180);
    await claimGone(store, 4);
    const old = await logs(store);
    await putBack(store, 4, copy, 'put-back-2', {});
    await store.scale(5);
    await store.ready(5, 180);
    await writes(store, 4);
    const now = (await logs(store)).get(4);
    expect(now !== undefined && now !== '' && ![...old.values()].includes(now), `log ${now}`);
    return `log ${now}`;
  });

  await step('back to three', async () => {
    await store.scale(3);
    await store.ready(3, 240);
  });

  await step('all pods killed at once: every acknowledged write is there after the restart', async () => {
    const pods = await store.pods();
    kill9(...pods);
    await until('they have been restarted', 60, async () => (await store.pods()).every((pod, i) => (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > (pods[i]?.status.containerStatuses?.[0]?.restartCount ?? 0)));
    await store.ready(3, 180);
  });

  await step('deleted and created again, volumes retained: refused without the annotation; with it the same data and the same cluster', async () => {
    const { status, spec } = await store.get();
    const before = await claims(cluster, store);
    await cluster.kubectl(['delete', 'edgestore', store.name, '-n', store.namespace, '--timeout=120s']);
    await until('its pods are gone', 120, async () => (await store.pods()).length === 0);
    expect(await claims(cluster, store) === before, `claims ${await claims(cluster, store)}, before ${before}`);
    await createStore(cluster, store.namespace, store.name, spec);
    const refused = await until('it is refused', 60, async () => {
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
    await podOf(store, 2);
    return why;
  });

  await step('retention Delete: volumes and identity go with the EdgeStore', async () => {
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
}
