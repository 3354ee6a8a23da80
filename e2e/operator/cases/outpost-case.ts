/** A replica whose node is lost for much longer than history is kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import { Store } from '../store.ts';
import { podOf, setSize, writes } from './case.ts';
import type { Case } from './case.ts';
import { claims } from './disks.ts';
import { lose, replaced, settle } from './harm.ts';

/** Of history, at each replica of this store. */
export const KEPT_S = 5;
/** An hour is six times what is kept by default. */
const AWAY_S = 24 * KEPT_S;

const DELETED = '/deleted-meanwhile/';
const KEYS = 200;

export async function outpost({ cluster, store, step }: Case): Promise<void> {
  await step('away', 'a node lost for longer than an hour is, by what is kept of history: as many replicas as before, it serves at once and catches up', async () => {
    const pod = await podOf(store, 2);
    const replica = async <T>(ordinal: number, work: (rpc: Rpc) => Promise<T>): Promise<T> => {
      const rpc = new Rpc(`http://${(await podOf(store, ordinal)).status.podIP}:2379`);
      try {
        return await work(rpc);
      } finally {
        rpc.close();
      }
    };
    // It has them, and will not hear of their deletion.
    await replica(2, async (rpc) => { for (let i = 0; i < KEYS; i++) await rpc.put(`${DELETED}${i}`, 'x'); });
    await until('the others have them', 60, () => replica(0, async (rpc) => (await rpc.range(DELETED, `${DELETED}~`)).kvs.length === KEYS));
    const from = Date.now();
    await lose(cluster, store, pod);
    await replica(0, async (rpc) => { for (let i = 0; i < KEYS; i++) await rpc.delete(`${DELETED}${i}`); });
    while (Date.now() - from < AWAY_S * 1000) {
      await sleep(1_000);
      const [size, { status }, disks] = await Promise.all([setSize(store), store.get(), claims(cluster, store)]);
      expect(size === 3 && status?.drain === undefined && disks === '0,1,2', `${size} replicas in the StatefulSet, drain ${JSON.stringify(status?.drain)}, claims ${disks}`);
    }
    const away_s = (Date.now() - from) / 1000;
    expect((await store.condition('Available'))?.status === 'True', 'not Available while two replicas serve');
    const { items } = await cluster.api.list(`/api/v1/namespaces/${store.namespace}/pods`);
    expect(items.some(({ metadata }) => metadata.name === pod.metadata.name && metadata.uid !== pod.metadata.uid), 'nothing waits for a node');
    await settle(cluster, store.name, true);
    await replaced(cluster, pod, 240);
    await writes(store, 2);
    await store.ready(3, 180);
    await store.waitFor('Synced', 'True', 120);
    for (const { pod: name, url } of await store.endpoints()) {
      const { size } = await Store.list(url, DELETED);
      expect(size === 0, `${size} keys that were deleted meanwhile are at ${name}`);
    }
    return `away for ${away_s.toFixed(0)} s, ${(away_s / KEPT_S).toFixed(0)} times what is kept of history`;
  });
}
