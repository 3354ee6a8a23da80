/**
 * Memory over a long life: overwrites of few keys, and keys that come and go, leave the heap and the disk where they were.
 *
 *   node e2e/robustness/memory/main.ts [--overwrites 1000000] [--churn 500000]
 *
 * One replica as a process under etcd's own `benchmark`, with a compaction a second. The heap is read from /metrics many times; what counts
 * is the lowest figure of a phase, for between two collections the heap is full of what nobody needs.
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';

const { values } = parseArgs({ options: { overwrites: { type: 'string', default: '1000000' }, churn: { type: 'string', default: '500000' } } });
const MIB = 1_048_576;
/** What may come on top by chance: compiled code, caches, a snapshot's worker. */
const SLACK_BYTES = 32 * MIB;

await using dir = TempDir.create('memory');
await using store = await edgestoreCluster({ dir });
await store.start();
const endpoint = store.endpoints[0] ?? '';
const started = Date.now();
const problems: string[] = [];

interface Figures { heap: number; external: number; resident: number; disk: number }

async function figures(): Promise<Figures> {
  const text = await (await fetch(`${endpoint}/metrics`)).text();
  const read = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
  return {
    heap: read('nodejs_heap_size_used_bytes'), external: read('nodejs_external_memory_bytes'),
    resident: read('process_resident_memory_bytes'), disk: read('edgestore_disk_bytes'),
  };
}

const low = (a: Figures, b: Figures): Figures => ({
  heap: Math.min(a.heap, b.heap), external: Math.min(a.external, b.external), resident: Math.min(a.resident, b.resident), disk: Math.min(a.disk, b.disk),
});
const show = (f: Figures): string => Object.entries(f).map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(0)} MiB`).join(', ');

/** Runs `work` and returns the lowest figures seen in its second half. */
async function during(work: () => Promise<void>): Promise<Figures> {
  const seen: Figures[] = [];
  let done = false;
  const sampling = (async () => {
    for (let i = 1; !done; i++) {
      seen.push(await figures());
      if (i % 5 === 0) await compactBehind(5_000);
      await sleep(200);
    }
  })();
  try {
    await work();
  } finally {
    done = true;
    await sampling;
  }
  return seen.slice(Math.floor(seen.length / 2)).reduce(low);
}

async function benchmark(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(tool('benchmark'), ['--endpoints', endpoint, '--conns', '20', '--clients', '200', ...args], { timeout_ms: 900_000 });
  if (code !== 0) throw new Error(`benchmark: ${stdout}${stderr}`);
}
const overwrite = (total: number) => (): Promise<void> =>
  benchmark('put', '--total', String(total), '--key-space-size', '5000', '--val-size', '256');

async function gateway(path: string, body: object): Promise<{ kvs?: { key: string }[]; header?: { revision: string } }> {
  const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return (await response.json()) as { kvs?: { key: string }[]; header?: { revision: string } };
}

/** Compacts all but the last so many revisions; a store of one member counts them by one. */
async function compactBehind(revisions: number): Promise<void> {
  const { header } = await gateway('range', { key: 'AA==', limit: 1 });
  const revision = Number(header?.revision) - revisions;
  // Nothing has changed since the last time: that is no error of the store's.
  if (revision > 0) await gateway('compaction', { revision: String(revision) }).catch(() => undefined);
}

/** Deletes everything, a thousand keys at a time, and compacts. */
async function deleteAll(): Promise<void> {
  const everything = { key: 'AA==', range_end: 'AA==' };
  for (;;) {
    const { kvs = [] } = await gateway('range', { ...everything, limit: 1000, keys_only: true });
    const last = kvs.at(-1);
    if (last === undefined) break;
    const end = Buffer.concat([Buffer.from(last.key, 'base64'), Buffer.from([0])]).toString('base64');
    await gateway('deleterange', { key: 'AA==', range_end: end });
  }
  const { header } = await gateway('range', { key: 'AA==', limit: 1 });
  await gateway('compaction', { revision: header?.revision, physical: true });
}

function compare(what: string, before: Figures, after: Figures): void {
  console.log(`${what}: before ${show(before)}; after ${show(after)}`);
  for (const name of ['heap', 'external'] as const) {
    if (after[name] > before[name] + SLACK_BYTES) problems.push(`${what}: ${name} went from ${before[name]} to ${after[name]} bytes`);
  }
}

const overwrites = Number(values.overwrites);
const warm = await during(overwrite(100_000));
compare(`${overwrites} overwrites of 5,000 keys`, warm, await during(overwrite(Math.max(100_000, overwrites - 100_000))));
if (Number(values.churn) > 0) {
  await deleteAll();
  const before = await during(overwrite(100_000));
  await benchmark('put', '--total', values.churn, '--key-space-size', values.churn, '--sequential-keys', '--val-size', '256');
  await deleteAll();
  compare(`${values.churn} keys made and deleted`, before, await during(overwrite(100_000)));
}

for (const problem of problems) console.log(`PROBLEM: ${problem}`);
writeResults([{
  suite: 'robustness/memory', name: `${values.overwrites} overwrites, ${values.churn} keys made and deleted`, status: problems.length === 0 ? 'passed' : 'failed',
  reason: problems.join('; '), seconds: (Date.now() - started) / 1000,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
