/** Watches a rolling update from outside: who is replaced, and how the others are meanwhile. */
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { isReady, ordinal } from '../store.ts';
import type { Pod, Store } from '../store.ts';

interface Set extends KubeObject {
  readonly spec: { readonly updateStrategy: { readonly rollingUpdate: { readonly partition: number } } };
}

export class RolloutWatch {
  /** Each partition that was seen, in order. */
  readonly partitions: number[] = [];
  readonly problems: string[] = [];
  private readonly store: Store;
  private readonly image: string;
  private stopped = false;
  private readonly done: Promise<void>;

  /** `image`: the one that is rolled out. */
  constructor(store: Store, image: string) {
    this.store = store;
    this.image = image;
    this.done = this.loop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      await this.look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  private async look(): Promise<void> {
    const { cluster, namespace, name } = this.store;
    const pods = await this.store.pods();
    const set = (await cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`)) as Set;
    const { partition } = set.spec.updateStrategy.rollingUpdate;
    if (this.partitions.at(-1) !== partition) this.partitions.push(partition);
    const away = pods.filter((pod) => !isReady(pod)).map((pod) => pod.metadata.name);
    if (away.length > 1) this.problems.push(`not ready at the same time: ${away.join(', ')}`);
    const runs = (pod: Pod): boolean => pod.spec.containers[0]?.image === this.image;
    // From the top: nobody runs the new one above whom somebody runs the old one.
    const updated = pods.filter(runs).map((pod) => ordinal(pod.metadata.name));
    const outdated = pods.filter((pod) => !runs(pod)).map((pod) => ordinal(pod.metadata.name));
    if (updated.length > 0 && Math.min(...updated) < Math.max(-1, ...outdated)) this.problems.push(`${updated.join()} run the new image, ${outdated.join()} the old one`);
  }
}
