/**
 * The guides that need a cluster with the operator, run as they stand.
 *
 *   node e2e/guides/cluster.ts [--name guides] [--keep] [--show]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kubeconfigPath } from '../../hack/cluster/kubeconfig.ts';
import { load } from '../../hack/cluster/lifecycle.ts';
import { install } from '../operator/install.ts';
import { ROOT, RealCluster, until } from '../operator/real-cluster.ts';
import { Steps, expect } from '../operator/steps.ts';
import { TempDir } from '../support/temp.ts';
import { runGuide } from './guide.ts';
import { kubernetesImage } from './node.ts';
import { Place } from './place.ts';

/** The names under which the guide asks for them. */
const IMAGES = { 'kube-apiserver': 'registry.k8s.io/kube-apiserver:v1.36.3', 'kube-controller-manager': 'registry.k8s.io/kube-controller-manager:v1.36.3' };

/** In one cluster the other's replicas are reached by the names of their headless Service; otherwise the samples as they stand. */
const FEDERATED = `
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=ca -keyout $files/ca.key -out $files/ca.crt -addext keyUsage=critical,keyCertSign
for site in north south; do
  openssl req -x509 -CA $files/ca.crt -CAkey $files/ca.key -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=$site -keyout $files/$site.key -out $files/$site.crt \\
    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth -addext "subjectAltName=DNS:*.$site-headless.$site.svc.cluster.local"
  kubectl create namespace $site
  kubectl create secret generic federation-peer -n $site --from-file tls.crt=$files/$site.crt --from-file tls.key=$files/$site.key --from-file $files/ca.crt
done
rename='s/(north|south)\\.example\\.com/\\1-headless.\\1.svc.cluster.local/'
sed -E "$rename" crds/samples/federated-north.yaml | kubectl apply -n north -f - && sed -E "$rename" crds/samples/federated.yaml | kubectl apply -n south -f -
`;

const { values } = parseArgs({ options: { name: { type: 'string', default: 'guides' }, keep: { type: 'boolean', default: false }, show: { type: 'boolean', default: false } } });
const steps = new Steps('docs/guides-cluster');
await using cluster = await RealCluster.start(values.name, values.keep);

await steps.run('docs/guides/tenant-control-plane.md, as it stands', async () => {
  cluster.loadImage();
  for (const [program, name] of Object.entries(IMAGES)) {
    const file = join(cluster.folder, `${program}.tar`);
    mkdirSync(cluster.folder, { recursive: true });
    writeFileSync(file, kubernetesImage(program, name));
    load(cluster.settings, file);
  }
  await install(cluster);
  await using dir = TempDir.create('guide-tenant');
  const admin = await Place.create('admin', dir.path, 'host');
  try {
    await admin.mustRun(`cp '${kubeconfigPath(cluster.settings)}' management.conf; export KUBECONFIG=$PWD/management.conf`);
    const count = await runGuide({ name: 'tenant-control-plane', show: values.show, places: { admin } });
    return `${count} blocks`;
  } finally {
    await admin.stop();
  }
});

await steps.run('the samples of a federated store, as two EdgeStores: six replicas of one store, and one of the south is scaled in', async () => {
  await using dir = TempDir.create('guide-federated');
  const admin = await Place.create('admin', dir.path, 'host');
  try {
    await admin.mustRun(`export KUBECONFIG='${kubeconfigPath(cluster.settings)}'; cd '${ROOT}'; files=$(mktemp -d)`);
    await admin.mustRun(FEDERATED);
    await until('both are ready', 180, async () => (await admin.mustRun('kubectl get est -A')).match(/(north|south) +3 +3 +True +Ready/g)?.length === 2);
    await admin.mustRun('kubectl scale edgestore south -n south --replicas 2');
    await until('the south has two', 180, async () => / south +2 +2 +True +Ready/.test(await admin.mustRun('kubectl get est -A')));
    const members = await admin.mustRun('edgestore member list --endpoint $(kubectl get pod -n north north-0 -o jsonpath={.status.podIP}):2379');
    const names = [...members.matchAll(/(north|south)-\d(?= )/g)].map(([name]) => name).join(' ');
    expect(names === 'north-0 north-1 north-2 south-0 south-1', members);
  } finally {
    await admin.stop();
  }
});

if (steps.failed) await cluster.diagnose('tenant-a');
await cluster[Symbol.asyncDispose]();
process.exit(steps.failed ? 1 : 0);
