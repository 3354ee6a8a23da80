/**
 * Two cells, each with nodes, a controller manager and a scheduler of its own, cut apart for longer than it takes to give up a node. Pods are killed on each side
 * meanwhile. Too many rather than too few: each side always has what it had, or more, and after healing there are exactly as many as asked for. Pods at the edge live.
 *
 *   node e2e/kubernetes/partition/main.ts
 *
 * Real controllers, with timers shortened; nodes and pods are KWOK's, each cell's its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults, type Result } from '../../results.ts';
import { TempDir } from '../../support/temp.ts';
import { Audit } from '../audit.ts';
import { Cells, type Cell } from '../cells.ts';
import { Informer, listableResources } from '../informer.ts';
import type { KubeObject } from '../kube-api.ts';
import { cellNode, kwokCellConfig } from '../kwok.ts';
import { until } from '../scenario.ts';
import { createWorkloads, deployments, editWorkloads, isLive, isReady, pods, podsOf, setsOf, settled } from './workloads.ts';

const NODES_PER_CELL = 2;
const NODE_LEASE_S = 8;
/** What is settled is still so after this. */
const RESTS_MS = 5_000;
const elections = ['--leader-elect-lease-duration=6s', '--leader-elect-renew-deadline=4s', '--leader-elect-retry-period=1s'];
const results: Result[] = [];

/** Runs one check; what it finds is its result. */
async function step(name: string, work: () => Promise<string[]>): Promise<void> {
  const from = Date.now();
  const problems = await work().catch((error: unknown) => [String(error)]);
  for (const problem of problems) console.log(`PROBLEM: ${name}: ${problem}`);
  const seconds = (Date.now() - from) / 1000;
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name} (${seconds.toFixed(1)} s)`);
  results.push({ suite: 'kubernetes/partition', name, status: problems.length === 0 ? 'passed' : 'failed', reason: problems.slice(0, 5).join('; '), seconds });
}

await using dir = TempDir.create('partition');
const audits = new Map(['a', 'b'].map((cell) => [cell, new Audit(dir.join(`audit-${cell}.log`))]));
await using cells = await Cells.start({
  dir,
  plane: (cell) => ({
    restart: true,
    apiserverFlags: audits.get(cell)!.flags,
    kwok: kwokCellConfig(cell, NODE_LEASE_S),
    // Nodes are given up after 10 s, and at once: half of all nodes may vanish.
    controllerFlags: [...elections, '--node-monitor-period=1s', '--node-monitor-grace-period=10s', '--node-eviction-rate=10', '--secondary-node-eviction-rate=10', '--unhealthy-zone-threshold=0.9'],
    schedulerFlags: elections,
  }),
});
const nodes = async (cell: Cell): Promise<KubeObject[]> => (await cell.api.list('/api/v1/nodes')).items;
const both = async (done: (cell: Cell) => Promise<boolean>): Promise<boolean> => (await Promise.all(cells.cells.map(done))).every(Boolean);
const names = (list: readonly KubeObject[]): string[] => list.map(({ metadata }) => metadata.name).sort();
const uids = (list: readonly KubeObject[]): string => list.map(({ metadata }) => metadata.uid).sort().join(' ');

for (const cell of cells.cells) for (let i = 0; i < NODES_PER_CELL; i++) await cell.api.create('/api/v1/nodes', cellNode(cell.name, i));
await until('all nodes are ready on both sides', 90, () => both(async (cell) => (await nodes(cell)).filter(isReady).length === 2 * NODES_PER_CELL));
await createWorkloads(cells.a.api);
await until('everything runs on both sides', 90, () => both((cell) => settled(cell.api, 'before')));
const edgePods = await podsOf(cells.a.api, 'edge');
const informers: Informer[] = [];
for (const cell of cells.cells) for (const path of await listableResources(cell.api)) informers.push(new Informer(cell.api, path));
for (const informer of informers) informer.run();

cells.cut();
console.log('cut');
const before = names(await podsOf(cells.a.api, 'web'));
/** Each side kills two, one of them the same. */
const killed = { a: before.slice(0, 2), b: before.slice(1) };
await step('pods killed on each side are replaced there', async () => {
  await Promise.all(cells.cells.map(async (cell) => {
    for (const name of killed[cell.name as 'a' | 'b']) await cell.api.remove(`${pods}/${name}`);
  }));
  await until('three live pods on each side', 90, () => both(async (cell) => (await podsOf(cell.api, 'web')).filter(isLive).length >= 3));
  return [];
});

/** The fewest live pods of a workload that each side sees, from now until it is asked. */
function watchFewest(app: string): () => Promise<Map<Cell, number>> {
  const fewest = new Map<Cell, number>(cells.cells.map((cell) => [cell, Infinity]));
  const watching = new AbortController();
  const watched = (async (): Promise<void> => {
    while (!watching.signal.aborted) {
      for (const cell of cells.cells) fewest.set(cell, Math.min(fewest.get(cell)!, (await podsOf(cell.api, app)).filter(isLive).length));
      await sleep(200);
    }
  })();
  return async () => {
    watching.abort();
    await watched;
    return fewest;
  };
}
const tooFew = (fewest: ReadonlyMap<Cell, number>): string[] => [...fewest].filter(([, count]) => count < 3).map(([cell, count]) => `${cell.name} had only ${count}`);

const fewestWeb = watchFewest('web');
const other = (cell: Cell): string => (cell === cells.a ? 'b' : 'a');
await step('each side gives up the other side\'s nodes, and evicts what tolerates that only for a while', async () => {
  await until('nodes are given up', 90, () => both(async (cell) => {
    const list = await nodes(cell);
    return list.every((node) => isReady(node) !== node.metadata.name.startsWith(`node-${other(cell)}`));
  }));
  await until('pods are evicted', 90, async () => (await podsOf(cells.a.api, 'evicted')).some((pod) => !isLive(pod)));
  const ending = (await podsOf(cells.a.api, 'edge')).filter((pod) => !isLive(pod));
  return ending.map((pod) => `${pod.metadata.name} was evicted, and should tolerate it`);
});
await step('while they are apart, each side has what it had or more', async () => tooFew(await fewestWeb()));
await step('each side edits, rolls out and replaces, as if it were alone', () => editWorkloads(cells.a.api, cells.b.api).then(() => []));
/** The ReplicaSet that was rolled out. */
const newSet = async (cell: Cell): Promise<KubeObject> => (await setsOf(cell.api, 'rolled')).find((set) => (set['spec'] as { replicas: number }).replicas === 3)!;
const [setA, setB] = [await newSet(cells.a), await newSet(cells.b)];
const owned = async (cell: Cell, set: KubeObject): Promise<KubeObject[]> => (await podsOf(cell.api, 'rolled')).filter((pod) => (pod.metadata['ownerReferences'] as { uid: string }[])[0]!.uid === set.metadata.uid);
const [podsA, podsB] = [await owned(cells.a, setA), await owned(cells.b, setB)];
const [idA, idB] = [(await podsOf(cells.a.api, 'ids'))[0]!, (await podsOf(cells.b.api, 'ids'))[0]!];
await step('a StatefulSet has two pods of one name then, one on each side', () =>
  Promise.resolve(idA.metadata.name === idB.metadata.name && idA.metadata.uid !== idB.metadata.uid ? [] : ['it has one pod on both sides']));
const fewestRolled = watchFewest('rolled');
const seen = await Promise.all(cells.cells.map(async (cell) => (await podsOf(cell.api, 'web')).filter(isLive).length));

cells.heal();
console.log(`healed; ${seen.join(' and ')} pods of 3`);
await step('after healing there are exactly as many as asked for, on both sides the same', async () => {
  // It may look settled and not be: until the loser of an election hears of it, it goes on.
  let since = Date.now();
  let last = '';
  const seconds = await until('everything is settled, and stays so', 120, async () => {
    const now = await Promise.all(cells.cells.map(async (cell) => uids((await cell.api.list(pods)).items)));
    const rests = now[0] === now[1] && now[0] === last && await both((cell) => settled(cell.api, 'after'));
    if (!rests) since = Date.now();
    last = now[0]!;
    return Date.now() - since > RESTS_MS;
  });
  console.log(`settled after ${(seconds - RESTS_MS / 1_000).toFixed(1)} s`);
  return [];
});
await step('of a Deployment, the image from one side, the count and a label from the other', async () => {
  const { metadata, spec } = (await cells.b.api.get(`${deployments}/edited`)) as KubeObject & { spec: { replicas: number; template: { spec: { containers: { image: string }[] } } } };
  const images = new Set((await podsOf(cells.b.api, 'edited')).map((pod) => (pod['spec'] as { containers: { image: string }[] }).containers[0]!.image));
  const found = [spec.replicas, spec.template.spec.containers[0]!.image, (metadata['labels'] as Record<string, string> | undefined)?.['from'], ...images].join();
  return found === '4,example.test/c:2,b,example.test/c:2' ? [] : [found];
});
await step('of two ReplicaSets of one name one stays, with its pods; the garbage collector takes those of the other', async () => {
  if (setA.metadata.name !== setB.metadata.name || setA.metadata.uid === setB.metadata.uid) return ['both sides did not make a ReplicaSet of the same name'];
  const now = await podsOf(cells.b.api, 'rolled');
  const gone = (from: readonly KubeObject[]): string[] => names(from.filter((pod) => !now.some(({ metadata }) => metadata.uid === pod.metadata.uid)));
  const fewest = await fewestRolled();
  console.log(`of the winner's ${podsA.length} pods ${gone(podsA).length} went, of the other's ${podsB.length} ${gone(podsB).length}; fewest seen: ${[...fewest].map(([cell, count]) => `${cell.name} ${count}`).join(', ')}`);
  const problems: string[] = [];
  if ((await newSet(cells.b)).metadata.uid !== setA.metadata.uid) problems.push('the ReplicaSet is not that of the lowest slot');
  const others = now.length - (await owned(cells.b, setA)).length;
  if (now.length !== 3 || others > 0) problems.push(`${now.length} pods, ${others} of them not of the ReplicaSet that stays: ${names(now).join(' ')}`);
  if (gone(podsB).length !== podsB.length) problems.push(`of the other's only ${gone(podsB).join(' ')} went`);
  // Until one of the two leaders hears that it is none, both act: one may make a pod too many for the ReplicaSet that it has just come to know, both may
  // take one away for that, and not the same. Nothing else may take a pod of the winner's, and only then may there be too few for a moment.
  for (const name of gone(podsA)) {
    const who = [...audits.values()].flatMap((audit) => audit.deleters(name));
    if (!who.includes('replicaset-controller') || who.includes('generic-garbage-collector')) problems.push(`${name}, of the winner, went by ${who.join(' and ') || 'nobody'}`);
  }
  if (gone(podsA).length === 0) problems.push(...tooFew(fewest));
  if (problems.length > 0) {
    console.log(`the ReplicaSets ${setA.metadata.uid} with ${names(podsA).join(' ')}, and ${setB.metadata.uid} with ${names(podsB).join(' ')}; who did what:`);
    for (const [cell, audit] of audits) for (const line of audit.lines('rolled')) console.log(`${cell}: ${line}`);
  }
  return problems;
});
await step('of two pods of one name one stays, the same on both sides', async () => {
  const found = await Promise.all(cells.cells.map(async (cell) => uids(await podsOf(cell.api, 'ids'))));
  return found[0] === idA.metadata.uid && found[1] === found[0] ? [] : [`${found.join(' and ')}, not ${idA.metadata.uid}`];
});
await step('the pods at the edge lived', async () => {
  const now = await podsOf(cells.b.api, 'edge');
  return uids(now) === uids(edgePods) ? [] : [`${names(edgePods).join(' ')} became ${names(now).join(' ')}`];
});
await step('all nodes are back, without taints', () => until('nodes are ready', 60, () => both(async (cell) =>
  (await nodes(cell)).every((node) => isReady(node) && ((node['spec'] as { taints?: unknown[] }).taints ?? []).length === 0))).then(() => []));
await step('one controller manager and one scheduler lead', async () => {
  const holders = new Map<string, string[]>();
  for (const lease of ['kube-controller-manager', 'kube-scheduler']) {
    await until(`${lease} has one holder`, 60, async () => {
      const found = await Promise.all(cells.cells.map(async (cell) => ((await cell.api.get(`/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${lease}`)) as { spec: { holderIdentity: string } }).spec.holderIdentity));
      holders.set(lease, found);
      return new Set(found).size === 1;
    });
  }
  const restarts = cells.cells.map((cell) => [...cell.plane.restarts.values()].reduce((sum, count) => sum + count, 0));
  console.log(`started again after losing an election: ${restarts.join(' in a, ')} in b`);
  return cells.cells.flatMap((cell) => cell.plane.ended());
});
await step('every informer has what a fresh list has', () => Informer.compareAll(informers, 60));
await Promise.all(informers.map((informer) => informer.stop()));
writeResults(results);
process.exitCode = results.every((result) => result.status === 'passed') ? 0 : 1;
