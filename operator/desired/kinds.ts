/** The kinds of objects that an EdgeStore consists of. */
import { GROUP, KIND, PLURAL, VERSION } from '../resource/edgestore.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { apiVersionOf } from '../runtime/objects.ts';
import type { KubeObject, Resource } from '../runtime/objects.ts';
import { labelsOf } from './names.ts';

const kind = (group: string, version: string, plural: string, name: string): Resource => ({ group, version, plural, kind: name });

export const kinds = {
  edgestore: kind(GROUP, VERSION, PLURAL, KIND),
  statefulSet: kind('apps', 'v1', 'statefulsets', 'StatefulSet'),
  service: kind('', 'v1', 'services', 'Service'),
  configMap: kind('', 'v1', 'configmaps', 'ConfigMap'),
  secret: kind('', 'v1', 'secrets', 'Secret'),
  pod: kind('', 'v1', 'pods', 'Pod'),
  claim: kind('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  disruptionBudget: kind('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  autoscaler: kind('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  networkPolicy: kind('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy'),
  podMonitor: kind('monitoring.coreos.com', 'v1', 'podmonitors', 'PodMonitor'),
  serviceMonitor: kind('monitoring.coreos.com', 'v1', 'servicemonitors', 'ServiceMonitor'),
  certificate: kind('cert-manager.io', 'v1', 'certificates', 'Certificate'),
} as const satisfies Record<string, Resource>;

/** An object and what kind it is of. */
export interface Wanted {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** An object that goes when the EdgeStore goes. */
export function owned(store: EdgeStore, resource: Resource, name: string, body: Readonly<Record<string, unknown>>, metadata: Readonly<Record<string, unknown>> = {}): Wanted {
  return {
    resource,
    object: {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        name,
        namespace: store.metadata.namespace,
        ...metadata,
        labels: { ...labelsOf(store.metadata.name), ...(metadata['labels'] as Record<string, string> | undefined) },
        ownerReferences: [{ apiVersion: `${GROUP}/${VERSION}`, kind: KIND, name: store.metadata.name, uid: store.metadata.uid, controller: true, blockOwnerDeletion: true }],
      },
      ...body,
    },
  };
}
