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
import { define, recipes } from './custom.ts';
import { deployments } from './edits.ts';
import { edit, outcomes, prepare, type PairResult } from './pairs.ts';
import { lost, markdown } from './report.ts';
import { settles } from './settling.ts';
import { expected, type Subject } from './subject.ts';

const { values: flags } = parseArgs({ options: { write: { type: 'boolean', default: false }, only: { type: 'string' } } });
const page = new URL('../../../docs/merging-pairs.md', import.meta.url);
const subjects: readonly Subject[] = [deployments, recipes];
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

/** What was found of each subject. */
type Outcomes = ReadonlyMap<Subject, readonly PairResult[]>;

async function forEach(work: (subject: Subject) => Promise<unknown>): Promise<void> {
  for (const subject of subjects) await work(subject);
}

async function merging(): Promise<Outcomes> {
  await using dir = TempDir.create('merge');
  await using cells = await Cells.start({ dir, plane: () => ({ controllersLater: true }) });
  await define(cells);
  await forEach((subject) => prepare(cells, subject));
  await prepareCreations(cells);
  const informers: Informer[] = [];
  for (const cell of cells.cells) for (const path of await listableResources(cell.api)) informers.push(new Informer(cell.api, path));
  for (const informer of informers) informer.run();
  await until('the informers have listed', 60, () => Promise.resolve(informers.every((informer) => informer.lists > 0)));

  cells.cut();
  await forEach((subject) => edit(cells, subject));
  await create(cells);
  cells.heal();
  const found = new Map<Subject, readonly PairResult[]>();
  await forEach((subject) => step(`both apiservers serve the same objects, with the edits of both sides: ${subject.resource}`, async () => {
    const those = await outcomes(cells, subject);
    found.set(subject, those);
    return those.flatMap(({ first, second, outcome }) => {
      const wanted = expected(subject, first, second);
      const fits = wanted === outcome || (wanted === 'one' && (outcome === 'first' || outcome === 'second'));
      return fits ? [] : [`${subject.edits[first]!.name} / ${subject.edits[second]!.name}: ${outcome}, not ${wanted}`];
    });
  }));
  await step('the replicas hold the same bytes', async () => {
    for (const prefix of ['/registry/deployments/', '/registry/pairs.example.test/']) await cells.converged(prefix, 60);
    return [];
  });
  await step('objects of the same name, created on both sides, come from one side', () => check(cells));
  await step('kubectl replace --dry-run=server takes every merged object', async () => (await Promise.all(cells.cells.flatMap((cell) => subjects.map((subject) => replace(dir, cell, subject))))).flat());
  await step('every informer has what a fresh list has', () => Informer.compareAll(informers, 60));
  cells.a.plane.startControllers();
  await step('controllers settle: every generation observed, as many replicas as asked for, nothing changes any more', () => settles(cells, deployments.namespace));
  await step('the garbage collector takes what hung on an object that lost its name to another, and nothing else', () => collected(cells));
  await step('every informer has what a fresh list has, still', () => Informer.compareAll(informers, 60));
  await Promise.all(informers.map((informer) => informer.stop()));
  return found;
}

async function replace(dir: TempDir, cell: Cell, { namespace, resource }: Subject): Promise<string[]> {
  const kubectl = (args: readonly string[], input?: string): ReturnType<typeof run> =>
    run(tool('kubectl'), ['--kubeconfig', dir.join(`${cell.name}/kubeconfig`), '-n', namespace, ...args], { timeout_ms: 120_000, ...(input === undefined ? {} : { input }) });
  const list = await kubectl(['get', resource, '-o', 'json']);
  const count = (JSON.parse(list.stdout) as { items: unknown[] }).items.length;
  const done = await kubectl(['replace', '--dry-run=server', '-f', '-'], list.stdout);
  const replaced = done.stdout.split('\n').filter((line) => line.includes('replaced')).length;
  return replaced === count ? [] : [`${replaced} of ${count} ${resource} at ${cell.name}: ${done.stderr.slice(0, 1000)}`];
}

/** The same edits, and the later write wins. */
async function whole(): Promise<Outcomes> {
  await using dir = TempDir.create('merge-whole');
  await using cells = await Cells.start({ dir, storeFlags: ['--merge=off'], plane: () => ({ apiserverOnly: true }) });
  await define(cells);
  await forEach((subject) => prepare(cells, subject));
  cells.cut();
  await forEach((subject) => edit(cells, subject));
  cells.heal();
  const found = new Map<Subject, readonly PairResult[]>();
  await forEach(async (subject) => found.set(subject, await outcomes(cells, subject)));
  return found;
}

const byField: Outcomes = flags.only === 'whole' ? new Map() : await merging();
let byObject: Outcomes = new Map();
if (flags.only !== 'merge') {
  await step('without merging, the same edits lose more', async () => {
    byObject = await whole();
    if (flags.only === 'whole') return [];
    return subjects.filter((subject) => lost(byField.get(subject) ?? []) >= lost(byObject.get(subject) ?? [])).map(({ resource }) => `of ${resource} no fewer edits are lost by field`);
  });
}
const found = subjects.map((subject) => ({ subject, byField: byField.get(subject) ?? [], byObject: byObject.get(subject) ?? [] }));
for (const { subject, ...of } of found) console.log(`${subject.resource}: edits lost of ${2 * (of.byField.length || of.byObject.length)}: ${lost(of.byField)} by field, ${lost(of.byObject)} without merging`);
if (flags.write) writeFileSync(page, markdown(found));
else if (flags.only === undefined) {
  await step('docs/merging-pairs.md says what was found', () => Promise.resolve(readFileSync(page, 'utf8') === markdown(found) ? [] : ['it does not: run with --write']));
}
writeResults(results);
process.exitCode = results.every((result) => result.status === 'passed') ? 0 : 1;
