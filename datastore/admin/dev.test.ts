/** `edgestore dev` as a person uses it: start, write at one replica, read at another, lose one, Ctrl-C, start again. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string;
let dev: ChildProcess | undefined;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'edgestore-dev-')); });
afterEach(async () => {
  if (dev !== undefined && dev.exitCode === null && dev.signalCode === null) {
    const { promise, resolve } = Promise.withResolvers<void>();
    dev.once('exit', () => resolve());
    dev.kill('SIGTERM');
    await promise;
  }
  rmSync(folder, { recursive: true, force: true });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

async function start(): Promise<{ urls: string[]; pids: number[]; output: () => string; ended: Promise<number | null> }> {
  const child = spawn(process.execPath, ['datastore/main.ts', 'dev', '--data-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  dev = child;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  while (!text.includes('Ctrl-C')) {
    if (child.exitCode !== null) throw new Error(text);
    await pause();
  }
  const rows = [...text.matchAll(/^ {2}n\d {2}(http:\S+) {2}pid (\d+)/gm)];
  return { urls: rows.map((row) => row[1] ?? ''), pids: rows.map((row) => Number(row[2])), output: () => text, ended };
}

const call = async (url: string, body: object): Promise<{ kvs?: { value: string }[] }> => (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json() as never;
const put = (url: string | undefined, key: string, value: string) => call(`${url}/v3/kv/put`, { key: btoa(key), value: btoa(value) });
async function arrives(url: string | undefined, key: string, value: string): Promise<void> {
  for (;;) {
    const { kvs } = await call(`${url}/v3/kv/range`, { key: btoa(key) });
    if (kvs?.[0] !== undefined && atob(kvs[0].value) === value) return;
    await pause();
  }
}

test('three replicas, one of which dies, and all of which come back', async () => {
  const first = await start();
  expect(first.urls).toHaveLength(3);
  await put(first.urls[0], 'hello', 'world');
  await arrives(first.urls[1], 'hello', 'world');
  await arrives(first.urls[2], 'hello', 'world');

  process.kill(first.pids[1] ?? 0, 'SIGKILL');
  while (!first.output().includes('n2 ended (SIGKILL); the others go on')) await pause();
  await put(first.urls[2], 'alone', 'yes');
  await arrives(first.urls[0], 'alone', 'yes');
  dev?.kill('SIGINT');
  expect(await first.ended).toBe(0);

  const second = await start();
  expect(second.urls).toHaveLength(3);
  await arrives(second.urls[1], 'alone', 'yes');

  // Even kill -9 leaves nothing running.
  dev?.kill('SIGKILL');
  await second.ended;
  for (const pid of second.pids) while (alive(pid)) await pause();
}, 120_000);
