/** Volumes in the hands of an administrator: a copy of a disk, put back under the claim of a replica. */
import { KubeError } from '../../kubernetes/kube-api.ts';
import type { KubeObject } from '../../kubernetes/kube-api.ts';
import { run } from '../../support/process.ts';
import { expect } from '../steps.ts';
import { until } from '../real-cluster.ts';
import type { RealCluster } from '../real-cluster.ts';
import type { Store } from '../store.ts';

const claimPath = (store: Store, ordinal: number): string => `/api/v1/namespaces/${store.namespace}/persistentvolumeclaims/data-${store.name}-${ordinal}`;

interface Volume extends KubeObject {
  readonly spec: { readonly local: { readonly path: string }; readonly storageClassName: string; readonly capacity: object; readonly nodeAffinity: object; readonly accessModes: readonly string[] };
}

async function volumeOf(store: Store, ordinal: number): Promise<Volume> {
  const { api } = store.cluster;
  const claim = await api.get(claimPath(store, ordinal)) as { spec: { volumeName: string } };
  return await api.get(`/api/v1/persistentvolumes/${claim.spec.volumeName}`) as Volume;
}

/** With owners and modes. A file may go while it is copied: the journal's segments do. */
async function copy(from: string, to: string): Promise<void> {
  const { code, stderr } = await run('cp', ['-a', from, to], { timeout_ms: 60_000 });
  expect(code === 0 || stderr.split('\n').every((line) => line === '' || line.includes('No such file')), `cp: ${stderr}`);
}

export interface DiskCopy {
  readonly path: string;
  readonly volume: Volume;
}

/** The disk of a replica as it is at this moment, while it is written: as a snapshot of the storage would have it. */
export async function copyDisk(store: Store, ordinal: number, label: string): Promise<DiskCopy> {
  const volume = await volumeOf(store, ordinal);
  const path = `${volume.spec.local.path}-${label}`;
  await copy(volume.spec.local.path, path);
  return { path, volume };
}

/** Makes a volume of a copy, and a claim of the replica's name for it. `labels`: of the claim; the operator knows those that it made by them. */
export async function putBack(store: Store, ordinal: number, { path, volume }: DiskCopy, name: string, labels: Record<string, string>): Promise<void> {
  const used = `${path}-${name}`;
  await copy(path, used);
  const claimName = `data-${store.name}-${ordinal}`;
  const { spec } = volume;
  await store.cluster.apply(
    {
      apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name },
      spec: {
        capacity: spec.capacity, accessModes: spec.accessModes, persistentVolumeReclaimPolicy: 'Retain', storageClassName: spec.storageClassName, nodeAffinity: spec.nodeAffinity,
        local: { path: used }, claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: store.namespace, name: claimName },
      },
    },
    {
      apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: claimName, namespace: store.namespace, labels },
      spec: { accessModes: spec.accessModes, storageClassName: spec.storageClassName, volumeName: name, resources: { requests: { storage: (spec.capacity as { storage: string }).storage } } },
    },
  );
  await until(`${claimName} is bound`, 60, async () => (await store.cluster.api.get(claimPath(store, ordinal)) as { status: { phase: string } }).status.phase === 'Bound');
}

/** Deletes it, and waits until it is gone: another may have its name at once. */
export async function deleteClaim(store: Store, ordinal: number): Promise<void> {
  const { metadata: { uid } } = await store.cluster.api.get(claimPath(store, ordinal)) as KubeObject;
  await store.cluster.api.remove(claimPath(store, ordinal));
  await claimGone(store, ordinal, uid);
}

/** Waits until there is no claim of that name; or, with `uid`, not that one. */
export async function claimGone(store: Store, ordinal: number, uid?: string): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const { metadata } = await store.cluster.api.get(claimPath(store, ordinal)) as KubeObject;
    return uid !== undefined && metadata.uid !== uid;
  };
  await until(`the claim of ${store.name}-${ordinal} is gone`, 120, () => gone().catch((error: unknown) => error instanceof KubeError && error.status === 404));
}

/** Ordinals that have a claim. */
export async function claims(cluster: RealCluster, store: Store): Promise<string> {
  const { items } = await cluster.api.list(`/api/v1/namespaces/${store.namespace}/persistentvolumeclaims`);
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(`data-${store.name}-`)).map((name) => name.slice(name.lastIndexOf('-') + 1)).sort().join();
}
