/** How replicas find each other, and how clients find them. */
import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { CLIENT_PORT, METRICS_PORT, PEER_PORT, clientServiceName, headlessName, podName, selectorLabels } from './names.ts';

const port = (name: string, number: number): object => ({ name, port: number, targetPort: name, protocol: 'TCP' });

/** Marks the Service of one replica, so that those of ordinals that are gone can be told from the others. */
export const REPLICA_LABEL = 'edgestore.dev/replica';

export function headlessService(store: EdgeStore): Wanted {
  const { name } = store.metadata;
  return owned(store, kinds.service, headlessName(name), {
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      selector: selectorLabels(name),
      // A replica that joins is not ready, and must be found by the others all the same.
      publishNotReadyAddresses: true,
      ports: [port('client', CLIENT_PORT), port('peer', PEER_PORT), port('metrics', METRICS_PORT)],
    },
  });
}

export function clientService(store: EdgeStore): Wanted {
  const { name } = store.metadata;
  const { type, sessionAffinity, trafficDistribution, annotations } = store.spec.service;
  return owned(store, kinds.service, clientServiceName(name), {
    spec: {
      type,
      selector: selectorLabels(name),
      sessionAffinity,
      ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
      ports: [port('client', CLIENT_PORT)],
    },
  }, annotations === undefined ? {} : { annotations });
}

/** For what must see one replica and no other: an apiserver. */
export function replicaService(store: EdgeStore, ordinal: number): Wanted {
  const { name } = store.metadata;
  const pod = podName(name, ordinal);
  return owned(store, kinds.service, pod, {
    spec: { type: 'ClusterIP', selector: { ...selectorLabels(name), 'statefulset.kubernetes.io/pod-name': pod }, ports: [port('client', CLIENT_PORT)] },
  }, { labels: { [REPLICA_LABEL]: pod } });
}
