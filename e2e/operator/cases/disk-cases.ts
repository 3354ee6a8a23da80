/** Replicas that come, go, and whose disks return: nothing deleted may come back with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DrainWatch } from '../install.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { logs, setSize, told, writes } from './case.ts';
import type { Case } from './case.ts';
import { claimGone, claims, copyDisk, deleteClaim, putBack } from './disks.ts';
import type { DiskCopy } from './disks.ts';

export async function disks({ cluster, store, step }: Case): Promise<void> {
  const { name } = store;
  let copy: DiskCopy | undefined;
  await step('scaled', '5 → 2 → 5: one drains at a time, the volumes go, the new ones are other logs', async () => {
    const before = await logs(store);
    copy = await copyDisk(store, 4, 'copy');
    const watch = new DrainWatch(store);
    await store.scale(2);
    await store.ready(2, 300);
    await watch.stop();
    expect(watch.problems.length === 0, watch.problems.join('\n'));
    expect(await claims(cluster, store) === '0,1', `claims ${await claims(cluster, store)}`);
    // Whole, one after the other: a drain that was not seen while it lasted has its place in the story.
    const story = (await store.events()).filter((event) => /^(DrainStarted|ReplicaRemoved|ScaledIn):/.test(event)).map((event) => `${event.slice(0, event.indexOf(':'))} ${/-(\d+)/.exec(event)?.[1]}`);
    const expected = [4, 3, 2].flatMap((ordinal) => ['DrainStarted', 'ReplicaRemoved', 'ScaledIn'].map((reason) => `${reason} ${ordinal}`));
    expect(story.join() === expected.join(), `the story: ${story.join(', ')}`);
    await sleep(2_000);
    await store.scale(5);
    await store.ready(5, 240);
    const after = await until('five replicas are in status', 60, async () => {
      const found = await logs(store);
      return found.size === 5 && [...found.values()].every((log) => log !== '') ? found : undefined;
    });
    const same = [0, 1, 2, 3, 4].filter((slot) => before.get(slot) === after.get(slot)).join();
    expect(same === '0,1', `the logs of ${same} go on; of 0,1 they should`);
    return `seen draining: ${[...watch.seen].join(', ')}`;
  });

  const labels = { 'app.kubernetes.io/name': 'edgestore', 'app.kubernetes.io/instance': name, 'app.kubernetes.io/managed-by': 'edgestore-operator' };
  await step('putBack', 'the volume of a removed replica put back by hand, with its labels: it is not used, and an Event says what to do', async () => {
    expect(copy !== undefined, 'there is no copy');
    await store.scale(4);
    await store.ready(4, 180);
    await claimGone(store, 4);
    await putBack(store, 4, copy, `${name}-back-1`, labels);
    await store.scale(5);
    const degraded = await until('it says so', 60, async () => {
      const found = await store.condition('Degraded');
      return found?.status === 'True' && found.message.includes(`data-${name}-4`) ? found : undefined;
    });
    expect(await setSize(store) === 4, `${await setSize(store)} replicas`);
    await until('an Event says so', 30, async () => await told(store, 'StaleVolume') > 0);
    await deleteClaim(store, 4);
    await store.ready(5, 180);
    return degraded.message;
  });

  await step('putBack', 'the same without labels, so that the operator does not know it: the replica refuses to start and says why; without that volume another comes', async () => {
    expect(copy !== undefined, 'there is no copy');
    const pod = `${name}-4`;
    await store.scale(4);
    await store.ready(4, 180);
    await claimGone(store, 4);
    const old = await logs(store);
    await putBack(store, 4, copy, `${name}-back-2`, {});
    await store.scale(5);
    const why = await until(`${pod} says why it does not start`, 180, async () => {
      const said = await cluster.kubectl(['logs', '-n', store.namespace, pod]);
      return said.split('\n').find((line) => line.includes('has been removed from its cluster for good'));
    }, 1_000);
    const { status } = await store.get();
    expect(status?.readyReplicas === 4 && !(await store.endpoints()).some((endpoint) => endpoint.pod === pod), `${status?.readyReplicas} replicas are ready`);
    await store.scale(4);
    await store.ready(4, 180);
    await deleteClaim(store, 4);
    await store.scale(5);
    await store.ready(5, 180);
    await writes(store, 4);
    const now = await until('its log is in status', 60, async () => (await logs(store)).get(4));
    expect(now !== '' && ![...old.values()].includes(now), `log ${now}`);
    return (JSON.parse(why) as { msg: string }).msg;
  });
}
