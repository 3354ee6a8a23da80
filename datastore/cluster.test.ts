/** The membership with real processes: a replica joins, one is drained and removed, disks are wiped, restored and cloned, members are away. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterOf, place } from './testing/places.ts';
import type { Place } from './testing/places.ts';

interface Running extends Place {
  readonly child: ChildProcess;
  log(): string;
  readonly ended: Promise<number | null>;
}

let folder: string;
let running: Running[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgestore-cluster-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((replica) => kill(replica)));
  rmSync(folder, { recursive: true, force: true });
});

function start(at: Place, all: readonly Place[], state: 'new' | 'existing', ...more: string[]): Running {
  const child = spawn(process.execPath, ['datastore/main.ts', '--name', at.name, '--data-dir', join(folder, at.name), '--listen-client-urls', at.client, '--advertise-client-urls', at.client,
    '--listen-peer-urls', at.peer, '--initial-advertise-peer-urls', at.peer, '--initial-cluster', clusterOf(all), '--initial-cluster-state', state, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { log += text; });
  const replica: Running = { ...at, child, log: () => log, ended: new Promise((resolve) => child.once('close', (code) => resolve(code))) };
  running.push(replica);
  return replica;
}

async function kill(replica: Running): Promise<void> {
  replica.child.kill('SIGKILL');
  await replica.ended;
}

async function until(what: () => boolean | Promise<boolean>, why: () => string, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(why());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const logs = (): string => running.map((r) => `--- ${r.name}\n${r.log().split('\n').slice(-15).join('\n')}`).join('\n');
const ready = (...replicas: Running[]): Promise<unknown> => Promise.all(replicas.map((r) => until(() => r.log().includes('ready to serve client requests'), logs)));

const post = async (at: Place, path: string, body = '{}'): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(`${at.client}${path}`, { method: 'POST', body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const put = async (at: Place, key: string, value: string): Promise<number> => (await post(at, '/v3/kv/put', JSON.stringify({ key: btoa(key), value: btoa(value) }))).status;
const get = async (at: Place, key: string): Promise<string | null> => {
  const { body } = await post(at, '/v3/kv/range', JSON.stringify({ key: btoa(key) }));
  return (body['kvs'] as { value: string }[] | undefined)?.map((kv) => atob(kv.value))[0] ?? null;
};
const arrives = (key: string, value: string, ...at: Place[]): Promise<unknown> => Promise.all(at.map((one) => until(async () => (await get(one, key).catch(() => null)) === value, logs)));
interface Listed {
  readonly number: number;
  readonly members: readonly { id: string; name: string; log: string | null; standing: string; connected: boolean }[];
  readonly removed: readonly { log: string; retired: boolean }[];
}
const members = async (at: Place): Promise<Listed> => (await (await fetch(`${at.client}/admin/members`)).json()) as Listed;
const decided = (...at: Place[]): Promise<unknown> => Promise.all(at.map((one) => until(async () => (await members(one)).number > 0, logs)));

async function cluster(count: number, ...more: string[]): Promise<{ places: Place[]; replicas: Running[] }> {
  const places = await Promise.all(['n-0', 'n-1', 'n-2', 'n-3'].slice(0, count).map(place));
  const replicas = places.map((at) => start(at, places, 'new', ...more));
  await ready(...replicas);
  await decided(...places);
  return { places, replicas };
}

test('a fourth replica joins through any peer, an other is drained and removed, and does not come back', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  expect(await put(a, 'k', '1')).toBe(200);
  const d = await place('n-3');
  const fourth = start(d, [b, d], 'existing');
  await ready(fourth);
  expect(await get(d, 'k')).toBe('1');
  expect(await put(d, 'from-d', '4')).toBe(200);
  await arrives('from-d', '4', a, b, c);
  expect((await members(a)).members.map((m) => m.name)).toEqual(['n-0', 'n-1', 'n-2', 'n-3']);

  expect(await put(b, 'last', 'b')).toBe(200);
  const drained = await post(b, '/admin/drain?wait=30');
  expect(drained.body).toEqual({ state: 'drained', lacking: [], leaving: false });
  expect((await fetch(`${b.client}/readyz`)).status).toBe(503);
  expect(await put(b, 'refused', 'b')).toBe(503);
  expect(await (await fetch(`${b.client}/metrics`)).text()).toContain('edgestore_drain_state 2');
  const id = (await members(a)).members.find((m) => m.name === 'n-1')!.id;
  expect((await post(a, '/v3/cluster/member/remove', JSON.stringify({ ID: BigInt(`0x${id}`).toString() }))).status).toBe(200);
  expect(await replicas[1]!.ended).toBe(1);
  expect(replicas[1]!.log()).toContain('has been removed from its cluster for good');
  expect(await get(a, 'last')).toBe('b');
  expect((await members(c)).members.map((m) => m.name)).toEqual(['n-0', 'n-2', 'n-3']);
});

test('a drain that is cancelled serves again', async () => {
  const { places } = await cluster(2);
  const [a] = places as [Place, Place];
  await post(a, '/admin/drain?wait=20');
  expect(await put(a, 'x', '1')).toBe(503);
  expect((await post(a, '/admin/undrain')).body).toMatchObject({ state: 'serving' });
  expect(await put(a, 'x', '1')).toBe(200);
});

test('a drained replica leaves by itself, also when only one other is left; a drain that is not over cannot end so', async () => {
  const { places, replicas } = await cluster(2);
  const [a, b] = places as [Place, Place];
  expect(await put(b, 'k', 'b')).toBe(200);
  expect((await post(b, '/admin/leave')).status).toBe(409);
  const status = async (): Promise<Record<string, unknown>> => (await (await fetch(`${b.client}/admin/status`)).json()) as Record<string, unknown>;
  expect(await status()).toMatchObject({ name: 'n-1', slot: 1, serving: true, drain: { state: 'serving' }, peers: [{ name: 'n-0', connected: true }] });
  expect((await post(b, '/admin/drain?wait=30')).body).toMatchObject({ state: 'drained' });
  expect(await status()).toMatchObject({ serving: false, why: 'draining', drain: { state: 'drained', lacking: [] } });
  // The process may end before the answer is out.
  await post(b, '/admin/leave').catch(() => undefined);
  expect(await replicas[1]!.ended).toBe(1);
  expect((await members(a)).members.map((m) => m.name)).toEqual(['n-0']);
  expect(await get(a, 'k')).toBe('b');
  expect(await put(a, 'k', 'a')).toBe(200);
});

test('a wiped disk comes back as a new incarnation with everything, and serves nobody before', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  for (let i = 0; i < 20; i++) expect(await put(b, `k${i}`, `${i}`)).toBe(200);
  await arrives('k19', '19', a, c);
  const before = (await members(a)).members.find((m) => m.name === 'n-1')!.log;
  await kill(replicas[1]!);
  rmSync(join(folder, 'n-1'), { recursive: true });
  const back = start(b, places, 'new');
  await ready(back);
  expect(await get(b, 'k0')).toBe('0');
  expect(back.log()).toContain('"how":"caught up"');
  const listed = await members(a);
  expect(listed.members.find((m) => m.name === 'n-1')!.log).not.toBe(before);
  expect(listed.removed.map((r) => r.log)).toContain(before);
  expect(await put(b, 'new', 'life')).toBe(200);
  await arrives('new', 'life', a, c);
});

test('an old copy of a disk is noticed and set aside; nothing that others hold is lost, nothing deleted returns', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  expect(await put(b, 'first', '1')).toBe(200);
  await arrives('first', '1', a, c);
  await kill(replicas[1]!);
  cpSync(join(folder, 'n-1'), join(folder, 'copy'), { recursive: true });
  const again = start(b, places, 'new');
  await ready(again);
  expect(await put(b, 'second', '2')).toBe(200);
  await post(b, '/v3/kv/deleterange', JSON.stringify({ key: btoa('first') }));
  await arrives('second', '2', a, c);
  await kill(again);
  rmSync(join(folder, 'n-1'), { recursive: true });
  cpSync(join(folder, 'copy'), join(folder, 'n-1'), { recursive: true });
  const restored = start(b, places, 'new');
  await until(() => /it is set aside[^]*ready to serve client requests/.test(restored.log()), logs);
  // It never served what is old.
  expect(restored.log().match(/ready to serve client requests/g)).toHaveLength(1);
  expect(await get(b, 'second')).toBe('2');
  expect(await get(b, 'first')).toBeNull();
  expect(await put(b, 'third', '3')).toBe(200);
  await arrives('third', '3', a, c);
});

test('a cloned disk beside the original gets no place', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  expect(await put(b, 'x', '1')).toBe(200);
  await arrives('x', '1', a, c);
  replicas[1]!.child.kill('SIGSTOP');
  cpSync(join(folder, 'n-1'), join(folder, 'clone'), { recursive: true });
  replicas[1]!.child.kill('SIGCONT');
  const elsewhere = await place('n-1');
  const clone = start(elsewhere, [a, c, elsewhere], 'new', '--data-dir', join(folder, 'clone'));
  await until(() => [...running].some((r) => r.log().includes('duplicate identity')), logs);
  expect(clone.log() + replicas[0]!.log() + replicas[2]!.log()).toContain('duplicate identity');
});

test('a restart while the peers are away serves, but writes into the log of a new incarnation until they are back', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  expect(await put(a, 'x', '1')).toBe(200);
  await arrives('x', '1', b, c);
  const before = (await members(a)).members.find((m) => m.name === 'n-0')!.log;
  await Promise.all(replicas.map(kill));
  const alone = start(a, places, 'new');
  await ready(alone);
  expect(alone.log()).toContain('writes go into the log of a new incarnation');
  expect(await get(a, 'x')).toBe('1');
  expect(await put(a, 'alone', 'yes')).toBe(200);
  const others = [start(b, places, 'new'), start(c, places, 'new')];
  await ready(...others);
  await arrives('alone', 'yes', b, c);
  await until(async () => (await members(b)).members.find((m) => m.name === 'n-0')!.log !== before, logs);
  expect(await put(b, 'after', 'b')).toBe(200);
  await arrives('after', 'b', a, c);
});

test('evicted while it was cut off: it joins again, and offers what only it had', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b, c] = places as [Place, Place, Place];
  expect(await put(b, 'both', '1')).toBe(200);
  expect(await put(b, 'gone', '1')).toBe(200);
  await arrives('gone', '1', a, c);
  await Promise.all([kill(replicas[0]!), kill(replicas[2]!)]);
  expect(await put(b, 'unseen', 'u')).toBe(200);
  expect(await put(b, 'both', 'b')).toBe(200);
  expect(await put(b, 'gone', 'b')).toBe(200);
  await kill(replicas[1]!);
  const others = [start(a, places, 'new'), start(c, places, 'new')];
  await ready(...others);
  await post(a, '/v3/kv/deleterange', JSON.stringify({ key: btoa('gone') }));
  const id = (await members(a)).members.find((m) => m.name === 'n-1')!.id;
  await until(async () => (await post(a, `/admin/members/evict?id=${id}`)).status === 200, logs);
  const back = start(b, places, 'new');
  await until(() => /set aside[^]*ready to serve client requests/.test(back.log()), logs);
  await arrives('unseen', 'u', a, b, c);
  expect(await get(b, 'gone')).toBeNull();
  expect(await get(b, 'both')).toBe('1');
  expect(back.log()).toContain('is not repeated');
});

test('when a majority is gone for good an administrator goes on with the rest', async () => {
  const { places, replicas } = await cluster(3);
  const [a, b] = places as [Place, Place, Place];
  expect(await put(b, 'x', '1')).toBe(200);
  await arrives('x', '1', a);
  await kill(replicas[1]!);
  await kill(replicas[2]!);
  const ids = (await members(a)).members.filter((m) => m.name !== 'n-0').map((m) => m.id);
  expect((await post(a, '/v3/cluster/member/remove', JSON.stringify({ ID: BigInt(`0x${ids[0]}`).toString() }))).status).toBe(503);
  expect(await put(a, 'meanwhile', 'yes')).toBe(200);
  expect((await post(a, `/admin/members/force-remove?id=${ids[0]}&id=${ids[1]}`)).status).toBe(200);
  expect(replicas[0]!.log()).toContain('REMOVED BY FORCE');
  const d = await place('n-3');
  const fourth = start(d, [a, d], 'existing');
  await ready(fourth);
  expect(await get(d, 'x')).toBe('1');
});

test('--write-acks: a write waits until a second disk has it, and says so when none can be reached', async () => {
  const { places, replicas } = await cluster(2, '--write-acks=2');
  const [a] = places as [Place, Place];
  expect(await put(a, 'x', '1')).toBe(200);
  expect((await (await fetch(`${places[1]!.client}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: btoa('x') }) })).json() as { kvs?: unknown }).kvs).toBeDefined();
  await kill(replicas[1]!);
  const { status, body } = await post(a, '/v3/kv/put', JSON.stringify({ key: btoa('y'), value: btoa('2') }));
  expect([status, body['message']]).toEqual([503, 'etcdserver: request timed out']);
  expect(await get(a, 'y')).toBe('2');
});

test('a replica that wants to join while nobody is there goes on asking', async () => {
  const [a, b] = (await Promise.all(['n-0', 'n-1'].map(place))) as [Place, Place];
  const alone = start(b, [a, b], 'existing');
  await until(() => alone.log().includes('no place in the cluster yet'), logs);
  const ended = await Promise.race([alone.ended.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 2_500))]);
  expect([ended, alone.child.exitCode]).toEqual([false, null]);
});
