/** What replicas are told at start that changes with time: whom to ask for a place. Changing it restarts nobody. */
import { PEERS_TOLD } from '../limits.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { peerUrl, peersConfigMapName, podName } from './names.ts';

/**
 * @param founded the cluster exists: an empty disk joins it, whatever else happens
 * @param replicas how many there are, or will be
 */
export function peersConfigMap(store: EdgeStore, founded: boolean, replicas: number, clusterDomain: string): Wanted {
  const { name } = store.metadata;
  const joins = founded || store.spec.federation?.founder === false;
  const own = founded ? Array.from({ length: Math.min(replicas, PEERS_TOLD) }, (_, i) => podName(name, i)).map((pod) => `${pod}=${peerUrl(store, pod, clusterDomain)}`) : [];
  const others = (store.spec.federation?.peers ?? []).map((peer) => `${peer.name}=${peer.url}`);
  return owned(store, kinds.configMap, peersConfigMapName(name), { data: { state: joins ? 'existing' : 'new', peers: joins ? [...own, ...others].join(',') : '' } });
}
