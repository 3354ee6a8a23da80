/** Volumes that are promises only: a PersistentVolume for each claim that has none, so that pods which are played get scheduled. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi, KubeObject } from '../../kubernetes/kube-api.ts';

export class PlayedVolumes implements AsyncDisposable {
  readonly #api: KubeApi;
  #stopped = false;
  readonly #running: Promise<void>;
  readonly #made = new Set<string>();

  constructor(api: KubeApi) {
    this.#api = api;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const claims = await this.#api.list('/api/v1/persistentvolumeclaims').then(({ items }) => items, () => []);
      await Promise.all(claims.filter(({ metadata }) => !this.#made.has(metadata.uid ?? '')).map((claim) => this.#make(claim)));
      await sleep(300);
    }
  }

  async #make(claim: KubeObject): Promise<void> {
    const { name, namespace, uid = '' } = claim.metadata;
    const { resources, accessModes } = claim['spec'] as { resources: { requests: object }; accessModes: string[] };
    this.#made.add(uid);
    await this.#api.create('/api/v1/persistentvolumes', {
      apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `pv-${uid}` },
      spec: { capacity: resources.requests, accessModes, hostPath: { path: '/nowhere' }, persistentVolumeReclaimPolicy: 'Retain', claimRef: { namespace, name, uid } },
    }).catch(() => this.#made.delete(uid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}
