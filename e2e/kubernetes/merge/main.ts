/**
 * Two apiservers on two replicas, cut apart, edit the same objects; then the link is back. Both must serve the same objects, with both edits in them wherever they do not
 * contradict each other, valid for apiserver, and every informer must have been told.
 *
 *   node e2e/kubernetes/merge/main.ts [--write] [--only merge|whole]
 *
 * Then the same with merging off, to count what is lost without it. Controllers run on what was merged, and must come to rest. `--write` writes the table to docs/merging-pairs.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeResults, type Result } from '../../results.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';
import { Cells, type Cell } from '../cells.ts';
import { Informer, listableResources } from '../informer.ts';
import { until } from '../scenario.ts';
import { check, collected, create, prepareCreations } from './creations.ts';
import { edits, expected } from './edits.ts';
import { edit, namespace, outcomes, prepare, type PairResult } from './pairs.ts';
import { markdown } from './report.ts';
import { settles } from './settling.ts';

const { values: flags } = parseArgs({ options: { write: { type: 'boolean', default: false }, only: { type: 'string' } } });
const page = new URL('../../../docs/merging-pairs.md', import.meta.url);
const results: Result[] = [];

/** Runs one check; what it finds is its result. */
async function step(name: string, work: () => Promise<string[]>): Promise<void> {
  const from = Date.now();
  const problems = await work().catch((error: unknown) => [String(error)]);
  for (const problem of problems) console.log(`PROBLEM: ${name}: ${problem}`);
  const seconds = (Date.now() - from) / 1000;
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name} (${seconds.toFixed(1)} s)`);
  results.push({ suite: 'kubernetes/merge', name, status: problems.length === 0 ? 'passed' : 'failed', reason: problems.slice(0, 5).join('; '), seconds });
}

/** The edits of one run that the merged objects do not show. */
const lost = (found: readonly PairResult[]): number => found.reduce((sum, { outcome }) => sum + (outcome === 'both' ? 0 : outcome === 'none' ? 2 : 1), 0);

async function merging(): Promise<PairResult[]> {
  await using dir = TempDir.create('merge');
  await using cells = await Cells.start({ dir, plane: () => ({ controllersLater: true }) });
  await prepare(cells);
  await prepareCreations(cells);
  const informers: Informer[] = [];
  for (const cell of cells.cells) for (const path of await listableResources(cell.api)) informers.push(new Informer(cell.api, path));
  for (const informer of informers) informer.run();
  await until('the informers have listed', 60, () => Promise.resolve(informers.every((informer) => informer.lists > 0)));

  cells.cut();
  await edit(cells);
  await create(cells);
  cells.heal();
  let found: PairResult[] = [];
  await step('both apiservers serve the same objects, with the edits of both sides', async () => {
    found = await outcomes(cells);
    return found.flatMap(({ first, second, outcome }) => {
      const wanted = expected(first, second);
      const fits = wanted === outcome || (wanted === 'one' && (outcome === 'first' || outcome === 'second'));
      return fits ? [] : [`${edits[first].name} / ${edits[second].name}: ${outcome}, not ${wanted}`];
    });
  });
  await step('the replicas hold the same bytes', async () => {
    await cells.converged('/registry/deployments/', 60);
    return [];
  });
  await step('objects of the same name, created on both sides, come from one side', () => check(cells));
  await step('kubectl replace --dry-run=server takes every merged object', async () => (await Promise.all(cells.cells.map((cell) => replace(dir, cell)))).flat());
  await step('every informer has what a fresh list has', () => Informer.compareAll(informers, 60));
  cells.a.plane.startControllers();
  await step('controllers settle: every generation observed, as many replicas as asked for, nothing changes any more', () => settles(cells, namespace));
  await step('the garbage collector takes what hung on an object that lost its name to another, and nothing else', () => collected(cells));
  await step('every informer has what a fresh list has, still', () => Informer.compareAll(informers, 60));
  await Promise.all(informers.map((informer) => informer.stop()));
  return found;
}

async function replace(dir: TempDir, cell: Cell): Promise<string[]> {
  const kubectl = (args: readonly string[], input?: string): ReturnType<typeof run> =>
    run(tool('kubectl'), ['--kubeconfig', dir.join(`${cell.name}/kubeconfig`), '-n', namespace, ...args], { timeout_ms: 120_000, ...(input === undefined ? {} : { input }) });
  const list = await kubectl(['get', 'deployments', '-o', 'json']);
  const count = (JSON.parse(list.stdout) as { items: unknown[] }).items.length;
  const done = await kubectl(['replace', '--dry-run=server', '-f', '-'], list.stdout);
  const replaced = done.stdout.split('\n').filter((line) => line.includes('replaced')).length;
  return replaced === count ? [] : [`${replaced} of ${count} at ${cell.name}: ${done.stderr.slice(0, 1000)}`];
}

/** The same edits, and the later write wins. */
async function whole(): Promise<PairResult[]> {
  await using dir = TempDir.create('merge-whole');
  await using cells = await Cells.start({ dir, storeFlags: ['--merge=off'], plane: () => ({ apiserverOnly: true }) });
  await prepare(cells);
  cells.cut();
  await edit(cells);
  cells.heal();
  return await outcomes(cells);
}

const byField = flags.only === 'whole' ? [] : await merging();
let byObject: PairResult[] = [];
if (flags.only !== 'merge') {
  await step('without merging, the same edits lose more', async () => {
    byObject = await whole();
    return flags.only === 'whole' || lost(byField) < lost(byObject) ? [] : ['no fewer edits are lost by field'];
  });
}
const total = 2 * (byField.length || byObject.length);
console.log(`edits lost of ${total}: ${lost(byField)} by field, ${lost(byObject)} without merging`);
if (flags.write) writeFileSync(page, markdown(byField, byObject));
else if (flags.only === undefined) {
  await step('docs/merging-pairs.md says what was found', () => Promise.resolve(readFileSync(page, 'utf8') === markdown(byField, byObject) ? [] : ['it does not: run with --write']));
}
writeResults(results);
process.exitCode = results.every((result) => result.status === 'passed') ? 0 : 1;
