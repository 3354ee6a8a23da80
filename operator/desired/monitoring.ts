import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { headlessName, selectorLabels } from './names.ts';

/** What a Prometheus operator scrapes by. null: none is wanted. */
export function monitor(store: EdgeStore): Wanted | null {
  const { name, namespace } = store.metadata;
  const { enabled, kind, interval, labels } = store.spec.monitoring;
  if (!enabled) return null;
  // By its name a person knows a replica; the address changes with the pod.
  const relabelings = [{ sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'instance' }];
  const endpoint = { port: 'metrics', interval, path: '/metrics', scheme: 'http', relabelings };
  const metadata = labels === undefined ? {} : { labels };
  return kind === 'PodMonitor'
    ? owned(store, kinds.podMonitor, name, { spec: { selector: { matchLabels: selectorLabels(name) }, podMetricsEndpoints: [endpoint] } }, metadata)
    // The headless Service alone has the port: of several Services each replica would be scraped as often.
    : owned(store, kinds.serviceMonitor, headlessName(name), { spec: { namespaceSelector: { matchNames: [namespace] }, selector: { matchLabels: selectorLabels(name) }, endpoints: [endpoint] } }, metadata);
}
