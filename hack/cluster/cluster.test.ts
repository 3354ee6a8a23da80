import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifests } from './manifests.ts';
import { abandoned } from './network.ts';
import { childrenOf, end, identify, isAlive, readPid, writePid } from './pids.ts';
import { bytesOf } from './provisioner.ts';
import { apiserverService, folderOf, networks, writeSettings } from './settings.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgestore-cluster-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a process is named by its pid and when it started: another with the same pid is left alone', async () => {
  const child = spawn('sleep', ['600']);
  const file = join(dir, 'x.pid');
  try {
    writePid(file, child.pid ?? 0);
    const id = readPid(file);
    expect(id?.pid).toBe(child.pid);
    expect(childrenOf(process.pid)).toContain(child.pid);
    writeFileSync(file, JSON.stringify({ pid: child.pid, started: '1' }));
    expect(readPid(file)).toBeUndefined();
    expect(existsSync(file)).toBe(false);
    await end({ pid: child.pid ?? 0, started: '1' }, 'SIGKILL', 1_000);
    expect(child.exitCode ?? child.signalCode).toBeNull();
    if (id === undefined) throw new Error('no id');
    const exited = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    await end(id, 'SIGTERM', 10_000);
    expect(await exited).toBe('SIGTERM');
    expect(isAlive(id)).toBe(false);
    expect(identify(id.pid)).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
  }
});

test('names become folders and part of socket paths: only what fits', () => {
  expect(() => folderOf('../x')).toThrow(/--name/);
  expect(() => folderOf('a-name-that-is-long')).toThrow(/--name/);
  const before = process.env['EDGESTORE_CLUSTERS'];
  process.env['EDGESTORE_CLUSTERS'] = `/${'x'.repeat(90)}`;
  try {
    expect(() => folderOf('dev')).toThrow(/too long/);
  } finally {
    if (before === undefined) delete process.env['EDGESTORE_CLUSTERS'];
    else process.env['EDGESTORE_CLUSTERS'] = before;
  }
});

test('what nobody can take down any more: no folder, and nobody who is about to write it', () => {
  const ports = { apiserver: 1, store: 2, peer: 3, controllers: 4, scheduler: 5 };
  // Numbers that no cluster gets.
  const reserve = (n: number, folder: string, maker: object | undefined): void => {
    mkdirSync(join(dir, 'reserved', String(n)), { recursive: true });
    writeFileSync(join(dir, 'reserved', String(n), 'holder.json'), JSON.stringify({ folder, maker }));
  };
  writeSettings({ name: 'x', mode: 'full', store: 'etcd', folder: dir, address: '', ports, net: networks(901) });
  reserve(900, dir, { pid: process.pid, started: '1' });
  reserve(901, dir, { pid: process.pid, started: '1' });
  reserve(902, join(dir, 'gone'), { pid: process.pid, started: '1' });
  reserve(903, join(dir, 'soon'), identify(process.pid));
  mkdirSync(join(dir, 'reserved/904'));
  expect(abandoned(join(dir, 'reserved')).sort()).toEqual([900, 902]);
  expect(abandoned(join(dir, 'none'))).toEqual([]);
});

test('quantities of storage', () => {
  expect(bytesOf('1Gi')).toBe(2 ** 30);
  expect(bytesOf('1.5Gi')).toBe(1.5 * 2 ** 30);
  expect(bytesOf('500M')).toBe(5e8);
  expect(bytesOf('7')).toBe(7);
  expect(() => bytesOf('1Pb')).toThrow(/quantity/);
});

test('the apiserver\'s Service, DNS and metrics lie in the range of services', () => {
  const ports = { apiserver: 1, store: 2, peer: 3, controllers: 4, scheduler: 5 };
  const settings = { name: 'x', mode: 'full' as const, store: 'etcd' as const, folder: dir, address: '10.100.255.2', ports, net: networks(100) };
  expect(apiserverService(settings)).toBe('10.100.128.1');
  const kinds = manifests(settings).map((object) => (object as { kind: string }).kind);
  expect(kinds).toEqual(['StorageClass', 'Service', 'EndpointSlice', 'Service', 'EndpointSlice', 'APIService']);
});
