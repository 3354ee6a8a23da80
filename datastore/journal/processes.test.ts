/** Real processes on a real disk. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { createHost } from '../host/node-host.ts';
import { buildSnapshot } from './build-snapshot.ts';
import { openJournal } from './journal.ts';
import { ListMachine } from './testing.ts';

let dir = '';
const children: ChildProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgestore-journal-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);

/** A process that appends numbers one after another, says each when it is acknowledged, and snapshots now and then. */
function startWriter(): { child: ChildProcess; said: () => number } {
  const program = `
    const { openJournal } = await import(${url('./journal.ts')});
    const { buildSnapshot } = await import(${url('./build-snapshot.ts')});
    const { createHost } = await import(${url('../host/node-host.ts')});
    const { silent } = await import(${url('../host/log.ts')});
    class Machine {
      list = [];
      async loadSnapshot(chunks) { for await (const chunk of chunks) this.list.push(String(Buffer.from(chunk))); }
      applyEntry(entry) { this.list.push(String(Buffer.from(entry))); }
      encodeSnapshot() { return this.list.map((text) => Buffer.from(text)); }
    }
    const host = createHost();
    const machine = new Machine();
    const makeSnapshot = (job, signal) => buildSnapshot(host, job, new Machine(), signal);
    const journal = await openJournal(host, ${JSON.stringify(dir)}, machine, { log: silent, makeSnapshot, sizes: { snapshotMinBytes: 20_000 } });
    for (let i = machine.list.length; ; i++) {
      await journal.append([Buffer.from(String(i))]);
      process.stdout.write(i + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output = (output + data.toString()).slice(-100)));
  return { child, said: () => Number(output.split('\n').at(-2) ?? -1) };
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('kill -9 at any moment loses nothing that was acknowledged', async () => {
  const host = createHost();
  for (let life = 0; life < 3; life++) {
    const { child, said } = startWriter();
    const start = 200 * (life + 1);
    await waitFor(() => said() >= start || child.exitCode !== null);
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
    const machine = new ListMachine();
    const makeSnapshot = async (job: { dir: string; upToFile: number }): Promise<void> => void (await buildSnapshot(host, job, new ListMachine()));
    const journal = await openJournal(host, dir, machine, { log: silent, makeSnapshot });
    expect(said()).toBeGreaterThanOrEqual(start);
    expect(machine.list.length).toBeGreaterThan(said());
    expect(machine.list).toEqual(machine.list.map((_, i) => String(i)));
    if (life === 1) await journal.snapshot();
    await journal.close();
  }
});

test('a second process is refused with the pid of the first', async () => {
  const { child, said } = startWriter();
  await waitFor(() => said() >= 0 || child.exitCode !== null);
  const options = { log: silent, makeSnapshot: async () => {} };
  await expect(openJournal(createHost(), dir, new ListMachine(), options)).rejects.toThrow(`is held by process ${child.pid} on `);
});
