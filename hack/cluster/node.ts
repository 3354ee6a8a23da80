/** Command lines and files of the node: containerd, kubelet, kube-proxy, and the add-ons that run beside it as plain processes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tool } from '../../e2e/tools/tools.ts';
import type { Certificates } from './certificates.ts';
import type { Command } from './control-plane.ts';
import { kubeconfigPath } from './kubeconfig.ts';
import type { Networks, Settings } from './settings.ts';

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.6';
export const DNS_PORT = 1053;
export const METRICS_PORT = 4443;

/** Where Debian puts the CNI plugins. */
const CNI_PLUGINS = '/usr/lib/cni';

/** The cgroup that all pods of cluster number `n` live under. */
export const cgroupOf = (n: number): string => `/edgestore-${n}`;

const containerdConfig = ({ folder }: Settings): string => `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE runc may not lower a score, and dies.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
`;

/** Each pod on a link of its own to the node (ptp): all traffic is routed, so kube-proxy sees it without help from a bridge. */
const cniConfig = ({ folder, net }: Settings): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipam: { type: 'host-local', dataDir: join(folder, 'cni-data'), ranges: [[{ subnet: net?.pods }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

const kubeletConfig = (settings: Settings, { path }: Certificates): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: path('ca.crt') } },
  authorization: { mode: 'Webhook' },
  tlsCertFile: path('kubelet.crt'),
  tlsPrivateKeyFile: path('kubelet.key'),
  cgroupDriver: 'cgroupfs',
  cgroupRoot: cgroupOf(settings.net?.number ?? 0),
  failCgroupV1: false,
  failSwapOn: false,
  containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
  clusterDNS: [settings.net?.dnsService],
  clusterDomain: 'cluster.local',
  resolvConf: join(settings.folder, 'resolv.conf'),
  staticPodPath: join(settings.folder, 'static-pods'),
  // A full disk or a busy machine is for the host to deal with: no pod is thrown out before the very end.
  evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  syncFrequency: '10s',
  nodeStatusUpdateFrequency: '5s',
  registerNode: true,
  oomScoreAdj: 0,
  maxPods: 100,
});

/** containerd, with its files. */
export function containerdCommand(settings: Settings): Command {
  writeFileSync(join(settings.folder, 'containerd.toml'), containerdConfig(settings));
  writeFileSync(join(settings.folder, 'cni/10-pods.conflist'), JSON.stringify(cniConfig(settings), null, 2));
  return { name: 'containerd', command: 'containerd', args: ['--config', join(settings.folder, 'containerd.toml')] };
}

export function kubeletCommand(settings: Settings, certificates: Certificates): Command {
  const { folder, name, address } = settings;
  writeFileSync(join(folder, 'kubelet.yaml'), JSON.stringify(kubeletConfig(settings, certificates), null, 2));
  writeFileSync(join(folder, 'resolv.conf'), ''); // pods that do not use the cluster's DNS resolve nothing
  return {
    name: 'kubelet',
    command: tool('kubelet'),
    args: [
      `--config=${join(folder, 'kubelet.yaml')}`, `--root-dir=${join(folder, 'kubelet')}`, `--kubeconfig=${kubeconfigPath(settings, 'kubelet')}`,
      `--hostname-override=${name}`, `--node-ip=${address}`, '--node-labels=topology.kubernetes.io/zone=zone-a',
    ],
  };
}

export const proxyCommand = (settings: Settings, net: Networks): Command => ({
  name: 'kube-proxy',
  command: tool('kube-proxy'),
  args: [
    `--kubeconfig=${kubeconfigPath(settings)}`, '--proxy-mode=iptables', `--cluster-cidr=${net.pods}`, `--hostname-override=${settings.name}`,
    // These settings belong to the machine, not to a network namespace.
    '--conntrack-max-per-core=0', '--conntrack-min=0', '--conntrack-tcp-timeout-established=0s', '--conntrack-tcp-timeout-close-wait=0s',
    '--iptables-min-sync-period=200ms', '--healthz-bind-address=127.0.0.1:10256', '--metrics-bind-address=127.0.0.1:10249',
  ],
});

/** CoreDNS for cluster.local; there is no other name in the world of these pods. (In one block `template` would come before `kubernetes`.) */
const corefile = (settings: Settings): string => `cluster.local:${DNS_PORT} in-addr.arpa:${DNS_PORT} {
  bind ${settings.address}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfigPath(settings)}
    pods insecure
    ttl 5
  }
}
.:${DNS_PORT} {
  bind ${settings.address}
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;

export function addonCommands(settings: Settings, { path }: Certificates): Command[] {
  writeFileSync(join(settings.folder, 'Corefile'), corefile(settings));
  const kubeconfig = kubeconfigPath(settings);
  return [
    { name: 'coredns', command: tool('coredns'), args: ['-conf', join(settings.folder, 'Corefile')] },
    {
      name: 'metrics-server',
      command: tool('metrics-server'),
      args: [
        `--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`,
        `--bind-address=${settings.address}`, `--secure-port=${METRICS_PORT}`, `--cert-dir=${join(settings.folder, 'metrics-server')}`,
        `--kubelet-certificate-authority=${path('ca.crt')}`, '--kubelet-preferred-address-types=InternalIP',
        '--metric-resolution=10s', '--kubelet-request-timeout=5s',
      ],
    },
  ];
}
