/**
 * Two replicas merge Kubernetes objects by a table of one's own, under a prefix of one's own. Then one of them has another table, or does not merge at all: both
 * say so, objects merge whole meanwhile, all keys stay the same on both, and what was beaten is listed. Once the tables are equal it ends. Then three replicas, of which one
 * does not merge from the start (off.ts).
 *
 *   node e2e/robustness/merge-tables/main.ts
 */
import { writeFileSync } from 'node:fs';
import { writeResults } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import type { EtcdLike } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';
import { Rpc } from '../shared/rpc.ts';
import { besideOff } from './off.ts';
import { alarmed, ALIKE, all, check, cli, conflictsOf, deployment, DIFFER, expectEqual, lines, pending, results, until } from './shared.ts';
import type { Edit } from './shared.ts';

const prefix = '/objects/';
const own = `extends: default
kinds:
  - kinds: [apps/Deployment]
    merge: field
    fields:
      spec.replicas: smallest      # the default table has: the largest
`;

await using dir = TempDir.create('merge-tables');
const policies = [dir.join('table-0.yaml'), dir.join('table-1.yaml')];
for (const file of policies) writeFileSync(file, own);
/** Read at each start: what of --merge a replica has. */
await using cluster = await edgestoreCluster({ dir, members: 2, peerDelay_ms: 0, flags: ['--merge-prefix', prefix], memberFlags: (i) => ['--merge-policy', policies[i]!] });
await cluster.start();
const [a, b] = cluster.members as unknown as readonly [EtcdLike, EtcdLike];
let rpcs = [new Rpc(a.endpoint), new Rpc(b.endpoint)] as const;

const equal = async (): Promise<boolean> => JSON.stringify([...await all(rpcs[0])]) === JSON.stringify([...await all(rpcs[1])]);
const shown = async (key: string): Promise<Edit> => {
  const { metadata, spec } = JSON.parse((await all(rpcs[0])).get(key)!) as { metadata: { labels?: Record<string, string> }; spec: { replicas: number } };
  return { replicas: spec.replicas, labels: metadata.labels ?? {} };
};

/** Both replicas write all these keys while they are cut apart; `there` is written later, and counts as later, for more came before it. */
async function apart(keys: readonly string[], here: Edit, there: Edit): Promise<void> {
  const name = (key: string): string => key.split('/').at(-1)!;
  for (const key of keys) await rpcs[0].put(key, deployment(name(key), {}));
  await until('both have what is to be edited', equal);
  for (const proxy of cluster.peerProxies) proxy.cut();
  for (const key of keys) {
    await rpcs[0].put(key, deployment(name(key), here));
    await rpcs[0].put(`${key}-only-here`, 'a');
    for (let i = 0; i < 3; i++) await rpcs[1].put(`${key}-only-there`, String(i));
    await rpcs[1].put(key, deployment(name(key), there));
  }
  for (const proxy of cluster.peerProxies) proxy.heal();
  await until('what only one side wrote is on both', async () => (await Promise.all(rpcs.map(all))).every((held) => keys.every((key) => held.get(`${key}-only-here`) === 'a' && held.get(`${key}-only-there`) === '2')));
  await until('both show the same', equal);
}

const here: Edit = { replicas: 5, labels: { here: 'yes' } };
const there: Edit = { replicas: 4, labels: { there: 'yes' } };

/** One replica with another table from now on. */
async function restart(member: EtcdLike, change: () => void): Promise<void> {
  for (const rpc of rpcs) rpc.close();
  await member.stop();
  change();
  await member.start();
  rpcs = [new Rpc(a.endpoint), new Rpc(b.endpoint)] as const;
}

await check('a table and a prefix of one\'s own decide, on both replicas', async () => {
  await apart(['/objects/one', '/registry/one'], here, there);
  expectEqual('by the row for Deployments, the smaller; labels by field', await shown('/objects/one'), { replicas: 4, labels: { here: 'yes', there: 'yes' } });
  expectEqual('outside the prefix, the later', await shown('/registry/one'), there);
  expectEqual('told at n0', (await conflictsOf(a, '/objects/one')).map(({ rule }) => rule), ['smallest']);
  if (await alarmed(a) || await alarmed(b)) throw new Error('an alarm although the tables are equal');
});

/** While the tables differ. */
async function differing(key: string): Promise<void> {
  await until('both raise the alarm', async () => (await Promise.all([a, b].map(alarmed))).every(Boolean));
  const status = await cli('status', '--endpoints', [a, b].map(({ endpoint }) => new URL(endpoint).host).join());
  if (status.split('\n').filter((line) => line.includes('alarm MERGE-TABLES')).length !== 2) throw new Error(`edgestore status does not show it at both:\n${status}`);
  for (const member of [a, b]) if (lines(member, DIFFER) === 0) throw new Error(`${member.name} does not say it in its log`);
  await apart([key], here, there);
  expectEqual('the later, whole', await shown(key), there);
  // Each side lists what was beaten: nothing is lost without a word.
  for (const member of [a, b]) {
    const found = await conflictsOf(member, key);
    if (!found.some(({ rule, lost }) => rule === 'last-writer' && lost === deployment(key.split('/').at(-1)!, here))) throw new Error(`${member.name} does not list what was beaten: ${JSON.stringify(found)}`);
  }
}

await check('one replica has another table: both say so, objects merge whole, and nothing is lost unseen', async () => {
  // Until then it is not on disk what it came to, and by other tables it comes to something else.
  await until('what was merged is written down', async () => (await Promise.all([a, b].map(pending))).every((keys) => keys === 0));
  await restart(b, () => writeFileSync(policies[1]!, 'extends: default\nkinds: []\n'));
  await differing('/objects/two');
  expectEqual('what had been merged stays', await shown('/objects/one'), { replicas: 4, labels: { here: 'yes', there: 'yes' } });
});

await check('the tables are equal again: the alarm ends, and objects merge by field, those too that were written meanwhile', async () => {
  const before = [a, b].map((member) => lines(member, ALIKE));
  await restart(b, () => writeFileSync(policies[1]!, own));
  await until('no alarm', async () => !(await Promise.all([a, b].map(alarmed))).some(Boolean));
  [a, b].forEach((member, i) => {
    if (lines(member, ALIKE) <= before[i]!) throw new Error(`${member.name} does not say in its log that it is over`);
  });
  await apart(['/objects/two', '/objects/three'], here, there);
  for (const key of ['/objects/two', '/objects/three']) expectEqual(key, await shown(key), { replicas: 4, labels: { here: 'yes', there: 'yes' } });
});

for (const rpc of rpcs) rpc.close();
await besideOff();
writeResults(results);
process.exitCode = results.every((result) => result.status === 'passed') ? 0 : 1;
