/** Watches a rolling update from outside, every change that the apiserver knows of: who is replaced, and how the others are meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { isReady, ordinal } from '../store.ts';
import type { Pod, Store } from '../store.ts';

interface Set extends KubeObject {
  readonly spec: { readonly updateStrategy: { readonly rollingUpdate: { readonly partition: number } } };
}

export class RolloutWatch {
  /** Each partition that was seen, in order. */
  readonly partitions: number[] = [];
  /** The pods, in the order in which they were replaced by one of the image that is rolled out. */
  readonly replaced: string[] = [];
  readonly problems: string[] = [];
  private readonly store: Store;
  private readonly image: string;
  private readonly abort = new AbortController();
  private readonly pods = new Map<string, Pod>();
  /** uids of pods that have been ready: one that is busy for a moment afterwards is not away. */
  private readonly served = new Set<unknown>();
  private readonly done: Promise<unknown>;

  private constructor(store: Store, image: string, pods: readonly Pod[], version: string) {
    this.store = store;
    this.image = image;
    for (const pod of pods) this.learn(pod);
    const { namespace, name } = store;
    const selector = encodeURIComponent(`app.kubernetes.io/name=edgestore,app.kubernetes.io/instance=${name}`);
    this.done = Promise.all([
      this.follow(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}&`, version, (type, object) => this.pod(type, object as Pod)),
      this.follow(`/apis/apps/v1/namespaces/${namespace}/statefulsets?fieldSelector=metadata.name%3D${name}&`, version, (_, object) => this.set(object as Set)),
    ]);
  }

  /** `image`: the one that is rolled out. All its pods must be there. */
  static async start(store: Store, image: string): Promise<RolloutWatch> {
    const { metadata } = await store.cluster.api.list(`/api/v1/namespaces/${store.namespace}/pods`);
    return new RolloutWatch(store, image, await store.pods(), metadata.resourceVersion);
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.done;
  }

  private async follow(path: string, version: string, take: (type: string, object: KubeObject) => void): Promise<void> {
    const { signal } = this.abort;
    let from = version;
    while (!signal.aborted) {
      try {
        for await (const { type, object } of this.store.cluster.api.watch(`${path}watch=1&resourceVersion=${from}`, signal)) {
          if (type === 'ERROR') {
            this.problems.push(`${path}: ${object.message}: not everything was seen`);
            return;
          }
          from = object.metadata.resourceVersion ?? from;
          take(type, object);
        }
      } catch {
        // It is stopped, or the apiserver was busy: from where it was.
        await sleep(100);
      }
    }
  }

  private learn(pod: Pod): void {
    this.pods.set(pod.metadata.name, pod);
    if (isReady(pod)) this.served.add(pod.metadata.uid);
  }

  private runs(pod: Pod): boolean {
    return pod.spec.containers[0]?.image === this.image;
  }

  private pod(type: string, pod: Pod): void {
    const { name } = pod.metadata;
    const before = this.pods.get(name);
    this.learn(pod);
    if (before?.metadata.uid !== pod.metadata.uid && this.runs(pod)) this.replaced.push(name);
    // Gone, going, or not yet there.
    const away = [...this.pods.values()].filter(({ metadata }) => (type === 'DELETED' && metadata.name === name) || metadata.deletionTimestamp !== undefined || !this.served.has(metadata.uid)).map(({ metadata }) => metadata.name);
    if (away.length > 1) this.problems.push(`away at the same time: ${away.sort().join(', ')}`);
    const all = [...this.pods.values()];
    const updated = all.filter((one) => this.runs(one)).map(({ metadata }) => ordinal(metadata.name));
    const outdated = all.filter((one) => !this.runs(one)).map(({ metadata }) => ordinal(metadata.name));
    // From the top: nobody runs the new one above whom somebody runs the old one.
    if (updated.length > 0 && Math.min(...updated) < Math.max(-1, ...outdated)) this.problems.push(`${updated.join()} run the new image, ${outdated.join()} the old one`);
  }

  private set({ spec }: Set): void {
    const { partition } = spec.updateStrategy.rollingUpdate;
    if (this.partitions.at(-1) !== partition) this.partitions.push(partition);
  }
}
