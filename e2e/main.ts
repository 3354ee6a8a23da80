/**
 * Runs the end-to-end suites in two lanes, each suite as a process of its own, and adds up what they found. In the second lane are those that mostly wait
 * (suites.ts); what they print is shown when they have ended, between two of the first.
 *
 *   npm run e2e -- [--only NAME[,NAME]] [--long] [--no-setup] [--list]
 *
 * A suite that fails does not keep the others from running. Programs and packages that the suites need are built and installed before the first begins.
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

const startedAll = Date.now();
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

/** What went wrong with each group of programs or packages that could not be made ready. */
type Lacking = ReadonlyMap<string, string>;

const isRoot = process.getuid?.() === 0;
const needsRoot = (suite: Suite): boolean => suite.root || suite.debian.length > 0;

/** Builds and installs what suites need, while nothing else runs: no test is disturbed, and how long a suite takes is its own time. */
async function prepare(chosen: readonly Suite[]): Promise<Lacking> {
  const lacking = new Map<string, string>();
  const able = chosen.filter((suite) => isRoot || !needsRoot(suite));
  for (const [script, groups] of [['tools/setup.sh', able.flatMap(({ tools }) => tools)], ['tools/debian.sh', able.flatMap(({ debian }) => debian)]] as const) {
    for (const group of new Set(groups)) {
      const problem = await run('bash', [`e2e/${script}`, group], SETUP_LIMIT_MINUTES);
      if (problem !== '') lacking.set(group, `e2e/${script} ${group}: ${problem}`);
    }
  }
  return lacking;
}

/** Runs one suite. What it wrote counts; a bad end that its results do not show is a failure of its own. `output`: a file for what it prints. */
async function runSuite(suite: Suite, lacking: Lacking, file: string, output?: string): Promise<Result[]> {
  const started = Date.now();
  const only = (status: Result['status'], reason: string): Result =>
    ({ suite: suite.name, name: suite.about, status, reason, seconds: (Date.now() - started) / 1000 });
  if (needsRoot(suite) && !isRoot) return [only('skipped', 'needs root')];
  const lacks = [...suite.tools, ...suite.debian].map((group) => lacking.get(group)).find((problem) => problem !== undefined);
  if (lacks !== undefined) return [only('failed', lacks)];
  const problem = await run(process.execPath, suite.args, suite.limit_minutes, { E2E_RESULTS: file }, output);
  const written = readResults(file);
  if (written === undefined) return [problem === '' ? only('passed', '') : only('failed', problem)];
  const results = written.map((result) => ({ ...result, suite: suite.name }));
  const shown = results.some((result) => result.status === 'failed');
  return problem === '' || shown ? results : [...results, only('failed', problem)];
}

/** All results, in the order of the suites, and how long each suite took by the clock. */
class Outcomes {
  readonly wall_s = new Map<string, number>();
  private readonly found = new Map<string, Result[]>();

  constructor(chosen: readonly Suite[]) {
    for (const { name } of chosen) this.found.set(name, []);
  }

  get results(): Result[] {
    return [...this.found.values()].flat();
  }

  add(suite: Suite, started: number, results: Result[]): void {
    this.wall_s.set(suite.name, (Date.now() - started) / 1000);
    this.found.set(suite.name, results);
    writeResults(this.results);
  }
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
  const chosen = suites.filter((suite) => (names === undefined ? options.long || !suite.long : names.includes(suite.name)));
  const absent = chosen.map(({ args: [file = ''] }) => file).find((file) => file.startsWith('e2e/') && !existsSync(join(ROOT, file)));
  if (absent !== undefined) throw new Error(`${absent} does not exist`);

  await using dir = TempDir.create('results');
  const outcomes = new Outcomes(chosen);
  const seconds = (from: number): string => ((Date.now() - from) / 1000).toFixed(0);
  const lacking = options['no-setup'] ? new Map<string, string>() : await prepare(chosen);
  const prepared_s = seconds(startedAll);

  const toShow: string[] = [];
  const show = (): void => toShow.splice(0).forEach((text) => console.log(text));
  const lane = async (mine: readonly Suite[], quiet: boolean): Promise<string> => {
    const from = Date.now();
    for (const suite of mine) {
      const file = dir.join(`${suite.name.replaceAll('/', '-')}.json`);
      const output = quiet ? file.replace(/json$/, 'log') : undefined;
      const started = Date.now();
      if (output === undefined) console.log(`\n=== ${suite.name}: ${suite.about}`);
      outcomes.add(suite, started, await runSuite(suite, lacking, file, output));
      if (output === undefined) show();
      else toShow.push(`\n=== ${suite.name}, which ran beside others for ${seconds(started)} s: ${suite.about}\n${existsSync(output) ? readFileSync(output, 'utf8') : ''}`);
    }
    return seconds(from);
  };
  // By itself, a suite of the second lane shows what it prints at once.
  const second = chosen.filter(({ beside }) => beside);
  const first = chosen.filter(({ beside }) => !beside);
  const took = await Promise.all([lane(first, false), lane(second, first.length > 0)]);
  show();
  console.log(`\n${summary(outcomes.results, outcomes.wall_s)}`);
  console.log(`${seconds(startedAll)} s in all: ${prepared_s} s to prepare, then the lanes side by side, ${took.join(' s and ')} s`);
  console.log(countLine(outcomes.results));
  return outcomes.results.some((result) => result.status === 'failed') ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) signalGroup(child, 'SIGTERM');
    setTimeout(() => process.exit(1), 2_000).unref();
    process.exitCode = 1;
  });
}
process.exitCode = await main();
