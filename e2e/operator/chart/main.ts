/**
 * The chart: what it renders with values on and off, and whether a real apiserver takes it, installs, upgrades and lets go of it.
 *
 *   node e2e/operator/chart/main.ts [--only TEXT]
 *
 * The operator itself does not run here: e2e/operator/... installs the chart on a whole cluster.
 */
import { parseArgs } from 'node:util';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { TempDir } from '../../support/temp.ts';
import { cases } from './cases.ts';
import type { Case } from './cases.ts';
import { Server } from './server.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const results: Result[] = [];

async function runAll(all: readonly Case[]): Promise<void> {
  for (const { name, run } of all.filter((each) => each.name.includes(values.only))) {
    const started = Date.now();
    const reason = await run().then(() => '', (error: unknown) => (error instanceof Error ? error.message : String(error)));
    const seconds = (Date.now() - started) / 1000;
    console.log(`${reason === '' ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(5)} s  ${name}${reason === '' ? '' : `\n${reason}`}`);
    results.push({ suite: 'operator/chart', name, status: reason === '' ? 'passed' : 'failed', reason: reason.split('\n')[0] ?? '', seconds });
  }
}

await runAll(cases);
await using dir = TempDir.create('chart');
await using server = await Server.start(dir);
await runAll(server.cases);
writeResults(results);
process.exitCode = results.some(({ status }) => status === 'failed') ? 1 : 0;
