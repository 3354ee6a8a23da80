/** The command line of a replica. The same for all of one StatefulSet: what differs comes from the pod's name. */
import { FLUSH_SHARE } from '../limits.ts';
import type { EdgeStore } from '../resource/edgestore.ts';
import { CLIENT_PORT, METRICS_PORT, PEER_PORT, clientScheme, peerScheme, peerUrl, podHost, podName } from './names.ts';

const POD = '$(POD_NAME)';

/** Bytes of a Kubernetes quantity, whole. Throws on what is none. */
export function bytesOf(quantity: string | number): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(String(quantity));
  if (match === null) throw new Error(`"${quantity}" is no quantity`);
  const factors: Record<string, number> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };
  return Math.ceil(Number(match[1]) * (factors[match[2] ?? ''] ?? 1));
}

function tlsArgs({ spec: { tls } }: EdgeStore): string[] {
  const pair = (port: 'client' | 'peer', prefix: string): string[] => [`--${prefix}cert-file=/etc/edgestore/${port}/tls.crt`, `--${prefix}key-file=/etc/edgestore/${port}/tls.key`];
  return [
    ...(tls.client.source === 'None' ? [] : pair('client', '')),
    // A CA alone makes a replica refuse clients without a certificate, as with etcd.
    ...(tls.client.clientCertAuth ? ['--trusted-ca-file=/etc/edgestore/client/ca.crt', '--client-cert-auth'] : []),
    ...(tls.peer.source === 'None' ? [] : [...pair('peer', 'peer-'), '--peer-trusted-ca-file=/etc/edgestore/peer/ca.crt', '--peer-client-cert-auth']),
  ];
}

export function clientArgs(store: EdgeStore, domain: string, home: string, token: string): string[] {
  const { spec, metadata: { name } } = store;
  const client = clientScheme(store);
  const url = peerUrl(store, POD, domain);
  const founds = spec.federation === undefined || spec.federation.founder;
  return [
    `--name=${POD}`,
    `--data-dir=${home}/data`,
    `--listen-client-urls=${client}://0.0.0.0:${CLIENT_PORT}`,
    `--advertise-client-urls=${client}://${podHost(store, POD, domain)}:${CLIENT_PORT}`,
    `--listen-peer-urls=${peerScheme(store)}://0.0.0.0:${PEER_PORT}`,
    `--initial-advertise-peer-urls=${url}`,
    `--listen-metrics-urls=http://0.0.0.0:${METRICS_PORT}`,
    // How long calls take is what clients feel, and what an alert is for.
    '--metrics=extensive',
    // Some members first, so that one that joins has somebody to ask; then the replica itself.
    `--initial-cluster=$(CLUSTER_PEERS),${POD}=${url}`,
    '--initial-cluster-state=$(CLUSTER_STATE)',
    `--initial-cluster-token=${token}`,
    // Even one that sees an outdated CLUSTER_STATE must never begin a second cluster.
    ...(founds ? [`--founder=${podName(name, 0)}`] : []),
    '--strided-revisions',
    `--slot-base=${spec.slotBase}`,
    `--flush-timeout=${Math.floor(spec.terminationGracePeriodSeconds * FLUSH_SHARE)}s`,
    ...tlsArgs(store),
    `--auto-compaction-mode=${spec.compaction.mode}`,
    `--auto-compaction-retention=${spec.compaction.retention}`,
    ...(spec.writeAcks === 1 ? [] : [`--write-acks=${spec.writeAcks}`]),
    ...(spec.quota === undefined ? [] : [`--quota-backend-bytes=${bytesOf(spec.quota)}`]),
    ...(spec.evictAfter === undefined ? [] : [`--evict-after=${spec.evictAfter}`]),
    ...(spec.maxConnectionAge === undefined ? [] : [`--max-connection-age=${spec.maxConnectionAge}`]),
    ...(spec.localKeys === undefined || spec.localKeys.length === 0 ? [] : [`--local-keys=${spec.localKeys.join(',')}`]),
    ...(spec.logLevel === 'info' ? [] : [`--log-level=${spec.logLevel}`]),
    ...(spec.extraArgs ?? []),
  ];
}
