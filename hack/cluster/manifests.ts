/** Objects that every cluster has: the addresses of what runs beside the apiserver as plain processes, and storage. */
import { DNS_PORT, METRICS_PORT } from './node.ts';
import type { Settings } from './settings.ts';

/** Who makes volumes of our StorageClass (provisioner.ts). */
export const PROVISIONER = 'hack.edgestore.dev/local';
export const STORAGE_CLASS = 'standard';

interface Port {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly target: number;
}

/** A Service without selector, and the slice that says where it leads. */
function outside(name: string, clusterIP: string, address: string, ports: readonly Port[]): object[] {
  const metadata = { name, namespace: 'kube-system' };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP, ports: ports.map(({ name: portName, protocol, port, target }) => ({ name: portName, protocol, port, targetPort: target })) } },
    {
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: ports.map(({ name: portName, protocol, target }) => ({ name: portName, protocol, port: target })),
    },
  ];
}

export const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: PROVISIONER,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

/** In the order in which they are applied. */
export function manifests({ address, net }: Settings): object[] {
  if (net === undefined) return [storageClass];
  return [
    storageClass,
    ...outside('kube-dns', net.dnsService, address, [
      { name: 'dns', protocol: 'UDP', port: 53, target: DNS_PORT },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, target: DNS_PORT },
    ]),
    ...outside('metrics-server', net.metricsService, address, [{ name: 'https', protocol: 'TCP', port: 443, target: METRICS_PORT }]),
    {
      apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: { name: 'metrics-server', namespace: 'kube-system' } },
    },
  ];
}
