/**
 * A new replica joins and one that was away returns, a hundred thousand keys go at once, history is compacted, a snapshot is made: and nobody's event loop
 * stands still over it.
 *
 *   node e2e/robustness/catchup/main.ts [--keys 100000] [--bytes 1024] [--only join,return,busy,compact,snapshot,delete] [--report FILE] [--verbose]
 *
 * One replica as a process, etcd's own `benchmark` on it, and a second that joins it. For every phase: how long until the other has it, and the longest turns
 * of each event loop, in CPU time (turns.ts), which other work on the machine does not make longer, and how much of each were V8's collections. Node's own
 * event-loop delay (wall clock) stands beside it, and that of a process that does nothing (control.ts): what is less than that is the machine's. The bound is on CPU time;
 * nothing is taken off it.
 */
import { execFileSync, fork } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
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
import { Callers } from './callers.ts';
import type { Turn } from './turns.ts';

const { values } = parseArgs({ options: {
  keys: { type: 'string', default: '100000' },
  bytes: { type: 'string', default: '1024' },
  only: { type: 'string', default: 'join,return,busy,compact,snapshot,delete' },
  report: { type: 'string' },
  verbose: { type: 'boolean', default: false },
} });
const phases = new Set(values.only.split(','));
const TICK_MS = 10;
/** What an event loop may be held for. */
const HELD_MS = 20;
/** A transaction is one piece: what a deletion of many keys holds the event loop for grows with them. */
const DELETE_MS_PER_1000 = 10;

await using dir = TempDir.create('catchup');
const [c0 = 0, c1 = 0, p0 = 0, p1 = 0] = await freePorts(4);
const TURNS = fileURLToPath(new URL('turns.ts', import.meta.url));
const control = fork(fileURLToPath(new URL('control.ts', import.meta.url)));
/** The longest delay of an idle event loop since the last time. */
const idle = (): Promise<number> => new Promise((resolve) => {
  control.once('message', (ms: number) => resolve(ms));
  control.send('');
});
const launcher = edgestoreLauncher();
const founder = `n0=http://${LOOPBACK}:${p0}`;
const started = Date.now();
const problems: string[] = [];
/** Lines of the report's table. */
const rows: string[] = [];

/** Each replica of a cluster has its own. */
const LOCAL_KEY = Buffer.from('compact_rev_key').toString('base64');

interface Answer {
  count?: string;
  deleted?: string;
  header?: { revision: string };
  kvs?: { value: string }[];
}

class Replica {
  readonly endpoint: string;
  readonly dataDir: string;
  readonly #name: string;
  readonly #peer: number;
  #program: Program | null = null;
  #lives = 0;
  /** Since when it serves, since the epoch. */
  #readyMs = Infinity;

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
        '--initial-cluster', state === 'new' ? founder : `${founder},${this.#name}=${peerUrl}`, '--initial-cluster-token', 'catchup', '--initial-cluster-state', state,
      ],
      logFile: dir.join(`${this.#name}-${this.#lives++}.log`),
      env: { NODE_OPTIONS: `--import ${TURNS} ${process.env['CATCHUP_NODE_OPTIONS'] ?? ''}`, EDGESTORE_TURNS: dir.join(`${this.#name}.turns`) },
    });
    this.#readyMs = Infinity;
    this.#program.start();
    if (wait) await this.ready();
  }

  async ready(): Promise<void> {
    await this.#program?.waitForLine(READY_LINE, 120_000);
    this.#readyMs = Date.now();
  }

  /** Its longest turns since the last time, the longest first. Before it serves nobody waits for it: it loads its program and reads its disk. */
  async turns(): Promise<Turn[]> {
    const pid = this.#program?.pid;
    if (pid === undefined) return [];
    const file = `${dir.join(`${this.#name}.turns`)}.${pid}`;
    // Collections are told to their observers a moment later.
    await sleep(400);
    process.kill(pid, 'SIGUSR2');
    while (!existsSync(file)) await sleep(20);
    const turns = JSON.parse(await readFile(file, 'utf8')) as Turn[];
    await rm(file);
    return turns.filter(({ at, ms }) => at - ms >= this.#readyMs).sort((x, y) => y.ms - x.ms);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = null;
  }

  async metrics(): Promise<(name: string) => number> {
    const text = await (await fetch(`${this.endpoint}/metrics`)).text();
    return (name) => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1] ?? NaN);
  }

  async call(path: string, body: object): Promise<Answer> {
    const response = await fetch(`${this.endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  /** How many keys it shows that are not its own alone. */
  async count(): Promise<number> {
    const count = async (range: object): Promise<number> => Number((await this.call('kv/range', { ...range, count_only: true })).count ?? 0);
    return (await count({ key: 'AA==', range_end: 'AA==' })) - (await count({ key: LOCAL_KEY }));
  }
}

const a = new Replica('n0', c0, p0);
const b = new Replica('n1', c1, p1);

/** A turn, and how much of it was V8's collections, if that was much. */
const told = ({ ms, gc }: Turn): string => ms.toFixed(0) + (gc >= 2 ? ` (${gc.toFixed(0)})` : '');

interface Held { max: number; p99: number }
async function held(replica: Replica): Promise<Held> {
  const read = await replica.metrics();
  const ms = (name: string): number => Math.max(0, read(name) * 1000 - TICK_MS);
  return { max: ms('nodejs_eventloop_lag_max_seconds'), p99: ms('nodejs_eventloop_lag_p99_seconds') };
}

/**
 * Runs `work`; the longest that each event loop was held meanwhile. Scraped rarely: a scrape takes time itself.
 * @param limitMs of each of them. None: it reads its disk at its start, or serves 200 clients in one turn
 */
async function watched(name: string, replicas: readonly [Replica, ...Replica[]], work: () => Promise<void>, limitMs: readonly number[] = [HELD_MS]): Promise<void> {
  for (const replica of replicas) await held(replica).catch(() => undefined);
  await Promise.all(replicas.map((replica) => replica.turns()));
  await idle();
  const from = performance.now();
  await work();
  const ms = performance.now() - from;
  const stalled = await idle();
  const figures = await Promise.all(replicas.map((replica) => held(replica).catch(() => ({ max: NaN, p99: NaN }))));
  console.log(`${name}: ${ms.toFixed(0)} ms; an idle event loop was delayed by at most ${stalled.toFixed(0)} ms`);
  for (const [i, replica] of replicas.entries()) {
    const turns = await replica.turns();
    if (values.verbose) for (const { at, ms } of turns.slice(0, 12)) console.log(`    ${ms.toFixed(0)} ms, till ${at.toFixed(0)}`);
    const longest = turns[0]?.ms ?? 0;
    const who = replicas.length === 1 ? 'the replica' : i === 0 ? 'donor' : 'receiver';
    console.log(`  ${who}: longest turns ${turns.slice(0, 8).map(told).join(', ')} ms of CPU; delay at most ${figures[i]!.max.toFixed(0)} ms, p99 ${figures[i]!.p99.toFixed(0)} ms`);
    rows.push(`| ${name} | ${who} | ${(ms / 1_000).toFixed(1)} s | ${turns.slice(0, 3).map(told).join(', ')} ms | ${figures[i]!.max.toFixed(0)} ms | ${stalled.toFixed(0)} ms |`);
    if (longest > (limitMs[i] ?? Infinity)) problems.push(`${name}: ${who} held its event loop for ${longest.toFixed(1)} ms`);
  }
}

async function benchmark(replica: Replica, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(tool('benchmark'), ['--endpoints', replica.endpoint, '--conns', '20', '--clients', '200', ...args], { timeout_ms: 900_000 });
  if (code !== 0) throw new Error(`benchmark: ${stdout}${stderr}`);
}
const fill = (total: number) => ['put', '--total', String(total), '--key-space-size', String(total), '--sequential-keys', '--val-size', values.bytes];
const overwrite = (total: number) => ['put', '--total', String(total), '--key-space-size', '5000', '--val-size', '256'];

/** Waits until `b` shows what `a` does, by the value that was written last, and as many keys. */
async function same(): Promise<void> {
  const key = Buffer.from('a mark').toString('base64');
  const value = Buffer.from(String(performance.now())).toString('base64');
  await a.call('kv/put', { key, value });
  for (;;) {
    const { kvs = [] } = await b.call('kv/range', { key }).catch(() => ({ kvs: [] }));
    if (kvs[0]?.value === value && (await b.count()) === (await a.count())) return;
    await sleep(20);
  }
}

/** Does `work` while a client reads and another writes at a replica, and tells how long the longest call took. */
async function answered(replica: Replica, work: () => Promise<void>): Promise<void> {
  const callers = new Callers(replica.endpoint);
  await work();
  const { read, write } = await callers.stop();
  const told = `longest read ${read.toFixed(0)} ms, longest write ${write.toFixed(0)} ms, of one client each`;
  console.log(`  its clients meanwhile: ${told}`);
  rows.push(`| | its clients meanwhile | | ${told} | | |`);
}

const keys = Number(values.keys);
const everything = { key: 'AA==', range_end: 'AA==' };
await a.start('new');
try {
  await benchmark(a, ...fill(keys));
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
  if (phases.has('return')) {
    await b.stop();
    await benchmark(a, ...fill(keys));
    await watched(`a replica returns, ${keys} writes of ${values.bytes} bytes behind`, [a, b], async () => {
      await b.start('existing');
      // It serves at once, by what it has.
      await answered(b, same);
    });
  }
  if (phases.has('busy')) {
    await b.stop();
    await benchmark(a, ...overwrite(100_000));
    const load = benchmark(a, ...overwrite(150_000));
    await watched('a replica returns while the other is written to', [a, b], async () => {
      await b.start('existing');
      await answered(b, async () => {
        await load;
        await same();
      });
    }, []);
  }
  if (phases.has('compact')) {
    await benchmark(a, ...overwrite(100_000));
    await watched('a compaction after 100000 overwrites', [a], async () => {
      const { header } = await a.call('kv/range', { ...everything, limit: 1 });
      await a.call('kv/compaction', { revision: header?.revision, physical: true });
      await sleep(2_000);
    });
  }
  if (phases.has('snapshot')) await watched('a snapshot', [a], async () => void (await a.call('maintenance/defragment', {})));
  if (phases.has('delete')) {
    const count = await a.count();
    await watched(`one DeleteRange of ${count} keys`, [a, b], async () => {
      const { deleted } = await a.call('kv/deleterange', everything);
      if (Number(deleted) < count - 1) problems.push(`${deleted} of ${count} keys were deleted`);
      await same();
    }, [0, 1].map(() => DELETE_MS_PER_1000 * count / 1_000));
  }
} finally {
  await Promise.all([a.stop(), b.stop()]);
  control.disconnect();
}

for (const problem of problems) console.log(`PROBLEM: ${problem}`);
if (values.report !== undefined) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  writeFileSync(values.report, [
    `# Catching up, and how long an event loop is held, ${new Date().toISOString().slice(0, 10)}`, '',
    `Commit ${commit}, Node ${process.versions.node}: \`node e2e/robustness/catchup/main.ts\`. Turns are in CPU time (in brackets: V8's collections in them); the delay is Node's own, by the wall clock, beside other work on the machine, and last that of a process that does nothing.`, '',
    '| phase | whose event loop | took | longest turns | longest delay | an idle one |', '|---|---|---|---|---|---|', ...rows, '',
  ].join('\n'));
}
writeResults([{
  suite: 'robustness/catchup', name: `${values.keys} keys of ${values.bytes} bytes`, status: problems.length === 0 ? 'passed' : 'failed',
  reason: problems.join('; '), seconds: (Date.now() - started) / 1000,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
