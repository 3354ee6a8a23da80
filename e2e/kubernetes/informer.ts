/** What client-go's informers do: list, watch from there, watch again where a watch ended, list again on 410. */
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './kube-api.ts';
import type { KubeApi, KubeObject } from './kube-api.ts';

export class Informer {
  readonly path: string;
  /** uid → resourceVersion of every object it believes to exist. */
  readonly content = new Map<string, string>();
  /** How often it had to list: 1 at the start, and once for each 410 Gone. */
  lists = 0;
  /** Events that cannot be: an object added that was there, or changed or deleted that was not. */
  readonly anomalies: string[] = [];
  private readonly api: KubeApi;
  private readonly abort = new AbortController();
  private done: Promise<void> | undefined;
  private resourceVersion = '';

  constructor(api: KubeApi, path: string) {
    this.api = api;
    this.path = path;
  }

  run(): void {
    this.done = this.loop();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.done;
  }

  /** Differences between what it holds and a fresh list; empty when they agree. */
  async compare(): Promise<string[]> {
    const fresh = new Map<string, string>();
    for (const item of (await this.api.list(this.path)).items) fresh.set(uid(item), version(item));
    const differences: string[] = [];
    for (const [id, rv] of fresh) {
      const mine = this.content.get(id);
      if (mine !== rv) differences.push(`${this.path}: ${id} is ${rv}, the informer has ${mine ?? 'nothing'}`);
    }
    for (const id of this.content.keys()) if (!fresh.has(id)) differences.push(`${this.path}: ${id} is gone, the informer has it`);
    return differences;
  }

  /**
   * What is wrong with any of them; empty if nothing is. One is right when it agrees with a list at some moment: some objects never rest. Waits at most
   * `timeout_s` in all.
   */
  static async compareAll(informers: readonly Informer[], timeout_s: number): Promise<string[]> {
    const differences = new Map<Informer, string[]>(informers.map((informer) => [informer, ['not compared']]));
    const end = Date.now() + timeout_s * 1000;
    for (;;) {
      for (const informer of [...differences.keys()]) {
        const found = await informer.compare();
        if (found.length === 0) differences.delete(informer);
        else differences.set(informer, found);
      }
      if (differences.size === 0 || Date.now() > end) break;
      await sleep(250);
    }
    return [...[...differences.values()].map((found) => found.slice(0, 3).join(', ')), ...informers.flatMap((informer) => informer.anomalies)];
  }

  private async loop(): Promise<void> {
    while (!this.abort.signal.aborted) {
      try {
        if (this.resourceVersion === '') await this.list();
        await this.follow();
      } catch (error) {
        if (this.abort.signal.aborted) return;
        if (error instanceof KubeError && error.status === 410) this.resourceVersion = '';
        await sleep(250);
      }
    }
  }

  private async list(): Promise<void> {
    const list = await this.api.list(this.path);
    this.lists++;
    this.content.clear();
    for (const item of list.items) this.content.set(uid(item), version(item));
    this.resourceVersion = list.metadata.resourceVersion;
  }

  private async follow(): Promise<void> {
    const path = `${this.path}?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=${this.resourceVersion}`;
    for await (const { type, object } of this.api.watch(path, this.abort.signal)) {
      if (type === 'ERROR') throw new KubeError(object.code ?? 0, this.path, object.message ?? '');
      this.resourceVersion = version(object);
      if (type === 'BOOKMARK') continue;
      const id = uid(object);
      if ((type === 'ADDED') === this.content.has(id)) this.anomalies.push(`${this.path}: ${type} of ${object.metadata.name} (${id})`);
      if (type === 'DELETED') this.content.delete(id);
      else this.content.set(id, version(object));
    }
  }
}

const uid = (object: KubeObject): string => object.metadata.uid ?? object.metadata.name;
const version = (object: KubeObject): string => object.metadata.resourceVersion ?? '';

/** Every resource of the apiserver that can be listed and watched, as paths. */
export async function listableResources(api: KubeApi): Promise<string[]> {
  interface Resources { readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[] }
  const groups = (await api.get('/apis')) as { groups: { versions: { groupVersion: string }[]; preferredVersion: { groupVersion: string } }[] };
  const roots = ['/api/v1', ...groups.groups.map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
  const paths: string[] = [];
  for (const root of roots) {
    const { resources } = (await api.get(root)) as Resources;
    for (const { name, verbs } of resources) {
      if (!name.includes('/') && verbs.includes('list') && verbs.includes('watch')) paths.push(`${root}/${name}`);
    }
  }
  return paths;
}
