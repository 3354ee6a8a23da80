/**
 * A replica that nobody talks to: no client, no apiserver, so nobody compacts it but itself. What others overwrite must leave its memory and its disk where
 * they were.
 *
 *   node e2e/robustness/unattached/main.ts [--overwrites 1000000] [--report FILE]
 *
 * Three replicas as processes; etcd's own `benchmark` overwrites 5,000 keys at two of them, and the third is looked at through /metrics. What counts is the
 * lowest figure of a phase's second half, for between two collections the heap is full of what nobody needs; of the disk, the highest.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';

const { values } = parseArgs({ options: { overwrites: { type: 'string', default: '1000000' }, warm: { type: 'string', default: '60000' }, report: { type: 'string' } } });
const MIB = 1_048_576;
/** What may come on top by chance: compiled code, caches, a snapshot's worker. */
const SLACK_BYTES = 32 * MIB;
/** A snapshot is made after 64 MiB, and while it is made the old files stay. */
const DISK_MAX_BYTES = 256 * MIB;
const VALUE_BYTES = 512;
const RETENTION_S = 5;

await using dir = TempDir.create('unattached');
await using cluster = await edgestoreCluster({ dir, members: 3, flags: ['--auto-compaction-retention', `${RETENTION_S}s`] });
await cluster.start();
const [first = '', second = '', unattached = ''] = cluster.endpoints;
const started = Date.now();

interface Figures { heap: number; external: number; resident: number; disk: number; applied: number }

async function figures(): Promise<Figures> {
  const text = await (await fetch(`${unattached}/metrics`)).text();
  const read = (name: string): number => [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (.*)$`, 'gm'))].reduce((sum, match) => sum + Number(match[1]), 0);
  return {
    heap: read('nodejs_heap_size_used_bytes'), external: read('nodejs_external_memory_bytes'),
    resident: read('process_resident_memory_bytes'), disk: read('edgestore_disk_bytes'), applied: read('etcd_debugging_mvcc_current_revision'),
  };
}

async function overwrite(endpoint: string, total: number): Promise<void> {
  const { code, stdout, stderr } = await run(tool('benchmark'), [
    '--endpoints', endpoint, '--conns', '10', '--clients', '100', 'put', '--total', String(total), '--key-space-size', '5000', '--val-size', String(VALUE_BYTES),
  ], { timeout_ms: 1_500_000 });
  if (code !== 0) throw new Error(`benchmark: ${stdout}${stderr}`);
}

/** Overwrites at both, and what the third one's figures are in the second half of it: the lowest, and the highest of its disk. */
async function phase(total: number): Promise<Figures> {
  const seen: Figures[] = [];
  let done = false;
  const looking = (async () => {
    while (!done) {
      seen.push(await figures());
      await sleep(200);
    }
  })();
  try {
    await Promise.all([overwrite(first, total / 2), overwrite(second, total / 2)]);
  } finally {
    done = true;
    await looking;
  }
  return seen.slice(Math.floor(seen.length / 2)).reduce((a, b) => ({
    heap: Math.min(a.heap, b.heap), external: Math.min(a.external, b.external), resident: Math.min(a.resident, b.resident), disk: Math.max(a.disk, b.disk), applied: Math.max(a.applied, b.applied),
  }));
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
const show = (f: Figures): string => `heap ${mib(f.heap)} MiB, outside it ${mib(f.external)}, resident ${mib(f.resident)}, disk at most ${mib(f.disk)}`;

const problems: string[] = [];
const overwrites = Number(values.overwrites);
await phase(Number(values.warm));
const before = await phase(Number(values.warm));
const after = await phase(overwrites);
console.log(`${overwrites} overwrites of 5,000 keys at the others: before ${show(before)}; after ${show(after)}`);
for (const name of ['heap', 'external'] as const) {
  if (after[name] > before[name] + SLACK_BYTES) problems.push(`${name} went from ${mib(before[name])} to ${mib(after[name])} MiB`);
}
if (after.disk > DISK_MAX_BYTES) problems.push(`the disk came to ${mib(after.disk)} MiB`);

// It was not left alone: it has what the others have.
const text = async (endpoint: string): Promise<string> => {
  const response = await fetch(`${endpoint}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: 'AA==', range_end: 'AA==', limit: 10_000 }) });
  const { kvs = [] } = (await response.json()) as { kvs?: { key: string; value: string }[] };
  return JSON.stringify(kvs.filter(({ key }) => !Buffer.from(key, 'base64').toString().startsWith('compact_rev')).map(({ key, value }) => [key, value]));
};
const deadline = Date.now() + 120_000;
while (new Set(await Promise.all(cluster.endpoints.map(text))).size > 1) {
  if (Date.now() > deadline) {
    problems.push('the replicas are not equal 120 s after the last write');
    break;
  }
  await sleep(500);
}

const seconds = (Date.now() - started) / 1_000;
for (const problem of problems) console.log(`PROBLEM: ${problem}`);
if (values.report !== undefined) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  writeFileSync(values.report, [
    `# An unattached replica, ${new Date().toISOString().slice(0, 10)}`, '',
    `Commit ${commit}, Node ${process.versions.node}: \`node e2e/robustness/unattached/main.ts --overwrites ${overwrites}\`, ${(seconds / 60).toFixed(0)} min. Three replicas; 5,000 keys of ${VALUE_BYTES} B are`,
    `overwritten at two of them, history is kept for ${RETENTION_S} s, nobody talks to the third:`, '',
    '| the third replica | heap, MiB | outside the heap | resident | disk, at most |', '|---|---|---|---|---|',
    `| after ${Number(values.warm) * 2} overwrites | ${mib(before.heap)} | ${mib(before.external)} | ${mib(before.resident)} | ${mib(before.disk)} |`,
    `| after ${overwrites} more | ${mib(after.heap)} | ${mib(after.external)} | ${mib(after.resident)} | ${mib(after.disk)} |`, '',
  ].join('\n'));
}
writeResults([{
  suite: 'robustness/unattached', name: `${overwrites} overwrites at others leave memory and disk where they were`, status: problems.length === 0 ? 'passed' : 'failed', reason: problems.join('; '), seconds,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
