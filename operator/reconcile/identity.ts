/**
 * Who an EdgeStore is: the token and the id of its cluster, in a Secret that outlives it as its volumes do. Volumes of an earlier EdgeStore of the same name
 * are another's data: they are taken over only on request.
 */
import { kinds, owned } from '../desired/kinds.ts';
import type { Wanted } from '../desired/kinds.ts';
import { identitySecretName } from '../desired/names.ts';
import { ADOPT_ANNOTATION } from '../resource/edgestore.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import type { KubeObject } from '../runtime/objects.ts';
import type { Problem } from '../scale/plan.ts';
import { secretText } from '../certificates/material.ts';

export interface Identity {
  readonly token: string;
  /** null: no replica has begun the cluster yet. */
  readonly clusterId: string | null;
  /** Number of volumes that are taken over; 0 but for the moment of adoption. */
  readonly adopted: number;
  /** The Secret must be written before anything else. */
  readonly secret: Wanted | null;
  readonly adopts: boolean;
}

export interface IdentityInput {
  readonly store: EdgeStore;
  readonly secret: KubeObject | undefined;
  /** Ordinals of claims that are there. */
  readonly claims: readonly number[];
  readonly statefulSet: KubeObject | undefined;
}

export function identitySecret(store: EdgeStore, token: string, clusterId: string | null): Wanted {
  const made = owned(store, kinds.secret, identitySecretName(store.metadata.name), {
    type: 'Opaque',
    data: Object.fromEntries(Object.entries({ token, clusterId: clusterId ?? '', uid: store.metadata.uid }).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  });
  if (store.spec.storage.retention === 'Delete') return made;
  const { ownerReferences: _, ...metadata } = made.object.metadata;
  return { ...made, object: { ...made.object, metadata } };
}

/** The token that replicas run with. */
function tokenOf(statefulSet: KubeObject | undefined): string | null {
  const spec = statefulSet?.['spec'] as { template?: { spec?: { containers?: readonly { args?: readonly string[] }[] } } } | undefined;
  const flag = spec?.template?.spec?.containers?.[0]?.args?.find((arg) => arg.startsWith('--initial-cluster-token='));
  return flag?.slice(flag.indexOf('=') + 1) ?? null;
}

/** Pure. A Problem: nothing may be done until a person has acted. */
export function identify({ store, secret, claims, statefulSet }: IdentityInput): Identity | Problem {
  const { uid, name, annotations } = store.metadata;
  const fresh = (): Identity => {
    const token = store.spec.federation?.token ?? uid;
    return { token, clusterId: null, adopted: 0, adopts: false, secret: identitySecret(store, token, null) };
  };
  const recorded = store.status?.clusterId ?? null;
  if (secret === undefined) {
    const token = tokenOf(statefulSet);
    if (recorded !== null && token !== null) return { token, clusterId: recorded, adopted: 0, adopts: false, secret: identitySecret(store, token, recorded) };
    if (recorded === null && (claims.length === 0 || statefulSet !== undefined)) return fresh();
    return { reason: 'IdentityLost', message: `there are volumes (data-${name}-N), and the Secret ${identitySecretName(name)}, which says of which cluster, is gone. Delete the volumes to begin a new cluster, or bring the Secret back` };
  }
  const [token, clusterId, owner] = ['token', 'clusterId', 'uid'].map((key) => secretText(secret, key)) as [string, string, string];
  if (owner === uid) return { token, clusterId: clusterId === '' ? recorded : clusterId, adopted: statefulSet === undefined && clusterId !== '' ? Math.max(-1, ...claims) + 1 : 0, adopts: false, secret: null };
  if (claims.length === 0) return fresh();
  if (annotations?.[ADOPT_ANNOTATION] !== 'true') {
    return {
      reason: 'VolumesNotAdopted',
      message: `volumes of an earlier EdgeStore of this name are there (${claims.length}). Annotate it with ${ADOPT_ANNOTATION}=true to take them over, with their data and cluster id; or delete them to begin anew`,
    };
  }
  if (clusterId === '') return { reason: 'IdentityLost', message: `the earlier EdgeStore of this name never began a cluster: delete its volumes (data-${name}-N)` };
  return { token, clusterId, adopted: Math.max(...claims) + 1, adopts: true, secret: identitySecret(store, token, clusterId) };
}

export const isProblem = (found: Identity | Problem): found is Problem => 'reason' in found;
