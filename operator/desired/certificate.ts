/** Certificates by cert-manager. */
import type { EdgeStore } from '../resource/edgestore.ts';
import { kinds, owned } from './kinds.ts';
import type { Wanted } from './kinds.ts';
import { certificateName, clientServiceName, headlessName } from './names.ts';

/** Names that a certificate of a replica must bear: any replica by itself, and the Services that lead to them. */
export function hostNames(store: EdgeStore, port: 'client' | 'peer', clusterDomain: string): string[] {
  const { name, namespace } = store.metadata;
  const { federation, service, replicas } = store.spec;
  const suffixes = [`${namespace}.svc.${clusterDomain}`, `${namespace}.svc`, namespace, ''];
  const each = (host: string): string[] => suffixes.map((suffix) => (suffix === '' ? host : `${host}.${suffix}`));
  // A wildcard stands for one label only, so that it cannot cover `NAME-0.NAMESPACE.svc` without covering everybody else's.
  const perReplica = port === 'client' && service.perReplica ? Array.from({ length: Math.max(replicas, store.spec.autoscaling?.maxReplicas ?? 0) }, (_, i) => `${name}-${i}`) : [];
  return [
    'localhost',
    ...each(headlessName(name)), ...each(headlessName(name)).map((host) => `*.${host}`),
    ...(port === 'client' ? each(clientServiceName(name)) : []),
    ...perReplica.flatMap((service_) => [`${service_}.${namespace}.svc`, `${service_}.${namespace}`, service_]),
    ...(federation === undefined ? [] : [new URL(federation.advertisePeerURL.replace('{pod}', 'pod')).hostname.replace(/^pod(?=\.)/, '*')]),
  ];
}

export function certManagerCertificate(store: EdgeStore, port: 'client' | 'peer', clusterDomain: string): Wanted | null {
  const { source, issuerRef } = store.spec.tls[port];
  if (source !== 'CertManager' || issuerRef === undefined) return null;
  const name = certificateName(store.metadata.name, port);
  return owned(store, kinds.certificate, name, {
    spec: {
      secretName: name,
      issuerRef: { name: issuerRef.name, kind: issuerRef.kind, group: 'cert-manager.io' },
      commonName: `${store.metadata.name}-${port}`,
      dnsNames: hostNames(store, port, clusterDomain),
      ipAddresses: ['127.0.0.1', '::1'],
      usages: ['server auth', 'client auth', 'digital signature', 'key encipherment'],
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
    },
  });
}
