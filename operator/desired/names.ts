/** How everything that belongs to an EdgeStore is called. */
import type { EdgeStore } from '../resource/edgestore.ts';

export const CLIENT_PORT = 2379;
export const PEER_PORT = 2380;
/** Plain HTTP: /metrics and the probes, nothing else. */
export const METRICS_PORT = 2381;

/** Name of the volume in the pods and of the claim template: claims are `data-NAME-N`. */
export const VOLUME = 'data';
export const CONTAINER = 'edgestore';
export const MANAGED_BY = 'edgestore-operator';
/** Selects everything that the operator made, also in lists and watches. */
export const MANAGED_SELECTOR = `app.kubernetes.io/managed-by=${MANAGED_BY}`;
export const INSTANCE_LABEL = 'app.kubernetes.io/instance';

export const headlessName = (name: string): string => `${name}-headless`;
export const clientServiceName = (name: string): string => `${name}-client`;
export const podName = (name: string, ordinal: number): string => `${name}-${ordinal}`;
export const claimName = (name: string, ordinal: number): string => `${VOLUME}-${podName(name, ordinal)}`;
export const peersConfigMapName = (name: string): string => `${name}-peers`;
/** Outlives the EdgeStore, as its volumes do. */
export const identitySecretName = (name: string): string => `${name}-identity`;
/** Of the operator's own making. */
export const tlsSecretName = (name: string, port: 'client' | 'peer'): string => `${name}-${port}-tls`;
/** The Certificate that cert-manager is asked for, and its Secret. Not the operator's: that one stays cert-manager's, also when the source is changed. */
export const certificateName = (name: string, port: 'client' | 'peer'): string => `${name}-${port}-cert`;
export const caSecretName = (name: string, port: 'client' | 'peer'): string => `${name}-${port}-ca`;

/** The number at the end of a pod's or claim's name; null if there is none. */
export function ordinalOf(podOrClaim: string): number | null {
  const digits = /-(0|[1-9]\d{0,3})$/.exec(podOrClaim)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** What pods are selected by: nothing here may ever change. */
export const selectorLabels = (name: string): Record<string, string> => ({ 'app.kubernetes.io/name': 'edgestore', [INSTANCE_LABEL]: name });

export const labelsOf = (name: string): Record<string, string> => ({ ...selectorLabels(name), 'app.kubernetes.io/managed-by': MANAGED_BY });

/** For status.selector: a string, which /scale and the autoscaler read. */
export const selectorText = (name: string): string => Object.entries(selectorLabels(name)).map(([key, value]) => `${key}=${value}`).join(',');

/** The DNS name of a replica, full. */
export const podHost = ({ metadata: { name, namespace } }: EdgeStore, pod: string, domain: string): string => `${pod}.${headlessName(name)}.${namespace}.svc.${domain}`;

/** The Secret that the pods mount; null without TLS. */
export function mountedSecretName({ spec, metadata: { name } }: EdgeStore, port: 'client' | 'peer'): string | null {
  const { source, secretName } = spec.tls[port];
  switch (source) {
    case 'None': return null;
    case 'SelfSigned': return tlsSecretName(name, port);
    case 'CertManager': return certificateName(name, port);
    case 'Secret': return secretName ?? '';
  }
}

export const clientScheme = ({ spec }: EdgeStore): string => (spec.tls.client.source === 'None' ? 'http' : 'https');
export const peerScheme = ({ spec }: EdgeStore): string => (spec.tls.peer.source === 'None' ? 'http' : 'https');

/** Where the other replicas reach this one: also what its member id is made from. */
export function peerUrl(store: EdgeStore, pod: string, domain: string): string {
  const { federation } = store.spec;
  return federation === undefined ? `${peerScheme(store)}://${podHost(store, pod, domain)}:${PEER_PORT}` : federation.advertisePeerURL.replace('{pod}', pod);
}
