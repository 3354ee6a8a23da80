/**
 * An apiserver on one of three replicas; the replica is killed and the apiserver started on another, then on the third, while
 * controllers and informers go on.
 *
 *   node e2e/kubernetes/failover/main.ts [--pods 200] [--nodes 20] [--interval 20] [--intervals 3]
 *
 * With `--etcd-compaction-interval` short, the compactors of the apiservers meet each replica's own `compact_rev_key`.
 * Passes when no program crashes and every informer's content equals a fresh list afterwards.
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { TempDir } from '../../support/temp.ts';
import { ControlPlane } from '../control-plane.ts';
import { Informer, listableResources } from '../informer.ts';
import { createDeployment, createNodes, rolledOut, setImage, until } from '../scenario.ts';

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '200' },
    nodes: { type: 'string', default: '20' },
    interval: { type: 'string', default: '20' },
    intervals: { type: 'string', default: '3' },
  },
});
const pods = Number(values.pods);
const pause_ms = Number(values.interval) * Number(values.intervals) * 1000;
const problems: string[] = [];
const started = Date.now();

await using dir = TempDir.create('failover');
await using store = await edgestoreCluster({ dir, members: 3 });
await store.start();
const [first, second, third] = store.members;
if (!first || !second || !third) throw new Error('three replicas are needed');
await using plane = await ControlPlane.create({
  dir, name: 'a', etcd: first.endpoint, apiserverFlags: [`--etcd-compaction-interval=${values.interval}s`],
});
console.log(`apiserver ready after ${await plane.start()} s`);
await createNodes(plane.api, Number(values.nodes));
await createDeployment(plane.api, 'failover', 'web', pods);
await rolledOut(plane.api, 'failover', 'web', pods, 120);

const informers = (await listableResources(plane.api)).map((path) => new Informer(plane.api, path));
for (const informer of informers) informer.run();
console.log(`${informers.length} informers`);

/** Work that goes on while compactions happen, then a look at every informer. */
async function workAndCompare(where: string, round: number): Promise<void> {
  const end = Date.now() + pause_ms;
  for (let change = 0; Date.now() < end || change === 0; change++) {
    await setImage(plane.api, 'failover', 'web', `example.test/app:${round}-${change}`);
    await rolledOut(plane.api, 'failover', 'web', pods, 120);
    await sleep(1_000);
  }
  // Leases and heartbeats never rest: an informer is right when it agrees with a list at some moment.
  for (const informer of informers) {
    let differences: string[] = [];
    await until(`${informer.path} agrees`, 60, async () => (differences = await informer.compare()).length === 0)
      .catch(() => problems.push(...differences.slice(0, 5)));
    problems.push(...informer.anomalies.splice(0));
  }
  problems.push(...plane.ended().map((text) => `${where}: ${text}`));
  console.log(`${where}: informers compared, ${problems.length} problems`);
}

await workAndCompare('on the first replica', 1);
await first.kill();
console.log(`first replica killed; apiserver on the second after ${await plane.moveTo(second.endpoint)} s`);
await workAndCompare('on the second replica', 2);
await first.start();
await second.kill();
console.log(`second replica killed, first back; apiserver on the third after ${await plane.moveTo(third.endpoint)} s`);
await workAndCompare('on the third replica', 3);

for (const informer of informers) await informer.stop();
for (const problem of problems) console.log(`PROBLEM: ${problem}`);
writeResults([{
  suite: 'kubernetes/failover', name: 'an apiserver moved twice between three replicas, every informer compared', status: problems.length === 0 ? 'passed' : 'failed',
  reason: problems.slice(0, 5).join('; '), seconds: (Date.now() - started) / 1000,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
