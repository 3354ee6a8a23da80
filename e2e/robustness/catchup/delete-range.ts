/**
 * One DeleteRange of many keys, in etcd and in EdgeStore on this machine: how long it takes, and how long reads and writes of others wait meanwhile.
 *
 *   node e2e/robustness/catchup/delete-range.ts [--keys 100000] [--bytes 1024]
 *
 * Both over the JSON gateway. A reader and a writer each make one call after the other, of a key beside the range, before, during and after: the longest call
 * while the deletion is under way is told, and the longest of the second before.
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { etcdCluster } from '../../support/etcd.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';
import { CALLERS_KEY, Callers } from './callers.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '100000' }, bytes: { type: 'string', default: '1024' } } });

console.log('| store | the deletion | longest read, before | longest write, before | longest read meanwhile | longest write meanwhile |\n|---|---|---|---|---|---|');
for (const [name, create] of [['etcd', etcdCluster], ['EdgeStore', edgestoreCluster]] as const) {
  await using dir = TempDir.create(`delete-${name.toLowerCase()}`);
  await using cluster = await create({ dir });
  await cluster.start();
  const { endpoint } = cluster.members[0]!;
  const call = async (path: string, body: object): Promise<{ deleted?: string }> => {
    const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { deleted?: string };
  };
  const { code, stderr } = await run(tool('benchmark'), [
    '--endpoints', endpoint, '--conns', '20', '--clients', '200', 'put', '--total', values.keys, '--key-space-size', values.keys, '--sequential-keys', '--val-size', values.bytes,
  ], { timeout_ms: 300_000 });
  if (code !== 0) throw new Error(stderr);
  const callers = new Callers(endpoint);
  await sleep(1_000);
  callers.take();
  await sleep(1_000);
  const before = callers.take();
  const from = performance.now();
  const { deleted } = await call('deleterange', { key: 'AA==', range_end: CALLERS_KEY });
  const ms = performance.now() - from;
  await sleep(300);
  const longest = await callers.stop();
  if (Number(deleted) !== Number(values.keys)) throw new Error(`${deleted} keys were deleted`);
  const f = (n: number): string => `${n.toFixed(0)} ms`;
  console.log(`| ${name} | ${f(ms)} | ${f(before.read)} | ${f(before.write)} | ${f(longest.read)} | ${f(longest.write)} |`);
}
