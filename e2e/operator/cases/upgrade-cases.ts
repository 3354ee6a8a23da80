/** The chart, the operator and the image of the replicas, forward and back. */
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import type { Case } from './case.ts';
import { NEW_FIELD } from './older-chart.ts';
import { RolloutWatch } from './rollout.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/edgestores.edgestore.dev';

export async function upgrade({ cluster, store, older, newer, step, upgradeChart, rollbackChart }: Case): Promise<void> {
  const knows = async (): Promise<boolean> => JSON.stringify(await cluster.api.get(CRD)).includes(`"${NEW_FIELD}"`);
  const uid = async (): Promise<unknown> => (await store.get()).metadata.uid;

  /** Helm is done when the operator is; the replicas follow, one at a time. */
  const rolled = async (image: string, change: () => Promise<void>): Promise<string> => {
    const made = await uid();
    const watch = new RolloutWatch(store, image);
    await change();
    await until(`all replicas run ${image}`, 300, async () => (await store.pods()).every((pod) => pod.spec.containers[0]?.image === image));
    await store.ready(3, 180);
    await until('status says so', 60, async () => (await store.get()).status?.image === image);
    await store.waitFor('Progressing', 'False', 60);
    await watch.stop();
    expect(watch.problems.length === 0, watch.problems.slice(0, 5).join('\n'));
    // Closed, then opened replica by replica, from the top.
    const moved = watch.partitions.filter((partition) => partition < 3);
    expect(moved.join().startsWith('2,1,0'), `partitions ${watch.partitions.join()}`);
    expect(await uid() === made, 'it is another EdgeStore');
    return `partitions ${watch.partitions.join(' → ')}`;
  };

  await step('helm upgrade from an older chart: CRD, operator and replicas go forward, each replica waits until the one before has caught up', async () => {
    expect(!await knows(), `the older CRD knows ${NEW_FIELD}`);
    const said = await rolled(newer, upgradeChart);
    expect(await knows(), `the CRD does not know ${NEW_FIELD}`);
    return said;
  });

  await step('helm rollback: everything goes back, and the older version reads what the newer one wrote', async () => {
    const said = await rolled(older, rollbackChart);
    expect(!await knows(), `the CRD still knows ${NEW_FIELD}`);
    return said;
  });
}
