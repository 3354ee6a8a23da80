/**
 * The guides of docs/guides, run as they stand.
 *
 *   node e2e/guides/main.ts [--only NAME[,NAME]] [--show]      (those without a kubelet, unless named)
 *
 * Each machine of a guide is a set of namespaces on this one; --show prints what every command prints.
 */
import { parseArgs } from 'node:util';
import { load } from 'js-yaml';
import { makeCgroups, removeCgroups } from '../../hack/cluster/cgroups.ts';
import { Steps } from '../operator/steps.ts';
import { cellNode, kwokCellConfig } from '../kubernetes/kwok.ts';
import { TempDir } from '../support/temp.ts';
import { runGuide } from './guide.ts';
import { nodeImages, startNode } from './node.ts';
import { Place, connect } from './place.ts';

const { values } = parseArgs({ options: { only: { type: 'string' }, show: { type: 'boolean', default: false } } });
const chosen = values.only?.split(',');
const steps = new Steps('docs/guides');
const wanted = (name: string): boolean => chosen === undefined || chosen.includes(name);

/** Two sites with a cable between them: the guide's "the link is cut" pulls it, so that nobody is told. */
async function twoSites(name: string, [a, addressesA]: readonly [string, readonly string[]], [b, addressesB]: readonly [string, readonly string[]]): Promise<void> {
  await steps.run(`docs/guides/${name}.md, as it stands`, async () => {
    await using dir = TempDir.create(`guide-${name}`);
    const one = await Place.create(a, dir.path);
    const other = await Place.create(b, dir.path);
    const places = { [a]: one, [b]: other };
    try {
      await connect(one, addressesA, other, addressesB);
      const count = await runGuide({
        name, places, show: values.show,
        acts: {
          cut: () => one.mustRun('ip link set eth0 down'),
          heal: () => one.mustRun('ip link set eth0 up'),
          // A guide's nodes are real ones; here they are played.
          nodes: () => Promise.all([one, other].map((place) => playNodes(place, 2))),
          carry: (path, from, to) => places[from ?? '']!.carry(path ?? '', places[to ?? '']!),
        },
      });
      return `${count} blocks`;
    } finally {
      await one.stop();
      await other.stop();
    }
  });
}

/** Nodes of a cell, played by KWOK with the administrator's kubeconfig of that cell. */
async function playNodes(place: Place, count: number): Promise<void> {
  await place.write('/etc/kwok.yaml', kwokCellConfig(place.name, 40));
  for (let i = 0; i < count; i++) {
    const node = cellNode(place.name, i) as { metadata: { labels: Record<string, string> } };
    node.metadata.labels['topology.kubernetes.io/zone'] = place.name;
    await place.write(`/tmp/node-${place.name}-${i}.json`, JSON.stringify(node));
    await place.mustRun(`kubectl create -f /tmp/node-${place.name}-${i}.json`);
  }
  await place.mustRun('kwok --kubeconfig /etc/kubernetes/admin.conf --config /etc/kwok.yaml >/var/log/kwok.log 2>&1 &');
}

/** The name under which the guide asks for it; the image is made of the program that e2e/tools builds. */
const APISERVER = 'registry.k8s.io/kube-apiserver:v1.36.3';

/** What the one container of a static pod runs, for a node without a kubelet. */
async function runPod(place: Place, file: string): Promise<void> {
  const pod = load(await place.mustRun(`cat '${file}'`)) as { spec: { containers: { command: string[]; args: string[] }[] } };
  const [container] = pod.spec.containers;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].map((word) => `'${word}'`).join(' ');
  await place.mustRun(`${words} >/var/log/pod.log 2>&1 &`);
}

/** Two nodes, the first with a kubelet. */
async function staticPods(): Promise<void> {
  await steps.run('docs/guides/static-pods.md, as it stands', async () => {
    await using dir = TempDir.create('guide-pods');
    const places = { 'node-1': await Place.create('node-1', dir.path), 'node-2': await Place.create('node-2', dir.path) };
    const cgroup = `/edgestore-guide-${process.pid}`;
    const placeOf = (name = ''): Place => places[name as keyof typeof places];
    try {
      await connect(places['node-1'], ['192.0.2.31'], places['node-2'], ['192.0.2.32']);
      makeCgroups(cgroup);
      const count = await runGuide({
        name: 'static-pods', show: values.show, places,
        acts: {
          kubelet: (name, address) => startNode(placeOf(name), dir.path, cgroup, address ?? '', nodeImages(APISERVER)),
          pod: (name, file) => runPod(placeOf(name), file ?? ''),
          carry: (path, from, to) => placeOf(from).carry(path ?? '', placeOf(to)),
        },
      });
      return `${count} blocks`;
    } finally {
      for (const place of Object.values(places)) await place.stop();
      await removeCgroups(cgroup);
    }
  });
}

const addresses = (...last: number[]): string[] => last.map((n) => `192.0.2.${n}`);

if (wanted('federation')) await twoSites('federation', ['north', addresses(11, 12, 13)], ['south', addresses(21, 22, 23)]);
if (wanted('cells')) await twoSites('cells', ['a', addresses(1)], ['b', addresses(2)]);
if (chosen?.includes('static-pods') === true) await staticPods();
process.exit(steps.failed ? 1 : 0);
