/**
 * Replicas that lose each other: real processes, real sockets, kill -9, and proxies between any two of them that cut, hold one way up, flap, crawl and lag.
 *
 *   node e2e/robustness/partitions/main.ts [--seconds 90] [--replicas 3] [--seed N] [--report FILE]
 *
 * Clients write at every replica all the time, to keys of their own and to keys that all share. Afterwards everything is healed, and then: all replicas hold the
 * same bytes; each key is what the acknowledged write with the highest stamp made it; every watcher has seen everything once; nobody was refused while cut off;
 * memory is bounded. The seed repeats what is asked and what is done to links and processes, not how the machine schedules it.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RangeResponse } from '../../../datastore/api/generated/etcdserverpb/rpc.ts';
import { Random } from '../../compatibility/differential/random.ts';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { Pairs } from '../../support/pairs.ts';
import { freePorts } from '../../support/ports.ts';
import { TempDir } from '../../support/temp.ts';
import { EVERYTHING } from '../shared/rpc.ts';
import type { Rpc } from '../shared/rpc.ts';
import { Client, ownPrefix } from './client.ts';
import { Ledger } from './ledger.ts';
import { Nemesis } from './nemesis.ts';
import { report } from './report.ts';
import { Site } from './site.ts';
import { Watcher } from './watcher.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '90' },
    replicas: { type: 'string', default: '3' },
    clients: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
  },
});
const count = Number(values.replicas);
const seed = Number(values.seed);
const DELAY_MS = 10;
/** Silence is noticed after 10 to 15 s. */
const SILENT_MS = 20_000;
const CONVERGE_MS = 180_000;
/** A store that starts at some 120 MiB, a few megabytes of data, and the history of two times COMPACTION. */
const MEMORY_MAX_MIB = 600;
/** Clients here write some 700 times a second, 1 KiB each. A fifth of the run, or less, so that memory says whether history goes, and not how fast the machine is. */
const COMPACTION = '1m';

/** Written down while all runs, to see afterwards what grew (EDGESTORE_E2E_KEEP=1 keeps the folder). */
const SAMPLED = /^(nodejs_heap_size_used|nodejs_external|process_resident|nodejs_eventloop_lag_(max|p99)|edgestore_(peer_connected|replication_unacked_ops|replication_lag|single_copy|gc_frontier|tombstones|disk_bytes|peer_overflows|antientropy|full_sync|deltas_gap|digest)|etcd_debugging_mvcc_(current|pending|slow|compact|keys))/;

const started = Date.now();
const seconds = (): number => (Date.now() - started) / 1_000;
console.log(`partitions: ${count} replicas, ${values.seconds} s, seed ${seed}`);

await using dir = TempDir.create('partitions');
const ports = await freePorts(count * 3);
const peers = ports.slice(0, count);
await using pairs = await Pairs.start(peers, ports.slice(count, count * 2), DELAY_MS);
const sites: Site[] = [];
await using cleanup = new AsyncDisposableStack();
cleanup.defer(async () => void (await Promise.all(sites.map((site) => site.stop()))));
for (let i = 0; i < count; i++) sites.push(await Site.create(i, pairs, { client: ports[count * 2 + i]!, peer: peers[i]! }, dir, ['--auto-compaction-retention', COMPACTION]));

const ledger = new Ledger();
const random = new Random(seed);
let writing = true;
let watching = true;
const clients = sites.flatMap((site) => Array.from({ length: Number(values.clients) }, (_, n) => new Client(site, n, ledger, new Random(seed + site.index * 100 + n))));
const watchers = sites.flatMap((site) => [
  new Watcher(site, EVERYTHING.key, EVERYTHING.end, false, ledger),
  new Watcher(site, EVERYTHING.key, EVERYTHING.end, true, ledger),
  new Watcher(site, '/shared/', '/shared0', false, ledger),
]);

/** Each replica's own: it says what is compacted there. */
const LOCAL_KEY = 'compact_rev_key';
const valuesOf = (answer: RangeResponse): Map<string, string> => new Map(answer.kvs.filter((kv) => kv.key.toString() !== LOCAL_KEY).map((kv) => [kv.key.toString(), kv.value.toString()]));
const ranged = async (site: Site): Promise<RangeResponse> => {
  if (site.rpc === null) throw new Error(`${site.name} does not run`);
  return site.rpc.range(EVERYTHING.key, EVERYTHING.end);
};

/** What a replica acknowledged is there when it has come back. Its own keys nobody else writes. */
async function revived(site: Site, rpc: Rpc): Promise<void> {
  const found = valuesOf(await rpc.range(EVERYTHING.key, EVERYTHING.end));
  for (const key of ledger.keys) {
    if (!key.startsWith(ownPrefix(site.index))) continue;
    const wrong = ledger.check(key, found.get(key) ?? null);
    if (wrong !== null) ledger.problem(`${site.name} after a kill: ${wrong}`);
  }
}

const nemesis = new Nemesis(pairs, sites, random, DELAY_MS, revived);
await Promise.all(sites.map((site) => site.start()));
const running = [...clients.map((client) => client.run(() => !writing)), ...watchers.map((watcher) => watcher.run(() => !watching))];

let peak_mib = 0;
let buffered_bytes = 0;
/** At times while all runs. */
async function look(): Promise<void> {
  for (const site of sites) {
    if (site.rpc === null) continue;
    try {
      peak_mib = Math.max(peak_mib, site.memory().peak);
      buffered_bytes = Math.max(buffered_bytes, ...(await site.metric('edgestore_peer_buffered_bytes')));
      appendFileSync(dir.join('samples.jsonl'), `${JSON.stringify({ s: Math.round(seconds()), site: site.name, ...site.memory(), ...(await site.metrics(SAMPLED)) })}\n`);
    } catch {
      // It has just been killed.
    }
  }
}
const looking = setInterval(() => void look(), 2_000);

// Nobody is told that one of them is gone; then it is heard again.
const cutOff = clients.filter((_, i) => i < Number(values.clients));
const before = cutOff.reduce((sum, client) => sum + client.answered, 0);
pairs.isolate(0, true);
await sleep(SILENT_MS);
const servedAlone = cutOff.reduce((sum, client) => sum + client.answered, 0) - before;
pairs.healAll();
console.log(`${servedAlone} requests answered by n0 in ${SILENT_MS / 1_000} s cut off`);
if (servedAlone === 0) ledger.problem('n0 answered nothing while it was cut off');

const end = Date.now() + Number(values.seconds) * 1_000;
let steps = 0;
let told = Date.now();
while (Date.now() < end) {
  await nemesis.step();
  steps++;
  if (Date.now() - told > 30_000) {
    told = Date.now();
    console.log(`${steps} faults, ${ledger.acked} writes acknowledged, ${ledger.problems.length} violations, ${seconds().toFixed(0)} s`);
  }
}
await nemesis.kill(sites, 0);
pairs.healAll();
const healed = Date.now();
await sleep(2_000);
writing = false;
await Promise.all(running.slice(0, clients.length));

/** How one replica differs from the first, in a few words; null: not at all. */
function difference(first: Map<string, string>, other: Map<string, string>): string | null {
  const keys = [...new Set([...first.keys(), ...other.keys()])].filter((key) => first.get(key) !== other.get(key));
  const brief = (value: string | undefined): string => (value === undefined ? 'nothing' : value.slice(0, 20));
  return keys.length === 0 ? null : `${keys.length} keys: ${keys.slice(0, 3).map((key) => `${key} is ${brief(other.get(key))}, at n0 ${brief(first.get(key))}`).join('; ')}`;
}

/** All replicas' answers, once they are equal; null: they never were. */
async function converged(): Promise<RangeResponse[] | null> {
  for (;;) {
    const answers = await Promise.all(sites.map(ranged));
    const [first, ...others] = answers.map(valuesOf);
    const differences = others.map((other) => difference(first!, other));
    if (differences.every((each) => each === null)) return answers;
    if (Date.now() - healed > CONVERGE_MS) {
      for (const [i, each] of differences.entries()) if (each !== null) console.log(`n${i + 1} differs from n0 in ${each}`);
      return null;
    }
    await sleep(100);
  }
}

const answers = await converged();
const converge_s = (Date.now() - healed) / 1_000;
if (answers === null) ledger.problem(`the replicas are not equal ${converge_s} s after everything was healed`);
const lost: string[] = [];
for (const [i, answer] of (answers ?? []).entries()) {
  const found = valuesOf(answer);
  for (const key of new Set([...ledger.keys, ...found.keys()])) {
    const wrong = ledger.check(key, found.get(key) ?? null);
    if (wrong === null) continue;
    lost.push(wrong);
    ledger.problem(`n${i}: ${wrong}`);
  }
}
for (const [i, answer] of (answers ?? []).entries()) {
  for (const watcher of watchers.slice(i * 3, i * 3 + 3)) await watcher.equals(Number(answer.header?.revision), answer.kvs, 60_000);
}
clearInterval(looking);
await look();
watching = false;
await Promise.all(running);

const sum = async (metric: string): Promise<number> => (await Promise.all(sites.map((site) => site.metric(metric)))).flat().reduce((a, b) => a + b, 0);
const mismatches = await sum('edgestore_digest_mismatch_total');
if (mismatches > 0) ledger.problem(`${mismatches} digest mismatches`);
const conflicts = await sum('edgestore_merge_conflicts_total');
if (peak_mib > MEMORY_MAX_MIB) ledger.problem(`a replica grew to ${peak_mib.toFixed(0)} MiB`);

const figures = {
  replicas: count, seed, seconds: seconds(), steps, faults: Object.fromEntries(nemesis.counts), kills: sites.reduce((all, site) => all + site.kills, 0), acked: ledger.acked, unanswered: ledger.unanswered, conflicts,
  events: watchers.reduce((all, watcher) => all + watcher.events, 0), resumed: watchers.reduce((all, watcher) => all + watcher.resumed, 0), lists: watchers.reduce((all, watcher) => all + watcher.lists, 0),
  servedAlone, slowest_ms: Math.max(...clients.map((client) => client.slowest_ms)), converge_s, peak_mib, buffered_bytes, violations: ledger.problems.length,
};
console.log(`partitions: ${JSON.stringify(figures)}`);
if (values.report !== undefined) writeFileSync(values.report, report(figures, `node e2e/robustness/partitions/main.ts --seconds ${values.seconds} --replicas ${count} --clients ${values.clients} --seed ${seed}`));

const result = (name: string, wrong: readonly string[]): Result => ({ suite: 'robustness/partitions', name, status: wrong.length === 0 ? 'passed' : 'failed', reason: wrong.slice(0, 5).join('; '), seconds: 0 });
const of = (pattern: RegExp): string[] => ledger.problems.filter((text) => pattern.test(text));
const watch = /^watcher/;
const failed = /request failed while|answered nothing/;
const memory = /grew to/;
const results = [
  result('after healing, all replicas hold the same, and each key is what the acknowledged write with the highest stamp made it', ledger.problems.filter((text) => !watch.test(text) && !failed.test(text) && !memory.test(text))),
  result('watchers at every replica see everything once', of(watch)),
  result('nobody is refused while a replica is cut off', of(failed)),
  result('memory stays bounded', of(memory)),
];
writeResults(results.map((each, i) => ({ ...each, seconds: i === 0 ? seconds() : 0 })));
process.exitCode = ledger.problems.length === 0 ? 0 : 1;
