/**
 * Runs the end-to-end suites one after the other, each as a process of its own, and adds up what they found. A suite that mostly waits runs
 * beside those after it; its output is shown when it has ended.
 *
 *   npm run e2e -- [--only NAME[,NAME]] [--long] [--no-setup] [--list]
 *
 * A suite that fails does not keep the others from running. Programs and packages that a suite needs are built and installed first.
 * Exits 1 if anything failed. E2E_RESULTS: where to write all results as JSON.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countLine, readResults, summary, writeResults } from './results.ts';
import type { Result } from './results.ts';
import { suites } from './suites.ts';
import type { Suite } from './suites.ts';
import { TempDir } from './support/temp.ts';

const ROOT = join(import.meta.dirname, '..');

/** How long tools may take to build when none is cached. */
const SETUP_LIMIT_MINUTES = 40;
const KILL_GRACE_MS = 15_000;

const running = new Set<ChildProcess>();

/** Sends a signal to the suite and to everything that it started and left in its process group. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Runs a program with this one's output, or with a file for it. Returns what went wrong, '' if nothing did. */
async function run(command: string, args: readonly string[], limit_minutes: number, env: Record<string, string> = {}, output?: string): Promise<string> {
  const to = output === undefined ? 'inherit' as const : openSync(output, 'w');
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', to, to], detached: true });
  if (to !== 'inherit') closeSync(to);
  running.add(child);
  let late = false;
  const timers: NodeJS.Timeout[] = [];
  timers.push(setTimeout(() => {
    late = true;
    signalGroup(child, 'SIGTERM');
    timers.push(setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_GRACE_MS));
  }, limit_minutes * 60_000));
  const problem = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? '' : signal === null ? `exit code ${code}` : `ended by ${signal}`));
  });
  timers.forEach(clearTimeout);
  signalGroup(child, 'SIGKILL'); // what it left behind must not disturb the next
  running.delete(child);
  return late ? `not done after ${limit_minutes} min` : problem;
}

/** Builds and installs what a suite needs. Returns why it cannot run, '' if it can. */
async function prepare(suite: Suite, setup: boolean): Promise<{ readonly skip: string; readonly fail: string }> {
  const isRoot = process.getuid?.() === 0;
  if ((suite.root || suite.debian.length > 0) && !isRoot) return { skip: 'needs root', fail: '' };
  if (!setup) return { skip: '', fail: '' };
  if (suite.tools.length > 0) {
    const problem = await run('bash', ['e2e/tools/setup.sh', ...suite.tools], SETUP_LIMIT_MINUTES);
    if (problem !== '') return { skip: '', fail: `e2e/tools/setup.sh ${suite.tools.join(' ')}: ${problem}` };
  }
  if (suite.debian.length > 0) {
    const problem = await run('bash', ['e2e/tools/debian.sh', ...suite.debian], SETUP_LIMIT_MINUTES);
    if (problem !== '') return { skip: '', fail: `e2e/tools/debian.sh ${suite.debian.join(' ')}: ${problem}` };
  }
  return { skip: '', fail: '' };
}

type Outcome = () => Promise<Result[]>;

/**
 * Starts one suite; what it needs is there when this resolves. What it returns waits for its end. What the suite wrote counts; a bad end that its results do not show is a failure of its own. */
async function startSuite(suite: Suite, setup: boolean, dir: TempDir): Promise<Outcome> {
  const started = Date.now();
  const only = (status: Result['status'], reason: string): Result =>
    ({ suite: suite.name, name: suite.about, status, reason, seconds: (Date.now() - started) / 1000 });
  const { skip, fail } = await prepare(suite, setup);
  if (skip !== '') return async () => [only('skipped', skip)];
  if (fail !== '') return async () => [only('failed', fail)];
  const file = dir.join(`${suite.name.replaceAll('/', '-')}.json`);
  const output = suite.beside ? file.replace(/json$/, 'log') : undefined;
  const end = run(process.execPath, suite.args, suite.limit_minutes, { E2E_RESULTS: file }, output);
  return async () => {
    const problem = await end;
    if (output !== undefined) console.log(`\n=== ${suite.name}, which ran beside others\n${readFileSync(output, 'utf8')}`);
    const written = readResults(file);
    if (written === undefined) return [problem === '' ? only('passed', '') : only('failed', problem)];
    const results = written.map((result) => ({ ...result, suite: suite.name }));
    const shown = results.some((result) => result.status === 'failed');
    return problem === '' || shown ? results : [...results, only('failed', problem)];
  };
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: { only: { type: 'string' }, long: { type: 'boolean', default: false }, 'no-setup': { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
  });
  if (options.list) {
    for (const suite of suites) console.log(`${suite.name.padEnd(32)} ${suite.long ? 'long ' : '     '} ${suite.about}`);
    return 0;
  }
  const names = options.only?.split(',');
  const unknown = names?.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new Error(`no suite '${unknown}'; there are: ${suites.map((suite) => suite.name).join(', ')}`);

  await using dir = TempDir.create('results');
  const results: Result[] = [];
  const besides: Outcome[] = [];
  for (const suite of suites) {
    if (names !== undefined ? !names.includes(suite.name) : suite.long && !options.long) continue;
    console.log(`\n=== ${suite.name}: ${suite.about}`);
    if (suite.args[0]?.startsWith('e2e/') === true && !existsSync(`${ROOT}/${suite.args[0]}`)) throw new Error(`${suite.args[0]} does not exist`);
    const outcome = await startSuite(suite, !options['no-setup'], dir);
    if (suite.beside) besides.push(outcome);
    else results.push(...await outcome());
    writeResults(results);
  }
  for (const outcome of besides) results.push(...await outcome());
  writeResults(results);
  console.log(`\n${summary(results)}\n${countLine(results)}`);
  return results.some((result) => result.status === 'failed') ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) signalGroup(child, 'SIGTERM');
    setTimeout(() => process.exit(1), 2_000).unref();
    process.exitCode = 1;
  });
}
process.exitCode = await main();
