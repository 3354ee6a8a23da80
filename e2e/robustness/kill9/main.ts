/**
 * kill -9, again and again, under load: no acknowledged write is lost, revisions never go back, and every watcher resumes from where it was without a gap
 * or a duplicate.
 *
 *   node e2e/robustness/kill9/main.ts [--kills 200] [--seed N] [--store edgestore|etcd]
 *
 * One server of one member. Writers and watchers come back after every restart; what they know is compared with what the server says before anybody
 * writes again, and in the end with the whole history. The seed repeats what is asked and when it is killed, not how the machine schedules it.
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { etcdCluster } from '../../support/etcd.ts';
import { TempDir } from '../../support/temp.ts';
import { Random } from '../../compatibility/differential/random.ts';
import { Ledger } from './ledger.ts';
import { EVERYTHING, Rpc } from '../shared/rpc.ts';
import { verifyHistory, verifyPast, verifyWatcher } from './verify.ts';
import { Watcher } from './watcher.ts';
import type { Interest } from './watcher.ts';
import { Writer } from './writer.ts';
import type { Session } from './writer.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    store: { type: 'string', default: 'edgestore' },
    writers: { type: 'string', default: '12' },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const random = new Random(seed);
const started = Date.now();
console.log(`kill9: ${values.store}, ${kills} kills, seed ${seed}`);

await using dir = TempDir.create('kill9');
await using cluster = await (values.store === 'etcd' ? etcdCluster : edgestoreCluster)({ dir });
const server = cluster.members[0];
if (server === undefined) throw new Error('no server');
const ledger = new Ledger();

const interest = (name: string, key: string, end: string, more: Partial<Interest> = {}): Interest => ({ name, key, end, prevKv: false, progress: false, slow: false, ...more });
const interests: Interest[] = [
  interest('everything', EVERYTHING.key, EVERYTHING.end, { prevKv: true }),
  interest('everything, with progress', EVERYTHING.key, EVERYTHING.end, { progress: true }),
  interest('everything, slowly', EVERYTHING.key, EVERYTHING.end, { slow: true, prevKv: true }),
  interest('prefix', '/w/1/', '/w/10', { prevKv: true }),
  interest('prefix, with progress', '/w/2/', '/w/20', { progress: true }),
  interest('one key', '/w/3/005', ''),
  interest('one key, with progress', '/w/3/006', '', { progress: true, prevKv: true }),
  interest('a key that nobody writes', '/nothing', '', { progress: true }),
];
const watchers = interests.map((each, i) => new Watcher(each, 1, ledger, new Random(seed + 1_000 + i)));
/** Keeps the history; reads it whenever the others are about to lose it to a compaction, and in the end. */
const auditor = new Watcher(interest('auditor', EVERYTHING.key, EVERYTHING.end, { prevKv: true, progress: true }), 1, ledger, random);
const writers = Array.from({ length: Number(values.writers) }, (_, i) => new Writer(String(i), ledger, new Random(seed + i), 40));
let compacted = 0;
let audits = 0;

/** Waits until all of them have been told that they have everything up to `revision`. */
async function caughtUp(those: readonly Watcher[], revision: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (those.some((watcher) => watcher.progressed < revision && watcher.next <= revision)) {
    if (Date.now() > deadline) {
      for (const watcher of those) if (watcher.progressed < revision && watcher.next <= revision) ledger.problem(`watcher ${watcher.interest.name}: at ${watcher.next} of ${revision} after 60 s`);
      return;
    }
    for (const watcher of those) watcher.askProgress();
    await sleep(20);
  }
}

/** Everybody reads to the end, then history is compacted somewhere behind. */
async function compact(rpc: Rpc, revision: number): Promise<void> {
  auditor.connect(rpc);
  await caughtUp([...watchers, auditor], revision);
  auditor.disconnect();
  const target = revision - random.below(2_000);
  if (target <= compacted) return;
  await rpc.compact(target);
  compacted = target;
  audits++;
}

/** One life of the server, from its readiness to its end. */
async function life(number: number, rpc: Rpc): Promise<void> {
  const revision = await ledger.check(rpc, '/w/');
  for (const watcher of watchers) watcher.connect(rpc);
  if (number % 25 === 24) await compact(rpc, revision);
  const session: Session = { rpc, over: false };
  const writing = writers.map((writer) => writer.run(session));
  await sleep(30 + random.below(number % 10 === 9 ? 2_500 : 700));
  session.over = true;
  await server?.kill();
  await Promise.all(writing);
  await Promise.all(watchers.map((watcher) => watcher.lost()));
}

let lease = 0n;
await server.start();
for (let number = 0; number < kills; number++) {
  const rpc = new Rpc(server.endpoint);
  if (number === 0) {
    lease = (await rpc.grant(86_400)).ID;
    ledger.see(Number((await rpc.put('/leased', 'held', lease)).header?.revision));
  }
  await life(number, rpc);
  rpc.close();
  // Now and then recovery itself is cut short, once or several times.
  while (random.chance(15)) {
    const starting = server.start().catch(() => {});
    await sleep(random.below(500));
    await server.kill();
    await starting;
  }
  await server.start();
  if (number % 20 === 19) console.log(`${number + 1} kills, ${ledger.acked.length} changes acknowledged, revision ${ledger.seen}, ${ledger.problems.length} violations, ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

const rpc = new Rpc(server.endpoint);
const last = await ledger.check(rpc, '/w/');
for (const watcher of [...watchers, auditor]) watcher.connect(rpc);
await caughtUp([...watchers, auditor], last);
for (const watcher of [...watchers, auditor]) watcher.disconnect();
verifyHistory(auditor.events, ledger);
for (const watcher of watchers) verifyWatcher(watcher, auditor.events, last, ledger);
await verifyPast(rpc, auditor.events, compacted, ledger, random, 20);
const held = await rpc.timeToLive(lease);
if (held.TTL <= 0n || held.TTL > 86_400n || held.keys.length !== 1) ledger.problem(`the lease has ${held.TTL} s and ${held.keys.length} keys`);
rpc.close();

const seconds = (Date.now() - started) / 1000;
const requests = writers.reduce((sum, writer) => sum + writer.requests, 0);
console.log(
  `kill9: ${values.store}, seed ${seed}: ${kills} kills, ${requests} requests and ${ledger.acked.length} changes acknowledged, ${ledger.unanswered} unanswered ones that had happened, `
  + `${watchers.reduce((sum, watcher) => sum + watcher.events.length, 0)} events over ${watchers.reduce((sum, watcher) => sum + watcher.resumed, 0)} resumptions, ${audits} compactions, revision ${last}, ${seconds.toFixed(0)} s: `
  + `${ledger.problems.length} violations`,
);
writeResults([{ suite: 'robustness/kill9', name: `${kills} kills`, status: ledger.problems.length === 0 ? 'passed' : 'failed', reason: ledger.problems.slice(0, 5).join('; '), seconds }]);
process.exitCode = ledger.problems.length === 0 ? 0 : 1;
