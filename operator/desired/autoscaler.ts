import { API_VERSION, KIND } from '../resource/edgestore.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';

/** Up at once; down slowly, for each replica that goes is drained first, and a load that comes back would have to be caught up with. */
const behavior = {
  scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }, { type: 'Pods', value: 2, periodSeconds: 15 }] },
  scaleDown: { stabilizationWindowSeconds: 300, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
};

/** It writes EdgeStore's /scale, never the StatefulSet: what is wanted has one place. null: none is wanted. */
export function autoscaler(store: EdgeStore): Wanted | null {
  const { autoscaling } = store.spec;
  if (autoscaling === undefined) return null;
  const cpu = autoscaling.targetCPUUtilizationPercentage ?? (autoscaling.metrics === undefined ? 70 : undefined);
  return owned(store, kinds.autoscaler, store.metadata.name, {
    spec: {
      scaleTargetRef: { apiVersion: API_VERSION, kind: KIND, name: store.metadata.name },
      minReplicas: autoscaling.minReplicas,
      maxReplicas: autoscaling.maxReplicas,
      metrics: [
        ...(cpu === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } } }]),
        ...(autoscaling.metrics ?? []),
      ],
      behavior: { ...behavior, ...autoscaling.behavior },
    },
  });
}
