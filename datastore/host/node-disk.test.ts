import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { diskContract } from './disk.contract.ts';
import { nodeDisk } from './node-disk.ts';

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'edgestore-disk-'));

diskContract('nodeDisk', async () => {
  const dir = await folder();
  return { disk: nodeDisk, dir, cleanUp: () => rm(dir, { recursive: true }) };
});

test('a second process is refused and told who holds the lock; kill -9 of the holder releases it', async () => {
  const dir = await folder();
  const program = `
    const { nodeDisk } = await import(${JSON.stringify(new URL('./node-disk.ts', import.meta.url).href)});
    await nodeDisk.lock(${JSON.stringify(`${dir}/lock`)});
    console.log('held');
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expect(nodeDisk.lock(`${dir}/lock`)).rejects.toThrow(`held by process ${child.pid} on `);
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
  const lock = await nodeDisk.lock(`${dir}/lock`);
  await lock.unlock();
  await rm(dir, { recursive: true });
});
