import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { selectorLabels } from './names.ts';

type From = readonly Readonly<Record<string, unknown>>[];

/** Who may connect to replicas. null: none is wanted. */
export function networkPolicy(store: EdgeStore): Wanted | null {
  const { name } = store.metadata;
  const { enabled, clientFrom, peerFrom, operatorFrom } = store.spec.networkPolicy;
  if (!enabled) return null;
  const replicas = [{ podSelector: { matchLabels: selectorLabels(name) } }];
  const rule = (port: string, from: From | undefined): object => ({ ports: [{ port, protocol: 'TCP' }], ...(from === undefined ? {} : { from }) });
  return owned(store, kinds.networkPolicy, name, {
    spec: {
      podSelector: { matchLabels: selectorLabels(name) },
      policyTypes: ['Ingress'],
      ingress: [
        rule('peer', [...replicas, ...(peerFrom ?? [])]),
        // The operator asks replicas at the client port.
        rule('client', clientFrom === undefined ? undefined : [...clientFrom, ...replicas, ...(operatorFrom ?? [{ namespaceSelector: {}, podSelector: { matchLabels: { 'app.kubernetes.io/name': 'edgestore-operator' } } }])]),
        rule('metrics', undefined),
      ],
    },
  });
}
