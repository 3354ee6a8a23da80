/** A node for a guide: containerd and the real kubelet in a place, with images of this checkout and of Kubernetes' own programs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE_IMAGE } from '../../hack/cluster/node.ts';
import { pauseImage } from '../../hack/cluster/pause.ts';
import { defaultName, edgestoreImage, versionOf } from '../../hack/image/main.ts';
import { buildImage } from '../../hack/image/oci.ts';
import { Tree } from '../../hack/image/tree.ts';
import { ROOT } from '../support/edgestore.ts';
import { tool } from '../tools/tools.ts';
import type { Place } from './place.ts';

const SOCKET = '/run/containerd/containerd.sock';

const containerdConfig = (root: string): string => `version = 2
root = "${root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
`;

/** What a kubelet has that somebody set up with kubeadm; besides, what this machine asks for. */
const kubeletConfig = (cgroup: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  staticPodPath: '/etc/kubernetes/manifests',
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' } },
  authorization: { mode: 'Webhook' },
  containerRuntimeEndpoint: `unix://${SOCKET}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: cgroup,
  failCgroupV1: false,
  failSwapOn: false,
  evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  oomScoreAdj: 0,
  // The network of pods is no matter of this guide: static pods of a control plane are on the host's.
  fileCheckFrequency: '2s',
  syncFrequency: '5s',
});

/** One program of Kubernetes, as its own images have it: at /usr/local/bin, and nothing else. */
export function kubernetesImage(program: string, name: string): Buffer {
  const tree = new Tree();
  tree.copy(`usr/local/bin/${program}`, tool(program));
  return buildImage({ name, version: '1', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', config: {}, layers: [{ note: program, entries: tree.sorted() }] }).archive;
}

/**
 * Starts containerd, gives it the images that the guide names, and starts the kubelet.
 * @param folder on a disk that overlayfs can lie on
 */
export async function startNode(place: Place, folder: string, cgroup: string, address: string, images: readonly Buffer[]): Promise<void> {
  const root = join(folder, `${place.name}-containerd`);
  mkdirSync(root, { recursive: true });
  await place.write('/etc/containerd.toml', containerdConfig(root));
  await place.write('/etc/kubelet.yaml', JSON.stringify(kubeletConfig(cgroup)));
  await place.mustRun('mkdir -p /etc/kubernetes/manifests /run/lock; containerd --config /etc/containerd.toml >/var/log/containerd.log 2>&1 &');
  await place.mustRun('for n in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.2; done; ctr version >/dev/null');
  for (const [i, archive] of images.entries()) {
    const file = join(folder, `image-${i}.tar`);
    writeFileSync(file, archive);
    await place.mustRun(`ctr -n k8s.io image import '${file}'`);
  }
  await place.mustRun(`kubelet --config /etc/kubelet.yaml --kubeconfig /etc/kubernetes/kubelet.conf --hostname-override ${place.name} --node-ip ${address} >/var/log/kubelet.log 2>&1 &`);
}

/** The images that a node of these guides has: a pod's sandbox, EdgeStore, kube-apiserver. */
export const nodeImages = (apiserver: string): Buffer[] =>
  [pauseImage(PAUSE_IMAGE), edgestoreImage(ROOT, defaultName(versionOf(ROOT)), versionOf(ROOT)).archive, kubernetesImage('kube-apiserver', apiserver)];
