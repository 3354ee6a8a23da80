/**
 * Replicas that were away or have an empty disk are brought up, and nobody's event loop stands still over it.
 *
 *   node e2e/robustness/catchup/main.ts [--keys 100000] [--bytes 1024] [--overwrites 1000000] [--only join,return,busy,unattached]
 *
 * Two replicas as processes, etcd's own `benchmark` on the first. For every phase: how long until the other has it, and the longest time an
 * event loop was held, from /metrics (nodejs_eventloop_lag_*: Node's histogram has a resolution of 10 ms, which an idle loop shows and which is
 * taken off; it starts anew with each scrape).
 */
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import { READY_LINE } from '../../support/member.ts';
import { freePorts, LOOPBACK } from '../../support/ports.ts';
import { Program, run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';

const { values } = parseArgs({ options: {
  keys: { type: 'string', default: '100000' },
  bytes: { type: 'string', default: '1024' },
  overwrites: { type: 'string', default: '1000000' },
  only: { type: 'string', default: 'join,return,busy,unattached' },
} });
const phases = new Set(values.only.split(','));
const MIB = 1_048_576;
const TICK_MS = 10;
/** What an event loop may be held for, with what the machine's other work adds. */
const HELD_MS = 20;
const NOISE_MS = Number(process.env['NOISE_MS'] ?? 10);
const SLACK_BYTES = 48 * MIB;

await using dir = TempDir.create('catchup');
const [c0 = 0, c1 = 0, p0 = 0, p1 = 0] = await freePorts(4);
const TURNS = fileURLToPath(new URL('turns.ts', import.meta.url));
const launcher = edgestoreLauncher();
const initialCluster = `n0=http://${LOOPBACK}:${p0},n1=http://${LOOPBACK}:${p1}`;
const started = Date.now();
const problems: string[] = [];

class Replica {
  readonly endpoint: string;
  readonly dataDir: string;
  readonly #name: string;
  readonly #peer: number;
  #program: Program | null = null;
  #lives = 0;

  constructor(name: string, client: number, peer: number) {
    this.#name = name;
    this.#peer = peer;
    this.endpoint = `http://${LOOPBACK}:${client}`;
    this.dataDir = dir.join(`${name}.data`);
  }

  async start(state: 'new' | 'existing', wait = true): Promise<void> {
    const peerUrl = `http://${LOOPBACK}:${this.#peer}`;
    this.#program = new Program({
      name: this.#name,
      command: launcher.command,
      args: [
        ...launcher.args, '--name', this.#name, '--data-dir', this.dataDir,
        '--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint,
        '--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl,
        '--initial-cluster', initialCluster, '--initial-cluster-token', 'catchup', '--initial-cluster-state', state,
      ],
      logFile: dir.join(`${this.#name}-${this.#lives++}.log`),
      env: { NODE_OPTIONS: `--import ${TURNS}`, EDGESTORE_TURNS: dir.join(`${this.#name}.turns`) },
    });
    this.#program.start();
    if (wait) await this.ready();
  }

  async ready(): Promise<void> {
    await this.#program?.waitForLine(READY_LINE, 120_000);
  }

  /** Its longest turns in this life, in milliseconds of CPU time, the longest first. */
  async turns(): Promise<number[]> {
    await sleep(400);
    const text = await readFile(`${dir.join(`${this.#name}.turns`)}.${this.#program?.pid}`, 'utf8').catch(() => '[]');
    return JSON.parse(text) as number[];
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = null;
  }

  async metrics(): Promise<(name: string) => number> {
    const text = await (await fetch(`${this.endpoint}/metrics`)).text();
    return (name) => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1] ?? NaN);
  }

  async call(path: string, body: object): Promise<{ count?: string; header?: { revision: string } }> {
    const response = await fetch(`${this.endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { count?: string; header?: { revision: string } };
  }

  async count(): Promise<number> {
    return Number((await this.call('range', { key: 'AA==', range_end: 'AA==', count_only: true })).count ?? 0);
  }
}

const a = new Replica('n0', c0, p0);
const b = new Replica('n1', c1, p1);

interface Held { max: number; p99: number }
async function held(replica: Replica): Promise<Held> {
  const read = await replica.metrics();
  const ms = (name: string): number => Math.max(0, read(name) * 1000 - TICK_MS);
  return { max: ms('nodejs_eventloop_lag_max_seconds'), p99: ms('nodejs_eventloop_lag_p99_seconds') };
}

/** Runs `work`; the longest that each event loop was held meanwhile. Scraped rarely: a scrape takes time itself. */
async function watched(name: string, replicas: readonly [Replica, ...Replica[]], work: () => Promise<void>): Promise<void> {
  for (const replica of replicas) await held(replica).catch(() => undefined);
  const before = await Promise.all(replicas.map((replica) => replica.turns()));
  const from = performance.now();
  await work();
  const ms = performance.now() - from;
  const figures = await Promise.all(replicas.map((replica) => held(replica)));
  console.log(`${name}: ${ms.toFixed(0)} ms; event loop held: ${figures.map((f, i) => `${i === 0 ? 'donor' : 'receiver'} max ${f.max.toFixed(1)} ms, p99 ${f.p99.toFixed(1)} ms`).join('; ')}`);
  for (const [i, replica] of replicas.entries()) {
    const turns = (await replica.turns()).filter((t) => !(before[i] ?? []).includes(t));
    console.log(`  ${i === 0 ? 'donor' : 'receiver'}: longest turns ${turns.slice(0, 8).map((t) => t.toFixed(0)).join(', ')} ms of CPU`);
  }
  for (const [i, f] of figures.entries()) if (f.max > HELD_MS + NOISE_MS) problems.push(`${name}: ${i === 0 ? 'donor' : 'receiver'} held its event loop for ${f.max.toFixed(1)} ms`);
}

async function benchmark(replica: Replica, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(tool('benchmark'), ['--endpoints', replica.endpoint, '--conns', '20', '--clients', '200', ...args], { timeout_ms: 900_000 });
  if (code !== 0) throw new Error(`benchmark: ${stdout}${stderr}`);
}
const fill = (total: number) => ['put', '--total', String(total), '--key-space-size', String(total), '--sequential-keys', '--val-size', values.bytes];
const overwrite = (total: number) => ['put', '--total', String(total), '--key-space-size', '5000', '--val-size', '256'];

/** Waits until `b` shows as many keys as `a` and all of a's writes are reported. */
async function same(): Promise<void> {
  const wanted = await a.count();
  for (;;) {
    if ((await b.count().catch(() => -1)) === wanted) return;
    await sleep(20);
  }
}

const keys = Number(values.keys);
await Promise.all([a.start('new'), b.start('new')]);
try {
  if (phases.has('return')) {
    await b.stop();
    await benchmark(a, ...fill(keys));
    await watched(`a replica returns, ${keys} keys of ${values.bytes} bytes behind`, [a, b], async () => {
      const from = performance.now();
      await b.start('new');
      console.log(`  serves its own disk after ${(performance.now() - from).toFixed(0)} ms`);
      // It serves at once; how many keys of its own it has is its business.
      await same();
    });
  }
  if (phases.has('join')) {
    if (!phases.has('return')) await benchmark(a, ...fill(keys));
    await b.stop();
    await rm(b.dataDir, { recursive: true, force: true });
    await watched(`an empty disk joins, ${keys} keys of ${values.bytes} bytes`, [a, b], async () => {
      await b.start('existing', false);
      // Until it has caught up it answers nobody.
      let refused = 0;
      const ready = b.ready().then(() => true);
      while (!(await Promise.race([ready, sleep(50).then(() => false)]))) {
        const count = await b.count().catch(() => null);
        if (count === null) refused++;
        else if (count !== (await a.count())) problems.push(`an empty disk showed ${count} keys`);
      }
      console.log(`  refused ${refused} reads before it was ready`);
      if ((await b.count()) !== (await a.count())) problems.push('ready, but not caught up');
    });
  }
  if (phases.has('busy')) {
    await b.stop();
    await benchmark(a, ...overwrite(100_000));
    const load = benchmark(a, ...overwrite(150_000));
    await watched('a replica returns while the other is written to', [a, b], async () => {
      await b.start('new');
      await load;
      await same();
    });
  }
  if (phases.has('unattached')) {
    const figures = async (): Promise<{ heap: number; external: number; disk: number }> => {
      let low = { heap: Infinity, external: Infinity, disk: Infinity };
      for (let i = 0; i < 40; i++) {
        const read = await b.metrics();
        const now = { heap: read('nodejs_heap_size_used_bytes'), external: read('nodejs_external_memory_bytes'), disk: read('edgestore_disk_bytes') };
        low = { heap: Math.min(low.heap, now.heap), external: Math.min(low.external, now.external), disk: Math.min(low.disk, now.disk) };
        await sleep(100);
      }
      return low;
    };
    await benchmark(a, ...overwrite(100_000));
    const before = await figures();
    await benchmark(a, ...overwrite(Number(values.overwrites)));
    const { header } = await b.call('range', { key: 'AA==', limit: 1 });
    await b.call('compaction', { revision: header?.revision, physical: true });
    await b.call('range', { key: 'AA==', limit: 1 });
    const after = await figures();
    const show = (f: typeof before): string => Object.entries(f).map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(0)} MiB`).join(', ');
    console.log(`a replica that only receives, ${values.overwrites} overwrites: before ${show(before)}; after ${show(after)}`);
    for (const name of ['heap', 'external'] as const) if (after[name] > before[name] + SLACK_BYTES) problems.push(`${name} of a replica that only receives went from ${before[name]} to ${after[name]}`);
  }
} finally {
  await Promise.all([a.stop(), b.stop()]);
}

for (const problem of problems) console.log(`PROBLEM: ${problem}`);
writeResults([{
  suite: 'robustness/catchup', name: `${values.keys} keys of ${values.bytes} bytes, ${values.overwrites} overwrites`, status: problems.length === 0 ? 'passed' : 'failed',
  reason: problems.join('; '), seconds: (Date.now() - started) / 1000,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
