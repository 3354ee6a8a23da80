/** Pods and nodes that go away, operators that die, drains that are held up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SYSTEM } from '../install.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { isReady } from '../store.ts';
import type { Pod } from '../store.ts';
import { count, podOf, setSize, writes } from './case.ts';
import type { Case } from './case.ts';
import { age, issued, shown } from './certificate.ts';
import { claims } from './disks.ts';
import { Fewest, cordon, deletePod, kill9, leads, lose, operators, replaced } from './harm.ts';

/** Longer than history is kept (main.ts): who was away so long gets the whole state. */
const AWAY_S = 35;

/** Requests of that method that an operator's pod has made. */
async function requests(pod: Pod, method: string): Promise<number> {
  const text = await (await fetch(`http://${pod.status.podIP}:8080/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('rest_client_requests_total') && line.includes(`method="${method}"`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export async function drains({ cluster, store, step }: Case): Promise<void> {
  await step('two operators: one holds the Lease, the other has written nothing', async () => {
    const { holder, pods } = await operators(cluster, SYSTEM);
    const [leader] = pods.filter((pod) => leads(pod, holder));
    const [other] = pods.filter((pod) => !leads(pod, holder));
    expect(leader !== undefined && other !== undefined, `${holder} of ${pods.map(({ metadata }) => metadata.name).join()}`);
    const [did, didNot] = await Promise.all([requests(leader, 'PATCH'), requests(other, 'PATCH')]);
    expect(did > 0 && didNot === 0, `the leader has written ${did} times, the other ${didNot} times`);
    const removed = await requests(other, 'DELETE') + await requests(other, 'POST');
    expect(removed <= 1, `the other has created or deleted ${removed} times; one attempt to make the Lease is its right`);
    return `${did} writes and none`;
  });

  await step('a pod deleted: as many replicas as before, it is back on its volume', async () => {
    const pod = await podOf(store, 1);
    const from = Date.now();
    await deletePod(cluster, pod);
    await replaced(cluster, pod);
    expect(await setSize(store) === 3 && await claims(cluster, store) === '0,1,2', `${await setSize(store)} replicas, claims ${await claims(cluster, store)}`);
    await writes(store, 1);
    await store.ready(3, 120);
    return `back after ${((Date.now() - from) / 1000).toFixed(1)} s`;
  });

  let oldSerial = '';
  let keeper: Pod | undefined;
  await step('a certificate is renewed: the operator issues another', async () => {
    oldSerial = await issued(store);
    keeper = await podOf(store, 0);
    expect(await shown(keeper.status.podIP ?? '', 2380) === oldSerial, 'the replica does not show the certificate in the Secret');
    const aged = await age(store, 300);
    await until('another certificate', 60, async () => ![oldSerial, aged].includes(await issued(store)));
  });

  await step(`a node lost for longer than history is kept: ${AWAY_S} s, as many replicas as before, it serves at once and catches up`, async () => {
    const pod = await podOf(store, 2);
    await lose(cluster, pod);
    const until_ms = Date.now() + AWAY_S * 1000;
    while (Date.now() < until_ms) {
      await sleep(1_000);
      const { status } = await store.get();
      expect(await setSize(store) === 3 && status?.drain === undefined, `${await setSize(store)} replicas in the StatefulSet, drain ${JSON.stringify(status?.drain)}`);
    }
    expect((await store.condition('Available'))?.status === 'True', 'not Available while two replicas serve');
    await cordon(cluster, false);
    await replaced(cluster, pod);
    await writes(store, 2);
    await store.ready(3, 120);
    await store.waitFor('Synced', 'True', 120);
  });

  await step('more replicas are wanted during a drain: it is cancelled, the replica serves again', async () => {
    // With a peer away, a drain cannot end by itself.
    await lose(cluster, await podOf(store, 1));
    await store.scale(2);
    await until('the drain has begun', 60, async () => (await store.get()).status?.drain?.pod === 'shop-2' && !isReady(await podOf(store, 2)));
    await store.scale(3);
    await until('an Event says so', 60, async () => count(await store.events(), 'DrainCancelled') === 1);
    await writes(store, 2);
    expect((await store.get()).status?.drain === undefined && await setSize(store) === 3, 'the drain is still recorded');
    await cordon(cluster, false);
    await store.ready(3, 120);
  });

  let since: string | undefined;
  let begun = 0;
  await step('a drain that cannot finish: ScaleInBlocked says why, the pod stays', async () => {
    await lose(cluster, await podOf(store, 1));
    await store.scale(2);
    const blocked = await store.waitFor('ScaleInBlocked', 'True', 90);
    expect(blocked.reason === 'PeersLack' && blocked.message.includes('shop-1'), `${blocked.reason}: ${blocked.message}`);
    since = ((await store.get()).status?.drain as { since?: string } | undefined)?.since;
    expect(await setSize(store) === 3 && since !== undefined, 'the pod goes, or nothing is recorded');
    await until('an Event says so', 30, async () => count(await store.events(), 'ScaleInBlocked') > 0);
    begun = count(await store.events(), 'DrainStarted');
    return blocked.message;
  });

  await step('the operator is killed in the middle of it: its successor goes on from status, and begins no second drain', async () => {
    const before = await operators(cluster, SYSTEM);
    const leader = before.pods.find((pod) => leads(pod, before.holder));
    expect(leader !== undefined, `nobody is ${before.holder}`);
    kill9(leader);
    await until('another holds the Lease', 90, async () => !(await operators(cluster, SYSTEM)).holder.startsWith(before.holder));
    await sleep(3_000);
    const { status } = await store.get();
    expect((status?.drain as { since?: string } | undefined)?.since === since && status?.drain?.pod === 'shop-2', `drain: ${JSON.stringify(status?.drain)}`);
    expect(await setSize(store) === 3, `${await setSize(store)} replicas`);
    return `from ${before.holder} to ${(await operators(cluster, SYSTEM)).holder}`;
  });

  await step('the peer is back: the drain finishes by itself', async () => {
    await cordon(cluster, false);
    await store.ready(2, 180);
    const started = count(await store.events(), 'DrainStarted');
    expect(started === begun, `${started} drains began, ${begun} before`);
    expect(await claims(cluster, store) === '0,1', `claims ${await claims(cluster, store)}`);
    expect((await store.condition('ScaleInBlocked'))?.status === 'False', 'ScaleInBlocked is still True');
  });

  await step('running replicas have taken the new certificate: no restart, no connection lost', async () => {
    const serial = await issued(store);
    expect(serial !== oldSerial && keeper !== undefined, 'there is no new one');
    const { metadata: { uid }, status: { podIP, containerStatuses } } = keeper;
    const restarts = containerStatuses?.[0]?.restartCount;
    // The kubelet brings a changed Secret to its pods within a minute or two.
    await until('shop-0 shows it', 180, async () => await shown(podIP ?? '', 2380) === serial, 1_000);
    const now = await podOf(store, 0);
    expect(now.metadata.uid === uid && now.status.containerStatuses?.[0]?.restartCount === restarts, 'the pod was restarted');
  });

  await step('a node is drained: the PodDisruptionBudget lets one replica go, what it had acknowledged is with the others', async () => {
    await store.scale(3);
    await store.ready(3, 180);
    const fewest = new Fewest(() => store.pods());
    const selector = 'app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=shop';
    const said = await cluster.kubectl(['drain', cluster.settings.name, '--ignore-daemonsets', '--delete-emptydir-data', `--pod-selector=${selector}`, '--timeout=20s']).catch(String);
    expect(/Cannot evict pod as it would violate the pod's disruption budget/.test(said), said);
    expect(await fewest.stop() >= 2, `${fewest.ready} replicas were ready`);
    expect((await store.endpoints()).length === 2, `${(await store.endpoints()).length} replicas are ready`);
    return said.split('\n').find((line) => line.includes('evicting')) ?? '';
  });
  // Checked above while it is away: it had flushed.
  await step('the node takes pods again: the replica is back', async () => {
    await cordon(cluster, false);
    await store.ready(3, 120);
    expect(await setSize(store) === 3, `${await setSize(store)} replicas`);
  });
}
