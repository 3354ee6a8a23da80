/**
 * Makes volumes for the cluster's StorageClass: a folder and a PersistentVolume of type `local` for each claim that a pod waits for. Sizes are
 * promised, not enforced. Growing a claim grows the promise; deleting it deletes the folder. `local` rather than `hostPath`, so that fsGroup counts.
 *
 * Level-triggered: it lists claims and volumes every second. A cluster of this kind has few.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeApi, KubeObject } from '../../e2e/kubernetes/kube-api.ts';
import { PROVISIONER, STORAGE_CLASS } from './manifests.ts';

interface Claim extends KubeObject {
  readonly spec: { readonly storageClassName?: string; readonly volumeName?: string; readonly accessModes: string[]; readonly resources: { readonly requests: { readonly storage: string } } };
  readonly status: { readonly phase?: string; readonly capacity?: { readonly storage: string } };
  readonly metadata: KubeObject['metadata'] & { readonly annotations?: Record<string, string> };
}

interface Volume extends KubeObject {
  readonly spec: { readonly capacity: { readonly storage: string }; readonly persistentVolumeReclaimPolicy: string; readonly local?: { readonly path: string } };
  readonly status: { readonly phase?: string };
  readonly metadata: KubeObject['metadata'] & { readonly annotations?: Record<string, string>; readonly deletionTimestamp?: string };
}

const VOLUMES = '/api/v1/persistentvolumes';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

const units: Readonly<Record<string, number>> = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** Bytes of a Kubernetes quantity of storage. */
export function bytesOf(quantity: string): number {
  const match = /^([0-9.]+)(Ki|Mi|Gi|Ti|k|M|G|T|)$/.exec(quantity);
  const unit = units[match?.[2] ?? 'none'];
  if (match === null || unit === undefined) throw new Error(`not a quantity of storage: ${quantity}`);
  return Number(match[1]) * unit;
}

export class Provisioner {
  private readonly api: KubeApi;
  private readonly folder: string;
  private readonly log: (text: string) => void;

  /** `folder`: where the volumes are. */
  constructor(api: KubeApi, folder: string, log: (text: string) => void) {
    this.api = api;
    this.folder = folder;
    this.log = log;
  }

  /** One look at everything; what fails is tried again with the next. */
  async reconcile(): Promise<void> {
    const [claims, volumes] = await Promise.all([this.api.list('/api/v1/persistentvolumeclaims'), this.api.list(VOLUMES)]);
    const own = (volumes.items as Volume[]).filter((volume) => volume.metadata.annotations?.[PROVISIONED_BY] === PROVISIONER);
    const steps = [
      ...own.filter((volume) => volume.status.phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete').map((volume) => () => this.remove(volume)),
      ...(claims.items as Claim[]).filter((claim) => claim.spec.storageClassName === STORAGE_CLASS).map((claim) => () => this.serve(claim, own)),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.log(error instanceof Error ? error.message : String(error));
      }
    }
  }

  private async serve(claim: Claim, volumes: readonly Volume[]): Promise<void> {
    const node = claim.metadata.annotations?.[SELECTED_NODE];
    const name = `pvc-${claim.metadata.uid}`;
    const volume = volumes.find((candidate) => candidate.metadata.name === (claim.spec.volumeName ?? name));
    if (claim.spec.volumeName === undefined || claim.spec.volumeName === '') {
      if (volume === undefined && node !== undefined) await this.create(claim, name, node);
    } else if (volume !== undefined && claim.status.phase === 'Bound') await this.grow(claim, volume);
  }

  private async create(claim: Claim, name: string, node: string): Promise<void> {
    const path = join(this.folder, `${claim.metadata.namespace}-${claim.metadata.name}-${claim.metadata.uid?.slice(0, 8)}`);
    mkdirSync(path, { recursive: true, mode: 0o755 });
    await this.api.create(VOLUMES, {
      apiVersion: 'v1', kind: 'PersistentVolume',
      metadata: { name, annotations: { [PROVISIONED_BY]: PROVISIONER } },
      spec: {
        capacity: { storage: claim.spec.resources.requests.storage },
        accessModes: claim.spec.accessModes,
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: STORAGE_CLASS,
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: claim.metadata.namespace, name: claim.metadata.name, uid: claim.metadata.uid },
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] } },
      },
    });
    this.log(`volume ${name} for ${claim.metadata.namespace}/${claim.metadata.name}`);
  }

  /** As external-resizer does it: first the volume, then the claim's status. */
  private async grow(claim: Claim, volume: Volume): Promise<void> {
    const wanted = claim.spec.resources.requests.storage;
    if (bytesOf(wanted) > bytesOf(volume.spec.capacity.storage)) await this.api.patch(`${VOLUMES}/${volume.metadata.name}`, { spec: { capacity: { storage: wanted } } });
    if (claim.status.capacity !== undefined && bytesOf(wanted) > bytesOf(claim.status.capacity.storage)) {
      await this.api.patch(`/api/v1/namespaces/${claim.metadata.namespace}/persistentvolumeclaims/${claim.metadata.name}/status`, { status: { capacity: { storage: wanted }, conditions: [] } });
      this.log(`claim ${claim.metadata.namespace}/${claim.metadata.name} grew to ${wanted}`);
    }
  }

  private async remove(volume: Volume): Promise<void> {
    const path = volume.spec.local?.path;
    if (path?.startsWith(`${this.folder}/`) !== true) throw new Error(`volume ${volume.metadata.name} lies elsewhere: ${path}`);
    if (volume.metadata.deletionTimestamp === undefined) await this.api.remove(`${VOLUMES}/${volume.metadata.name}`);
    rmSync(path, { recursive: true, force: true });
    this.log(`volume ${volume.metadata.name} is gone`);
  }
}
