/** Damage that no checksum sees: a replica's disk, with right CRCs throughout, has not what another has written. With real processes. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silent } from './host/log.ts';
import { createHost } from './host/node-host.ts';
import { openJournal } from './journal/journal.ts';
import { decodeEntry, encodeEntry } from './replica/entry.ts';
import type { Entry } from './replica/entry.ts';
import { LogDoc } from './replica/log-doc.ts';
import { clusterOf, place } from './testing/places.ts';
import type { Place } from './testing/places.ts';

let folder: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgestore-damage-'));
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  rmSync(folder, { recursive: true, force: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}


async function until<T>(look: () => Promise<T | null>, what: string): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await look().catch(() => null);
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts a replica and waits until it serves. */
async function start(at: Place, all: readonly Place[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['datastore/main.ts', '--name', at.name, '--data-dir', join(folder, at.name), '--listen-client-urls', at.client, '--advertise-client-urls', at.client,
    '--listen-peer-urls', at.peer, '--initial-advertise-peer-urls', at.peer, '--initial-cluster', clusterOf(all)], { stdio: 'ignore' });
  children.push(child);
  await until(async () => ((await fetch(`${at.client}/readyz`)).ok ? true : null), `${at.name} serves`);
  return child;
}

const post = async (at: Place, path: string, body: object): Promise<{ kvs?: { value: string }[] }> => {
  const response = await fetch(`${at.client}${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as { kvs?: { value: string }[] };
};
const put = (at: Place, key: string, value: string): Promise<unknown> => post(at, '/v3/kv/put', { key: btoa(key), value: btoa(value) });
const get = async (at: Place, key: string): Promise<string | undefined> => (await post(at, '/v3/kv/range', { key: btoa(key) })).kvs?.map((kv) => atob(kv.value))[0];
const metric = async (at: Place, name: string): Promise<number> => {
  const text = await (await fetch(`${at.client}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
};

const never = { log: silent, makeSnapshot: () => Promise.reject(new Error('no snapshot is made here')), onFatal: () => {} };

/** What a folder's journal holds. */
async function entriesOf(dir: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const machine = { loadSnapshot: () => Promise.reject(new Error('there is a snapshot')), applyEntry: (bytes: Uint8Array) => void entries.push(decodeEntry(bytes.slice())), encodeSnapshot: () => [] };
  await (await openJournal(createHost(), dir, machine, never)).close();
  return entries;
}

/**
 * The last transaction that came from another log becomes an empty one, of the same place in that log.
 * @returns the entries as they would have been
 */
function without(entries: readonly Entry[], own: number): Entry[] {
  const last = entries.findLastIndex((entry) => entry.kind === 'commit' && entry.updates.some(({ log }) => log !== own));
  const found = entries[last];
  if (found?.kind !== 'commit' || found.updates.length !== 1) throw new Error('no entry of another log alone');
  const [update] = found.updates;
  const twin = new LogDoc(update!.log);
  for (const entry of entries.slice(0, last)) {
    if (entry.kind !== 'commit' && entry.kind !== 'part') continue;
    for (const each of entry.updates) if (each.log === update!.log) twin.apply(each);
  }
  twin.own();
  const empty = twin.write([], [], update!.lamport);
  expect([empty.fromClock, empty.toClock]).toEqual([update!.fromClock, update!.toClock]);
  return entries.map((entry, i) => (i === last ? { kind: 'commit', updates: [empty], revisions: [] } : entry));
}

test('what is missing on a disk is noticed, counted, alarmed, and fetched from who has written it', async () => {
  const places = [await place('n-0'), await place('n-1')];
  const [a, b] = places as [Place, Place];
  const [, second] = await Promise.all(places.map((at) => start(at, places)));
  for (let i = 0; i < 10; i++) await put(a, `k${i}`, 'old');
  await until(async () => ((await get(b, 'k9')) === 'old' ? true : null), 'the first writes arrive');
  await put(a, 'k3', 'new');
  await until(async () => ((await get(b, 'k3')) === 'new' ? true : null), 'the last one arrives');
  await kill(second!);

  const dir = join(folder, b.name);
  const entries = await entriesOf(dir);
  const identity = entries.find((entry) => entry.kind === 'identity');
  if (identity?.kind !== 'identity') throw new Error('the disk has no identity');
  const neverRead = { loadSnapshot: () => Promise.reject(new Error('a snapshot')), applyEntry: () => {}, encodeSnapshot: () => [] };
  const made = await openJournal(createHost(), `${dir}.damaged`, neverRead, never);
  for (const entry of without(entries, identity.log)) await made.append([encodeEntry(entry)]);
  await made.close();
  rmSync(dir, { recursive: true });
  renameSync(`${dir}.damaged`, dir);

  await start(b, places);
  await until(async () => ((await get(b, 'k3')) === 'new' ? true : null), 'the disk is mended');
  expect(await get(b, 'k4')).toBe('old');
  expect((await metric(a, 'edgestore_digest_mismatch_total')) + (await metric(b, 'edgestore_digest_mismatch_total'))).toBeGreaterThan(0);
  expect((await metric(a, 'edgestore_full_syncs_total')) + (await metric(b, 'edgestore_full_syncs_total'))).toBeGreaterThan(0);
  const status = await Promise.all(places.map(async (at) => (await fetch(`${at.client}/admin/status`)).text()));
  expect(status.join()).toContain('digestMismatch');
  // It goes on as any other.
  await put(b, 'after', 'b');
  await until(async () => ((await get(a, 'after')) === 'b' ? true : null), 'it takes part again');
}, 120_000);
