/** node --test e2e/support/*.test.ts */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Program, run } from './process.ts';
import { TempDir } from './temp.ts';

function script(dir: TempDir, source: string): Program {
  return new Program({ name: 'script', command: process.execPath, args: ['-e', source], logFile: dir.join('log') });
}

test('a program that ignores SIGTERM is killed after the grace', async () => {
  await using dir = TempDir.create('process');
  const program = script(dir, 'process.on("SIGTERM", () => console.log("no")); console.log("up"); setInterval(() => 0, 1e6)');
  program.start();
  await program.waitForLine('up');
  assert.deepEqual(await program.stop(200), { code: null, signal: 'SIGKILL' });
  assert.equal(program.running, false);
});

test('only what was printed since the last start counts', async () => {
  await using dir = TempDir.create('process');
  const program = script(dir, 'console.log("once", process.pid)');
  program.start();
  const first = await program.waitForLine('once');
  await program.wait();
  program.start();
  assert.notEqual(await program.waitForLine('once'), first);
  await program.wait();
});

test('waiting for a line ends when the program does, with its output', async () => {
  await using dir = TempDir.create('process');
  const program = script(dir, 'console.error("bad flag"); process.exit(3)');
  program.start();
  await assert.rejects(program.waitForLine('ready'), /"code":3.*\n?.*bad flag/s);
});

test('a command that cannot be started is an exit with code 127', async () => {
  await using dir = TempDir.create('process');
  const program = new Program({ name: 'none', command: '/nonexistent', args: [], logFile: dir.join('log') });
  program.start();
  await assert.rejects(program.waitForLine('ready'), /127/);
});

test('run hands back code and output, and kills what takes too long', async () => {
  const result = await run(process.execPath, ['-e', 'process.stdin.pipe(process.stdout); process.exitCode = 4'], { input: 'text' });
  assert.deepEqual(result, { code: 4, stdout: 'text', stderr: '' });
  await assert.rejects(run(process.execPath, ['-e', 'setInterval(() => 0, 1e6)'], { timeout_ms: 100 }), /no end after 100 ms/);
});
