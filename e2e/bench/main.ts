/**
 * EdgeStore and etcd under etcd's own load generator, in turn on one machine: `npm run bench`.
 *
 * Absolute figures say something about the machine; only the ratios of one run say something about the programs. So the two take
 * turns (A B A B ...), each alone with a fresh data directory, and medians over the rounds are compared.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/edgestore.ts';
import { CASES, CURVE, SETUPS, WARM_UP } from './cases.ts';
import { runCurve, runRound } from './round.ts';
import type { Sample, System } from './round.ts';
import { curveTable, table } from './table.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    setups: { type: 'string' },
    cases: { type: 'string' },
    systems: { type: 'string', default: 'etcd,edgestore' },
    report: { type: 'boolean', default: false },
    curve: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

function usage(): void {
  console.log(`npm run bench -- [--rounds 3] [--scale 1] [--setups ${SETUPS.map(({ id }) => id).join(',')}]
    [--cases ${CASES.map(({ id }) => id).join(',')}] [--systems etcd,edgestore] [--report]
npm run bench -- --curve [--rounds 3]

--scale multiplies the number of operations, but not those of the warm-up. --report writes docs/reports/bench-DATE.md.
--curve measures how a new server warms up: p50 of each ${CURVE.measured.total} of one client's first ${CURVE.measured.total * CURVE.windows} puts at one member.
Left out unless named: ${[...SETUPS, ...CASES].filter(({ optional }) => optional).map(({ id }) => id).join(', ')}`);
}

/** Those named in a comma-separated list, or all that are not optional. */
function choose<T extends { readonly id: string; readonly optional?: boolean }>(all: readonly T[], names: string | undefined, what: string): readonly T[] {
  if (names === undefined) return all.filter(({ optional }) => optional !== true);
  return names.split(',').map((name) => {
    const found = all.find(({ id }) => id === name);
    if (found === undefined) throw new Error(`no ${what} '${name}'; there are: ${all.map(({ id }) => id).join(', ')}`);
    return found;
  });
}

function report(samples: readonly Sample[], rounds: number, seconds: number): string {
  const date = new Date().toISOString().slice(0, 10);
  return [
    `# Benchmark, ${date}`,
    '',
    `Written by \`npm run bench -- --report\`: ${rounds} rounds, etcd 3.7.3 and EdgeStore in turn, in ${Math.round(seconds / 60)} minutes, on`,
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, loopback; servers and`,
    'load generator share the cores. Load: etcd\'s own `benchmark` (3.6.8), 256 B values, 1 client on 1 connection and 1,000 clients on',
    '100; clients spread over all members. Every write is fsynced before its answer by both. Fresh data directory for each round.',
    `Cold cases come first, on a server that has just started; then ${WARM_UP.map(({ total, clients }) => `${total.toLocaleString('en-US')} puts by ${clients === 1 ? 'one client' : `${clients} clients`}`).join(' and ')} that are not counted, at every scale and for both; then the others.`,
    'Medians over the rounds. Only the ratios mean something; in brackets the range of the throughput ratio over pairs of neighbouring rounds.',
    '',
    table(samples),
    '',
  ].join('\n');
}

async function curve(systems: readonly System[], rounds: number): Promise<void> {
  const setup = SETUPS[0];
  if (setup === undefined) throw new Error('no setup');
  const runs = new Map<System, number[][]>(systems.map((system) => [system, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [system, rows] of runs) {
      const windows = await runCurve(system, setup);
      rows.push(windows);
      console.error(`round ${round} ${system}: ${windows.map((p50) => p50.toFixed(3)).join(' ')}`);
    }
  }
  console.log(curveTable(runs, CURVE.measured.total));
}

async function main(): Promise<void> {
  const setups = choose(SETUPS, options.setups, 'setup');
  const cases = choose(CASES, options.cases, 'case');
  const systems = options.systems.split(',') as System[];
  for (const system of systems) if (system !== 'etcd' && system !== 'edgestore') throw new Error(`no system '${system as string}'`);
  const rounds = Number(options.rounds);
  const scale = Number(options.scale);
  if (!(rounds >= 1 && scale > 0)) throw new Error('--rounds must be at least 1 and --scale above 0');
  if (options.curve) return curve(systems, rounds);
  const samples: Sample[] = [];
  const started = Date.now();
  for (let round = 1; round <= rounds; round++) {
    for (const setup of setups) {
      for (const system of systems) {
        await runRound(system, setup, cases, scale, (sample) => {
          samples.push(sample);
          console.error(`round ${round} ${system} ${setup.id} ${sample.measured.id}: ${Math.round(sample.ops_per_s)} ops/s, p50 ${sample.p50_ms.toFixed(2)} ms, p99 ${sample.p99_ms.toFixed(2)} ms`);
        });
      }
    }
  }
  console.log(table(samples));
  if (options.report) {
    const path = `${ROOT}/docs/reports/bench-${new Date().toISOString().slice(0, 10)}.md`;
    mkdirSync(`${ROOT}/docs/reports`, { recursive: true });
    writeFileSync(path, report(samples, rounds, (Date.now() - started) / 1_000));
    console.error(`written: ${path}`);
  }
}

if (options.help) usage();
else await main();
