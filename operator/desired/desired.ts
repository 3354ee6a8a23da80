/** Everything that an EdgeStore consists of, but for its identity, its certificates of the operator's own making and the StatefulSet. Pure. */
import type { EdgeStore } from '../resource/edgestore.ts';
import { autoscaler } from './autoscaler.ts';
import { certManagerCertificate } from './certificate.ts';
import { peersConfigMap } from './config-map.ts';
import { disruptionBudget } from './disruption-budget.ts';
import type { Wanted } from './kinds.ts';
import { monitor } from './monitoring.ts';
import { networkPolicy } from './network-policy.ts';
import { clientService, headlessService, replicaService } from './services.ts';

const present = (wanted: readonly (Wanted | null)[]): Wanted[] => wanted.filter((one) => one !== null);

/** What pods need in order to start. */
export function before(store: EdgeStore, founded: boolean, replicas: number, clusterDomain: string): Wanted[] {
  return present([
    peersConfigMap(store, founded, replicas, clusterDomain),
    headlessService(store),
    clientService(store),
    certManagerCertificate(store, 'client', clusterDomain),
    certManagerCertificate(store, 'peer', clusterDomain),
    networkPolicy(store),
    disruptionBudget(store),
  ]);
}

/** What others need in order to use them. */
export function after(store: EdgeStore, replicas: number): Wanted[] {
  return present([
    ...(store.spec.service.perReplica ? Array.from({ length: replicas }, (_, ordinal) => replicaService(store, ordinal)) : []),
    autoscaler(store),
    monitor(store),
  ]);
}
