/** The chart, the operator and the image of the replicas, forward and back. */
import { until } from '../real-cluster.ts';
import { expect } from '../steps.ts';
import type { Case } from './case.ts';
import { NEW_FIELD } from './older.ts';
import { RolloutWatch } from './rollout.ts';

const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/edgestores.edgestore.dev';

/** An image, and what it says of itself. */
export interface Version {
  readonly image: string;
  readonly version: string;
}

export interface Charts {
  readonly older: Version;
  readonly newer: Version;
  upgrade(): Promise<void>;
  rollback(): Promise<void>;
}

export async function upgrade({ cluster, store, step }: Case, { older, newer, ...charts }: Charts): Promise<void> {
  const knows = async (): Promise<boolean> => JSON.stringify(await cluster.api.get(CRD)).includes(`"${NEW_FIELD}"`);
  const uid = async (): Promise<unknown> => (await store.get()).metadata.uid;
  /** As each replica says itself. */
  const versions = async (): Promise<string[]> => Promise.all((await store.endpoints()).map(async ({ url }) => (await (await fetch(`${url}/admin/status`)).json() as { version: string }).version));

  /** Helm is done when the operator is; the replicas follow, one at a time. */
  const rolled = async (from: Version, to: Version, change: () => Promise<void>): Promise<string> => {
    const made = await uid();
    const before = await versions();
    expect(before.length === 3 && before.every((version) => version === from.version), `before: versions ${before.join()}, not ${from.version}`);
    const watch = await RolloutWatch.start(store, to.image);
    await change();
    await until(`all replicas run ${to.image}`, 300, async () => (await store.pods()).every((pod) => pod.spec.containers[0]?.image === to.image));
    await store.ready(3, 180);
    await until('status says so', 60, async () => (await store.get()).status?.image === to.image);
    await store.waitFor('Progressing', 'False', 60);
    await watch.stop();
    expect(watch.problems.length === 0, watch.problems.slice(0, 5).join('\n'));
    // Closed, then opened replica by replica, from the top.
    const moved = watch.partitions.filter((partition) => partition < 3);
    expect(moved.join().startsWith('2,1,0'), `partitions ${watch.partitions.join()}`);
    expect(watch.replaced.join() === [2, 1, 0].map((ordinal) => `${store.name}-${ordinal}`).join(), `replaced: ${watch.replaced.join()}`);
    const after = await versions();
    expect(after.length === 3 && after.every((version) => version === to.version), `versions ${after.join()}, not ${to.version}`);
    expect(await uid() === made, 'it is another EdgeStore');
    return `from ${from.version} to ${to.version}: ${watch.replaced.join(', then ')}, never two at once`;
  };

  await step('rolled', 'helm upgrade from an older chart: CRD, operator and replicas go forward, each replica waits until the one before has caught up', async () => {
    expect(!await knows(), `the older CRD knows ${NEW_FIELD}`);
    const said = await rolled(older, newer, charts.upgrade);
    expect(await knows(), `the CRD does not know ${NEW_FIELD}`);
    return said;
  });

  await step('rolled', 'helm rollback: everything goes back, and the older version reads what the newer one wrote', async () => {
    const said = await rolled(newer, older, charts.rollback);
    expect(!await knows(), `the CRD still knows ${NEW_FIELD}`);
    return said;
  });
}
