/** What an object costs in memory, with and without merging: real objects of every kind, put once and updated once, history compacted, garbage collected. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { change } from '../../../datastore/merge/testing/changes.ts';
import { corpus } from '../../../datastore/merge/testing/corpus.ts';
import { EVERYTHING, Rpc } from '../../robustness/shared/rpc.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import { Cluster } from '../../support/member.ts';
import type { EtcdLike } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';

const CLIENTS = 50;
/** Compaction frees in the background. */
const FREED_MS = 5_000;

export interface Memory {
  /** Of each replica, heap and what lies outside of it, bytes for each object. */
  readonly each: readonly number[];
}

interface Values {
  readonly first: Buffer;
  readonly second: Buffer;
}

/** @param objects how many */
export async function memory(merge: 'off' | 'field', members: number, objects: number): Promise<Memory> {
  await using dir = TempDir.create('bench-merge-memory');
  const told = dir.mkdir('told');
  const launcher = edgestoreLauncher();
  await using cluster = await Cluster.create({
    ...launcher, args: ['--expose-gc', '--import', fileURLToPath(new URL('told.ts', import.meta.url)), ...launcher.args], env: { TOLD_DIR: told },
  }, { dir, members, flags: ['--merge', merge] });
  await cluster.start();
  const rpcs = cluster.endpoints.map((endpoint) => new Rpc(endpoint));
  using cleanup = new DisposableStack();
  for (const rpc of rpcs) cleanup.defer(() => rpc.close());
  const values: Values[] = [...corpus().values()].map((first) => ({ first, second: Buffer.from(change(first, { 'metadata/generation': 2, 'metadata/annotations/seen': 'once' })) }));
  const key = (i: number): string => `/registry/k${i % values.length}/bench/object-${i}`;

  await written(rpcs[0]!, objects, (i) => ({ key: key(i), value: values[i % values.length]!.second }), values.length);
  await emptied(rpcs[0]!);
  await compacted(rpcs);
  const before = await Promise.all(cluster.members.map((member) => held(member, told)));
  await written(rpcs[0]!, objects, (i) => ({ key: key(i), value: values[i % values.length]!.first }), objects);
  await written(rpcs[0]!, objects, (i) => ({ key: key(i), value: values[i % values.length]!.second }), objects);
  await compacted(rpcs);
  const after = await Promise.all(cluster.members.map((member) => held(member, told)));
  return { each: after.map((bytes, i) => (bytes - before[i]!) / objects) };
}

async function written(rpc: Rpc, objects: number, write: (i: number) => { key: string; value: Buffer }, n: number): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (let i = next++; i < Math.min(n, objects); i = next++) await rpc.txn(null, [write(i)]);
  }));
}

/** What was there only so that all code has been loaded. */
async function emptied(rpc: Rpc): Promise<void> {
  for (const { key } of (await rpc.range(EVERYTHING.key, EVERYTHING.end)).kvs) if (Buffer.from(key).toString().startsWith('/registry/')) await rpc.delete(Buffer.from(key).toString());
}

/** Every replica has it all, and no history. */
async function compacted(rpcs: readonly Rpc[]): Promise<void> {
  await sleep(FREED_MS / 5);
  for (const rpc of rpcs) await rpc.compact(Number((await rpc.range('x', '')).header!.revision));
  await sleep(FREED_MS);
}

async function held({ pid }: EtcdLike, told: string): Promise<number> {
  const file = `${told}/${pid}`;
  rmSync(file, { force: true });
  process.kill(pid!, 'SIGUSR2');
  for (let i = 0; !existsSync(file); i++) {
    if (i > 300) throw new Error('a replica does not say what memory it holds');
    await sleep(100);
  }
  const { heapUsed, external } = JSON.parse(readFileSync(file, 'utf8')) as { heapUsed: number; external: number };
  return heapUsed + external;
}
