/** One replica as a process: starts, serves, ends in order, and says in one line why it cannot start. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definitions } from './telemetry/definitions.ts';
import { freePort } from './testing/places.ts';

let folder: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgestore-serve-'));
  children = [];
});
afterEach(async () => {
  await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGKILL');
  })));
  rmSync(folder, { recursive: true, force: true });
});

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

interface Process {
  readonly child: ChildProcess;
  readonly url: string;
  log(): string;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

async function serve(...more: string[]): Promise<Process> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const child = spawn(process.execPath, ['datastore/main.ts', '--data-dir', join(folder, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url,
    '--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { log += text; });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  return { child, url, log: () => log, ended };
}

async function until(what: () => boolean, why: () => string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!what()) {
    if (Date.now() > deadline) throw new Error(why());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ready(process: Process): Promise<Process> {
  await until(() => process.log().includes('ready to serve client requests') || process.child.exitCode !== null, process.log);
  if (process.child.exitCode !== null) throw new Error(process.log());
  return process;
}

const put = (url: string, key: string, value: string) => fetch(`${url}/v3/kv/put`, { method: 'POST', body: JSON.stringify({ key: btoa(key), value: btoa(value) }) });
const get = async (url: string, key: string) => {
  const answer = (await (await fetch(`${url}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: btoa(key) }) })).json()) as { kvs?: { value: string }[] };
  return answer.kvs?.map((kv) => atob(kv.value));
};

test('serves, ends in order at SIGTERM, and has everything when it is started again', async () => {
  const first = await ready(await serve());
  expect((await put(first.url, 'a', '1')).status).toBe(200);
  expect(await get(first.url, 'a')).toEqual(['1']);
  expect(await (await fetch(`${first.url}/health`)).json()).toEqual({ health: 'true', reason: '' });
  expect(await (await fetch(`${first.url}/version`)).json()).toMatchObject({ etcdserver: '3.7.3' });
  first.child.kill('SIGTERM');
  expect(await first.ended).toEqual({ code: 0, signal: null });
  expect(first.log()).toContain('"msg":"stopped"');

  const second = await ready(await serve());
  expect(await get(second.url, 'a')).toEqual(['1']);
});

test('kill -9 loses nothing acknowledged', async () => {
  const first = await ready(await serve());
  await put(first.url, 'a', '1');
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await ready(await serve());
  expect(await get(second.url, 'a')).toEqual(['1']);
});

test('every metric of the table is in the scrape, and nothing else of its own', async () => {
  const { url } = await ready(await serve('--metrics', 'extensive'));
  await put(url, 'a', '1');
  const text = await (await fetch(`${url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '').filter((name) => !/^(process|nodejs)_/.test(name));
  expect(names.toSorted()).toEqual(Object.keys(definitions).toSorted());
  expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  expect(text).toMatch(/^etcd_disk_wal_fsync_duration_seconds_count [1-9]/m);
});

test('options without effect are named once', async () => {
  const process = await ready(await serve('--heartbeat-interval=100', '--pre-vote'));
  expect(process.log().match(/options without effect here/g)).toHaveLength(1);
  expect(process.log()).toContain('["heartbeat-interval","pre-vote"]');
});

test('two SIGTERM end it at once', async () => {
  const process = await ready(await serve());
  process.child.kill('SIGTERM');
  process.child.kill('SIGTERM');
  expect((await process.ended).signal).toBeNull();
});

describe('what keeps it from starting is said in one line, with exit code 1', () => {
  const fails = async (process: Process, message: string | RegExp) => {
    expect(await process.ended).toEqual({ code: 1, signal: null });
    const errors = process.log().split('\n').filter((line) => line.includes('"level":"error"') || line.startsWith('edgestore:'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
    expect(process.log()).not.toMatch(/^\s+at /m);
  };

  test('a port in use', async () => {
    const port = await freePort();
    const other = await listen(port);
    try {
      const url = `http://127.0.0.1:${port}`;
      await fails(await serve('--listen-client-urls', url, '--advertise-client-urls', url), new RegExp(`127.0.0.1:${port}: the address is in use`));
    } finally {
      other.close();
    }
  });

  test('a data folder that another process uses', async () => {
    const first = await ready(await serve());
    await fails(await serve(), 'two processes must never use one data folder');
    expect(await get(first.url, 'a')).toBeUndefined();
  });

  test('a data folder that is a file', async () => {
    writeFileSync(join(folder, 'data'), '');
    await fails(await serve(), join(folder, 'data'));
  });

  test('a data folder that cannot be written', async () => {
    if (process.getuid?.() === 0) return; // root may write everywhere
    mkdirSync(join(folder, 'data'));
    chmodSync(join(folder, 'data'), 0o500);
    await fails(await serve(), 'permission denied');
  });

  test('a damaged journal', async () => {
    const first = await ready(await serve());
    await put(first.url, 'a', '1');
    first.child.kill('SIGTERM');
    await first.ended;
    const data = join(folder, 'data');
    const file = readdirSync(data).filter((name) => name.endsWith('.journal')).map((name) => join(data, name))[0];
    if (file === undefined || !existsSync(file)) throw new Error(`no journal among ${readdirSync(data).join(', ')}`);
    const bytes = readFileSync(file);
    bytes.fill(0xff, 0, 16);
    writeFileSync(file, bytes);
    await fails(await serve(), /is damaged at offset 0/);
  });

  test('certificates that are not there', async () => {
    await fails(await serve('--cert-file=/nowhere/c.pem', '--key-file=/nowhere/k.pem'), /\/nowhere\/[ck].pem: there is no such file/);
  });
});
