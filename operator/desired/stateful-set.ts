/** The StatefulSet: one pod, one volume per replica. */
import type { EdgeStore } from '../resource/edgestore.ts';
import { hashOf } from '../runtime/apply.ts';
import { clientArgs } from './arguments.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { CLIENT_PORT, CONTAINER, METRICS_PORT, PEER_PORT, VOLUME, headlessName, labelsOf, mountedSecretName, peersConfigMapName, selectorLabels } from './names.ts';

/** Of the image: hack/image. */
const USER = 65532;
const HOME = '/var/lib/edgestore';

/** Hash of the pod template: a rolling update is under way while pods have another. */
export const TEMPLATE_ANNOTATION = 'edgestore.dev/template';

export interface StatefulSetInput {
  readonly store: EdgeStore;
  readonly replicas: number;
  /** Pods below this ordinal keep what they run. */
  readonly partition: number;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly clusterDomain: string;
  /** Of the claim template, which cannot be changed once it is there. */
  readonly claimSize: string | number;
  /** Keeps clusters apart: part of the identity. */
  readonly token: string;
}

const probe = (path: string, periodSeconds: number, failureThreshold: number): object =>
  ({ httpGet: { path, port: 'metrics', scheme: 'HTTP' }, periodSeconds, failureThreshold, timeoutSeconds: 5, successThreshold: 1 });

const fromConfigMap = (name: string, key: string): object => ({ valueFrom: { configMapKeyRef: { name, key } } });

/** Replicas rather not on one node: what happens to one should not happen to all. */
const apart = (name: string): object => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: selectorLabels(name) } } }],
  },
});

function tlsVolumes(store: EdgeStore): { volumes: object[]; mounts: object[] } {
  const mounted = (['client', 'peer'] as const).flatMap((port) => {
    const secretName = mountedSecretName(store, port);
    return secretName === null ? [] : [{ port, secretName }];
  });
  return {
    volumes: mounted.map(({ port, secretName }) => ({ name: `${port}-tls`, secret: { secretName, defaultMode: 0o440 } })),
    mounts: mounted.map(({ port }) => ({ name: `${port}-tls`, mountPath: `/etc/edgestore/${port}`, readOnly: true })),
  };
}

function podSpec({ store, image, imagePullPolicy, clusterDomain, token }: StatefulSetInput): Record<string, unknown> {
  const { spec, metadata: { name } } = store;
  const tls = tlsVolumes(store);
  const peers = peersConfigMapName(name);
  return {
    ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
    affinity: spec.affinity ?? apart(name),
    ...(spec.tolerations === undefined ? {} : { tolerations: spec.tolerations }),
    ...(spec.topologySpreadConstraints === undefined ? {} : {
      topologySpreadConstraints: spec.topologySpreadConstraints.map((constraint) => ({ labelSelector: { matchLabels: selectorLabels(name) }, ...constraint })),
    }),
    ...(spec.priorityClassName === undefined ? {} : { priorityClassName: spec.priorityClassName }),
    ...(spec.imagePullSecrets === undefined ? {} : { imagePullSecrets: spec.imagePullSecrets }),
    // It asks the apiserver nothing, and its options come from flags, not from variables that happen to be named like a Service.
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    securityContext: { runAsNonRoot: true, runAsUser: USER, runAsGroup: USER, fsGroup: USER, fsGroupChangePolicy: 'OnRootMismatch', seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{
      name: CONTAINER,
      image,
      ...(imagePullPolicy === '' ? {} : { imagePullPolicy }),
      args: ['serve', ...clientArgs(store, clusterDomain, HOME, token)],
      env: [
        { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'CLUSTER_STATE', ...fromConfigMap(peers, 'state') },
        { name: 'CLUSTER_PEERS', ...fromConfigMap(peers, 'peers') },
      ],
      ports: [{ name: 'client', containerPort: CLIENT_PORT, protocol: 'TCP' }, { name: 'peer', containerPort: PEER_PORT, protocol: 'TCP' }, { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' }],
      resources: spec.resources ?? { requests: { cpu: '100m', memory: '256Mi' } },
      // Reading a large journal may take minutes; a replica that waits for its cluster answers nothing yet.
      startupProbe: probe('/livez', 2, 1_800),
      livenessProbe: probe('/livez', 10, 6),
      readinessProbe: probe('/readyz', 2, 2),
      // Why a replica refuses to start (a disk that was removed, a damaged file) is the last that it says: `kubectl describe pod` shows it.
      terminationMessagePolicy: 'FallbackToLogsOnError',
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
      volumeMounts: [{ name: VOLUME, mountPath: HOME }, ...tls.mounts],
    }],
    ...(tls.volumes.length === 0 ? {} : { volumes: tls.volumes }),
  };
}

/** The pod template alone: what a rolling update is about. */
export function podTemplate(input: StatefulSetInput): Record<string, unknown> {
  const { store: { spec, metadata: { name } } } = input;
  return {
    metadata: {
      labels: { ...spec.podLabels, ...labelsOf(name) },
      ...(spec.podAnnotations === undefined ? {} : { annotations: spec.podAnnotations }),
    },
    spec: podSpec(input),
  };
}

/** The hash under which the template stands in the annotation. */
export const templateHash = (input: StatefulSetInput): string => hashOf(podTemplate(input));

export function statefulSet(input: StatefulSetInput): Wanted {
  const { store, replicas, partition, claimSize } = input;
  const { spec, metadata: { name } } = store;
  return owned(store, kinds.statefulSet, name, {
    spec: {
      serviceName: headlessName(name),
      replicas,
      // Replicas need not wait for each other: after a power failure all of them come back at once.
      podManagementPolicy: 'Parallel',
      revisionHistoryLimit: 5,
      selector: { matchLabels: selectorLabels(name) },
      // The operator moves the partition, once a replica has caught up.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
      // Scaled in: the operator deletes the claim, after a verified drain.
      persistentVolumeClaimRetentionPolicy: { whenDeleted: spec.storage.retention, whenScaled: 'Retain' },
      template: podTemplate(input),
      volumeClaimTemplates: [{
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: VOLUME, labels: labelsOf(name) },
        spec: {
          accessModes: ['ReadWriteOnce'],
          ...(spec.storage.storageClassName === undefined ? {} : { storageClassName: spec.storage.storageClassName }),
          resources: { requests: { storage: String(claimSize) } },
          volumeMode: 'Filesystem',
        },
      }],
    },
  }, { annotations: { [TEMPLATE_ANNOTATION]: templateHash(input) } });
}
