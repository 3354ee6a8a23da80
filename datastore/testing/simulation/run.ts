/** One seed, from an empty cluster to the last check. */
import { logicalDigest } from '../../store/hash.ts';
import { localKeys } from '../../store/compact-key.ts';
import { Client } from './clients.ts';
import { Figures } from './figures.ts';
import { Nemesis } from './nemesis.ts';
import { nothing } from './planted.ts';
import type { Plant } from './planted.ts';
import { inContext, Space } from '../../replica/types.ts';
import type { LogId } from '../../replica/types.ts';
import { stampName } from './registry.ts';
import type { KnownRecord } from './registry.ts';
import { check, Violation } from './violation.ts';
import { WatchClient } from './watchers.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly plant?: Plant;
  /** Takes every line of the trace. */
  readonly print?: (line: string) => void;
  /** Names that count in stack traces of the end are cut off. */
  readonly figures?: Figures;
}

export interface RunResult {
  readonly seed: number;
  /** null: nothing was found. */
  readonly violation: unknown;
  /** Of the whole trace: equal in every run of this seed. */
  readonly digest: number;
  readonly virtualMs: number;
  readonly figures: Figures;
  readonly lastLines: readonly string[];
}

/** Leases of the clients are at most this long; a lease whose keeper is gone waits for others to take it over. */
const LEASES_END_MS = 60_000;
const CONVERGE_MS = 120_000;
const WATCHED_MS = 5_000;
const SETTLE_MS = 15_000;

export async function runSeed(seed: number, { plant = nothing, print, figures = new Figures() }: RunOptions = {}): Promise<RunResult> {
  const world = prepare(seed, figures, plant, print ?? null);
  try {
    await live(world);
  } catch (error) {
    world.violation ??= error;
  }
  world.busy = false;
  for (const { process } of world.all) {
    if (process === null) continue;
    process.clock.halt();
    process.dead = true;
  }
  figures.add('records', world.registry.records);
  return { seed, violation: world.violation, digest: world.trace.digest, virtualMs: world.clock.monotonicMs(), figures, lastLines: world.trace.last };
}

function prepare(seed: number, figures: Figures, plant: Plant, print: ((line: string) => void) | null): World {
  const draw = (seed * 2_654_435_761) >>> 0;
  const replicas = [3, 3, 3, 3, 4, 4, 5, 5, 6, 7][draw % 10]!;
  return new World(seed, replicas, figures, plant, print);
}

async function live(world: World): Promise<void> {
  const random = world.random.fork('run');
  const nemesis = new Nemesis(world);
  for (const node of world.nodes) world.clock.after(random.float() * 400, () => node.start());
  const clients = Array.from({ length: 2 + random.below(4) }, (_, i) => new Client(world, `c${i}`));
  const watchers = Array.from({ length: 2 + random.below(4) }, (_, i) => new WatchClient(world, `w${i}`));
  for (const client of clients) client.run();
  for (const watcher of watchers) watcher.run();
  if (random.chance(0.8)) await world.until(() => world.serving.length === world.nodes.length, 20_000, () => 'not all serve after the start');
  nemesis.run();
  for (let passed = 0; passed < world.busyMs; passed += 1_000) {
    await world.pass(1_000);
    checkAll(world);
  }
  world.busy = false;
  nemesis.heal();
  for (const node of [...world.nodes]) node.start();
  world.trace.say('run', 'quiescence');
  await quiet(world);
  await checkEnd(world, watchers);
  await world.pass(SETTLE_MS);
  // Nobody renews a lease any more.
  // One that sets its disk aside meanwhile is none the wiser before it serves again.
  const leased = (): boolean => world.nodes.some((node) => !node.serving || node.process!.store!.leases.list().length > 0);
  await world.until(() => !leased(), LEASES_END_MS, () => `leases that nobody renews: ${world.nodes.map((node) => `${node.name} ${node.serving ? node.process!.store!.leases.list().join() : 'does not serve'}`).join('; ')}`);
  await quiet(world);
  checkLeases(world);
  await quiet(world);
  checkAll(world);
  await checkEnd(world, watchers);
  await checkDigests(world);
}

function checkAll(world: World): void {
  for (const node of world.reachable) if (node.process !== null && !node.process.dead) node.process.observer?.checkState();
}

const vectorOf = (world: World, i: number): string =>
  [...world.nodes[i]!.process!.store!.replica.vector()].filter(([, held]) => held.clock > 0).sort(([a], [b]) => a - b).map(([log, held]) => `${log}:${held.clock}`).join();

async function quiet(world: World): Promise<void> {
  const same = (): boolean => {
    for (const { process } of world.nodes) if (process?.draining !== undefined) process.draining?.undrain();
    // A disk that was full did not let it.
    for (const node of world.nodes) {
      if (node.process?.offers !== 'failed') continue;
      node.kill('process');
      node.start();
    }
    if (world.serving.length < world.nodes.length) return false;
    if (!world.nodes.every(({ process }) => process!.store!.replica.idle && process!.offers === 'done')) return false;
    const first = vectorOf(world, 0);
    return world.nodes.every((_, i) => vectorOf(world, i) === first);
  };
  await world.until(same, CONVERGE_MS, () =>
    `the replicas do not converge: ${world.nodes.map((node, i) => `${node.name} ${node.process === null ? 'is down' : !node.serving ? 'does not serve' : `(offers ${node.process.offers}) ${vectorOf(world, i)}`}`).join('; ')}`);
  world.figures.add('check convergence');
}

/** Nothing that was promised is missing anywhere; watchers know everything. */
async function checkEnd(world: World, watchers: readonly WatchClient[]): Promise<void> {
  checkAll(world);
  const held = world.nodes[0]!.process!.store!.replica.counters();
  const aside = new Set(world.nodes.flatMap((node) => [...node.asideLogs]));
  for (const [log, records] of world.registry.logs) {
    for (const [i, record] of records.entries()) {
      if (!record.promised || (held.get(log) ?? 0) >= record.lamport) continue;
      const copied = record.copies.length > 0 && record.copies.some((disk) => !world.lostDisks.has(disk));
      if (record.diskLost && !copied) continue;
      check(aside.has(log), () => `${stampName(record)} was ${record.acknowledged ? 'acknowledged' : 'durable'} and is nowhere now`);
      checkOffered(world, record, records.slice(i + 1), held);
    }
  }
  // A watch that resumes from long ago is told in pieces, a turn of the loop each: it is not at its end when it has been created.
  for (const watcher of watchers) watcher.reconnect();
  await world.until(() => watchers.every((watcher) => watcher.complete), WATCHED_MS, () => watchers.filter((watcher) => !watcher.complete).map((watcher) => watcher.missing).join('; '));
  for (const watcher of watchers) watcher.checkComplete();
}

/**
 * A write that only a disk set aside had: it was made again, or reported, unless its own replica had replaced it, or another that knew it: what that one
 * wrote is here, or was on a disk set aside itself and was made again or reported.
 */
function checkOffered(world: World, record: KnownRecord, later: readonly KnownRecord[], held: ReadonlyMap<LogId, number>): void {
  for (const { name } of record.writes) {
    // A later one may have been on the disk though nobody was told that it is.
    if (!name.startsWith(`${Space.client}`) || later.some((other) => (other.promised || world.offers.has(other, name)) && other.writes.some((write) => write.name === name))) continue;
    const replaced = world.registry.keys.get(name)!.some(({ record: other }) =>
      inContext(other.context, record) && ((held.get(other.log) ?? 0) >= other.lamport || world.offers.has(other, name)));
    check(replaced || world.offers.has(record, name), () => `${stampName(record)} was on a disk that was set aside only, and what it wrote to ${name.slice(1)} was neither made again nor reported`);
    world.figures.add('check offered');
  }
}

function checkLeases(world: World): void {
  for (const node of world.nodes) {
    const { leases, kv } = node.process!.store!;
    const left = leases.list();
    check(left.length === 0, () => `${node.name} still has leases that nobody renews: ${left.join()}`);
    const { kvs } = kv.range({ range: { start: '\0', end: '\0' }, limit: 0, revision: 0, sortOrder: 0, sortTarget: 0, serializable: false, keysOnly: false, countOnly: false, minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 });
    const bound = kvs.filter((one) => one.lease !== 0n);
    check(bound.length === 0, () => `${node.name}: ${bound.map((one) => one.key).join()} outlived their lease`);
  }
  world.figures.add('check leases');
}

async function checkDigests(world: World): Promise<void> {
  const digests: string[] = [];
  for (const node of world.nodes) {
    const { keyspace } = node.process!.store!;
    let digest: number | null = null;
    world.go(async () => {
      digest = await logicalDigest(world.clock, keyspace, keyspace.visibleRevision, localKeys(world.options.localKeys));
    });
    await world.until(() => digest !== null, 10_000, () => 'a digest takes too long');
    digests.push(String(digest));
  }
  check(new Set(digests).size === 1, () => `the replicas hold different bytes: ${digests.join()}`);
  world.figures.add('check digest');
}

/** For reports. */
export function explain({ seed, violation, lastLines }: RunResult): string {
  const what = violation instanceof Violation ? violation.message : violation instanceof Error ? (violation.stack ?? violation.message) : String(violation);
  return `seed ${seed}: ${what}\n${lastLines.slice(-25).join('\n')}`;
}
