/**
 * `npm run simulate -- --seeds N [--from S] [--jobs J] [--minutes M] [--plant NAME]`: that many seeds, on that many processors (default 2), no new ones
 * after so many minutes; prints those that fail.
 * `npm run simulate -- --seed S [--trace] [--plant NAME]`: one, with everything that happens.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parseArgs } from 'node:util';
import { Figures } from './figures.ts';
import { plants } from './planted.ts';
import { explain, runSeed } from './run.ts';
import type { RunOptions } from './run.ts';

interface Job {
  readonly from: number;
  readonly count: number;
  readonly step: number;
  readonly minutes: number;
  /** Name of a bug that is planted in each. */
  readonly plant?: string | undefined;
}
interface Report {
  readonly seed: number;
  readonly failure: string | null;
  readonly figures: readonly (readonly [string, number])[];
  readonly virtualMs: number;
}

// An error of a process that the simulation has already ended is no finding.
let stray: unknown = null;
process.on('unhandledRejection', (error) => {
  if ((error as { code?: unknown } | null)?.code !== 'ECRASHED') stray ??= error;
});

const planted = (name: string | undefined): RunOptions => {
  const plant = plants.find((p) => p.name === name);
  if (name !== undefined && plant === undefined) throw new Error(`no planted bug is called ${name}: ${plants.map((p) => p.name).join('; ')}`);
  return plant === undefined ? {} : { plant };
};

async function one(seed: number, plant: string | undefined): Promise<Report> {
  stray = null;
  const result = await runSeed(seed, planted(plant));
  const failure = result.violation !== null ? explain(result) : stray === null ? null : `seed ${seed}: nobody waits for ${stray instanceof Error ? (stray.stack ?? stray.message) : String(stray)}`;
  return { seed, failure, figures: [...result.figures.counts], virtualMs: result.virtualMs };
}

async function work({ from, count, step, minutes, plant }: Job): Promise<void> {
  const end = performance.now() + minutes * 60_000;
  for (let i = 0; i < count && performance.now() < end; i++) parentPort!.postMessage(await one(from + i * step, plant));
}

async function many(seeds: number, from: number, jobs: number, minutes: number, plant: string | undefined): Promise<number> {
  planted(plant);
  const figures = new Figures();
  const failures: string[] = [];
  const started = performance.now();
  let done = 0;
  let virtualMs = 0;
  const workers = Array.from({ length: jobs }, (_, i) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { from: from + i, count: Math.ceil((seeds - i) / jobs), step: jobs, minutes, plant } satisfies Job, resourceLimits: { maxYoungGenerationSizeMb: 96 } });
    worker.on('message', (report: Report) => {
      figures.merge(report.figures);
      virtualMs += report.virtualMs;
      if (report.failure !== null) {
        failures.push(report.failure);
        console.log(`\n${report.failure}\n`);
      }
      if (++done % 500 === 0) console.log(`${done} seeds, ${failures.length} failed, ${figures.sum('op ')} operations, ${figures.sum('fault ')} faults, ${figures.sum('check ')} checks, ${((performance.now() - started) / 1000).toFixed(0)} s`);
    });
    return { worker, ended: new Promise<void>((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject)) };
  });
  // Told to end: what has been done so far counts.
  const told = new Promise<void>((resolve) => void process.once('SIGTERM', resolve).once('SIGINT', resolve));
  await Promise.race([Promise.all(workers.map(({ ended }) => ended)), told]);
  for (const { worker } of workers) void worker.terminate();
  for (const [name, n] of figures.sorted) console.log(`${n.toString().padStart(12)} ${name}`);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${done} seeds from ${from}: ${failures.length} failed; ${figures.sum('op ')} operations, ${figures.sum('fault ')} faults, ${figures.sum('check ')} checks, ${(virtualMs / 3_600_000).toFixed(1)} h of virtual time, ${seconds.toFixed(0)} s`);
  return failures.length === 0 && done > 0 ? 0 : 1;
}

async function traced(seed: number, trace: boolean, plantName: string | undefined): Promise<number> {
  const result = await runSeed(seed, { ...(trace ? { print: (line: string) => console.log(line) } : {}), ...planted(plantName) });
  if (result.violation !== null) console.log(explain(result));
  if (stray !== null) console.log('nobody waits for', stray);
  console.log(`seed ${seed}: ${result.violation === null ? 'nothing found' : 'failed'}; digest ${result.digest}; ${result.virtualMs.toFixed(0)} ms of virtual time`);
  return result.violation === null ? 0 : 1;
}

if (isMainThread) {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '200' }, from: { type: 'string', default: '1' }, jobs: { type: 'string', default: '2' }, minutes: { type: 'string', default: '100000' }, seed: { type: 'string' }, trace: { type: 'boolean', default: false }, plant: { type: 'string' } },
  });
  process.exitCode = values.seed === undefined ? await many(Number(values.seeds), Number(values.from), Number(values.jobs), Number(values.minutes), values.plant) : await traced(Number(values.seed), values.trace, values.plant);
} else {
  await work(workerData as Job);
}
