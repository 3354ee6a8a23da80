/** Two operators, drains that are held up or not wanted any more, operators that die. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SYSTEM } from '../install.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { isReady } from '../store.ts';
import type { Pod } from '../store.ts';
import { podOf, setSize, told, writes } from './case.ts';
import type { Case } from './case.ts';
import { age, issued, shown } from './certificate.ts';
import { claims } from './disks.ts';
import { kill9, leads, lose, operators, settle } from './harm.ts';

/** Requests of that method that an operator's pod has made. */
async function requests(pod: Pod, method: string): Promise<number> {
  const text = await (await fetch(`http://${pod.status.podIP}:8080/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('rest_client_requests_total') && line.includes(`method="${method}"`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export async function drains({ cluster, store, step }: Case): Promise<void> {
  await step('lease', 'two operators: one holds the Lease, the other has written nothing', async () => {
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

  let oldSerial = '';
  let keeper: Pod | undefined;
  await step(null, 'a certificate is renewed: the operator issues another', async () => {
    oldSerial = await issued(store);
    keeper = await podOf(store, 0);
    expect(await shown(keeper.status.podIP ?? '', 2380) === oldSerial, 'the replica does not show the certificate in the Secret');
    const aged = await age(store, 300);
    await until('another certificate', 60, async () => ![oldSerial, aged].includes(await issued(store)));
  });

  const leaver = `${store.name}-2`;
  const away = `${store.name}-1`;
  await step('cancelled', 'more replicas are wanted during a drain: it is cancelled, the replica serves again', async () => {
    // With a peer away, a drain cannot end by itself.
    await lose(cluster, store, await podOf(store, 1));
    await store.scale(2);
    await until('the drain has begun', 60, async () => (await store.get()).status?.drain?.pod === leaver && !isReady(await podOf(store, 2)));
    await store.scale(3);
    await until('an Event says so', 60, async () => await told(store, 'DrainCancelled') === 1);
    await writes(store, 2);
    expect((await store.get()).status?.drain === undefined && await setSize(store) === 3, 'the drain is still recorded');
  });

  let since: string | undefined;
  let begun = 0;
  await step('blocked', 'a drain that cannot finish: ScaleInBlocked says why, the pod stays', async () => {
    await store.scale(2);
    // A replica that is too busy to answer once is another reason, for a moment.
    const blocked = await until('ScaleInBlocked, for the peer lacks something', 120, async () => {
      const found = await store.condition('ScaleInBlocked');
      return found?.status === 'True' && found.reason === 'PeersLack' && found.message.includes(away) ? found : undefined;
    });
    since = ((await store.get()).status?.drain as { since?: string } | undefined)?.since;
    expect(await setSize(store) === 3 && since !== undefined, 'the pod goes, or nothing is recorded');
    await until('an Event says so', 30, async () => await told(store, 'ScaleInBlocked') > 0);
    begun = await told(store, 'DrainStarted');
    return blocked.message;
  });

  await step('successor', 'the operator is killed in the middle of it: its successor goes on from status, and begins no second drain', async () => {
    const before = await operators(cluster, SYSTEM);
    const leader = before.pods.find((pod) => leads(pod, before.holder));
    expect(leader !== undefined, `nobody is ${before.holder}`);
    kill9(leader);
    await until('another holds the Lease', 90, async () => {
      const { holder } = await operators(cluster, SYSTEM);
      return holder !== '' && holder !== before.holder;
    });
    await sleep(5_000);
    const { status } = await store.get();
    expect((status?.drain as { since?: string } | undefined)?.since === since && status?.drain?.pod === leaver, `drain: ${JSON.stringify(status?.drain)}`);
    expect(await setSize(store) === 3, `${await setSize(store)} replicas`);
    return `from ${before.holder} to ${(await operators(cluster, SYSTEM)).holder}`;
  });

  await step('blocked', 'the peer is back: the drain finishes by itself', async () => {
    await settle(cluster, store.name, true);
    await store.ready(2, 180);
    const started = await told(store, 'DrainStarted');
    expect(started === begun, `${started} drains began, ${begun} before`);
    expect(await claims(cluster, store) === '0,1', `claims ${await claims(cluster, store)}`);
    expect((await store.condition('ScaleInBlocked'))?.status === 'False', 'ScaleInBlocked is still True');
  });

  await step(null, 'running replicas have taken the new certificate: no restart, no connection lost', async () => {
    const serial = await issued(store);
    expect(serial !== oldSerial && keeper !== undefined, 'there is no new one');
    const { metadata: { uid }, status: { podIP, containerStatuses } } = keeper;
    const restarts = containerStatuses?.[0]?.restartCount;
    // The kubelet brings a changed Secret to its pods within a minute or two.
    await until(`${store.name}-0 shows it`, 180, async () => await shown(podIP ?? '', 2380) === serial, 1_000);
    const now = await podOf(store, 0);
    expect(now.metadata.uid === uid && now.status.containerStatuses?.[0]?.restartCount === restarts, 'the pod was restarted');
  });
}
