import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { WorkerTask } from '../testing/worker.ts';
import { NodeWorkers } from './workers.ts';

const MODULE = new URL('../testing/worker.ts', import.meta.url);
const never = new AbortController().signal;
let dir = '';
let workers: NodeWorkers;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgestore-workers-'));
  workers = new NodeWorkers();
});
afterEach(async () => {
  workers.close();
  await rm(dir, { recursive: true });
});

const task = (name: string, then: WorkerTask['then']): WorkerTask => ({ file: join(dir, name), then });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The process of a task, once it runs. */
async function pidOf({ file }: WorkerTask): Promise<number> {
  await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '');
  return Number(readFileSync(file, 'utf8'));
}

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** The process that started another, from /proc. */
const parentOf = (pid: number): number => Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

test('work is done in a process of its own, several at a time; what it throws is told', async () => {
  const [one, two] = [task('one', 'end'), task('two', 'end')];
  await Promise.all([workers.run(MODULE, one, never), workers.run(MODULE, two, never)]);
  const pids = [await pidOf(one), await pidOf(two)];
  expect(new Set([...pids, process.pid]).size).toBe(3);
  await expect(workers.run(MODULE, task('three', 'throw'), never)).rejects.toThrow(/code 1.*it went wrong/s);
  await expect(workers.run(new URL('./not-there.ts', import.meta.url), null, never)).rejects.toThrow(/not-there/);
});

test('who no longer wants it gets the reason, once the process has ended', async () => {
  const stays = task('stays', 'stay');
  const abort = new AbortController();
  const running = workers.run(MODULE, stays, abort.signal);
  const pid = await pidOf(stays);
  abort.abort(new Error('the replica closes'));
  await expect(running).rejects.toThrow('the replica closes');
  expect(runs(pid)).toBe(false);
  await expect(workers.run(MODULE, stays, abort.signal)).rejects.toThrow('the replica closes');
});

(process.platform === 'linux' ? test : test.skip)('the process that starts workers is killed: its work is told as failed and ends, and the next is done', async () => {
  const stays = task('stays', 'stay');
  const running = workers.run(MODULE, stays, never);
  running.catch(() => {});
  const pid = await pidOf(stays);
  process.kill(parentOf(pid), 'SIGKILL');
  await expect(running).rejects.toThrow(/starts workers has ended: SIGKILL/);
  await until(() => !runs(pid));
  await workers.run(MODULE, task('next', 'end'), never);
});

test('a replica that is killed leaves no process behind', async () => {
  const stays = task('stays', 'stay');
  const program = join(dir, 'replica.mjs');
  await writeFile(program, `
    import { NodeWorkers } from ${JSON.stringify(new URL('./workers.ts', import.meta.url).href)};
    setInterval(() => {}, 1000);
    await new NodeWorkers().run(new URL(${JSON.stringify(MODULE.href)}), ${JSON.stringify(stays)}, new AbortController().signal);`);
  const replica = spawn(process.execPath, [program], { stdio: 'ignore' });
  const pid = await pidOf(stays);
  replica.kill('SIGKILL');
  await until(() => !runs(pid));
});
