/**
 * etcd's own black-box suite against EdgeStore, or against etcd itself.
 *
 *   node e2e/compatibility/common/main.ts [--target edgestore|etcd] [--run REGEXP] [--tls] [--retries N] [--update] [--report]
 *
 * --update takes the results over into expected.json, --report writes docs/etcd-suite.md from it.
 * Exits 1 when a test that should pass does not.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { ROOT } from '../../support/edgestore.ts';
import { TempDir } from '../../support/temp.ts';
import { compare, readExpected, updateExpected } from './expected.ts';
import type { Expectations } from './expected.ts';
import type { TestResult } from './parse.ts';
import { suitePage } from './report.ts';
import { runSuite } from './suite.ts';
import { makeTarget } from './target.ts';

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', default: 'edgestore' },
    run: { type: 'string' },
    tls: { type: 'boolean', default: false },
    retries: { type: 'string', default: '1' },
    timeout: { type: 'string', default: '600' },
    update: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    'report-only': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

function usage(): void {
  console.log('main.ts [--target edgestore|etcd] [--run REGEXP] [--tls] [--retries N] [--timeout S] [--update] [--report | --report-only]');
}

function writeReport(): void {
  const path = `${ROOT}/docs/etcd-suite.md`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, suitePage(readExpected()));
  console.log(`written: ${path}`);
}

function printResult(test: string, results: readonly TestResult[]): void {
  const top = results.find((result) => result.name === test);
  console.log(`${(top?.status ?? 'none').padEnd(4)} ${test} (${top?.seconds ?? 0} s)`);
  for (const result of results) {
    if (result.status === 'fail' && result.reason !== '') console.log(`       ${result.name}: ${result.reason}`);
  }
}

/** For e2e/main.ts: a result for each top-level test. What is expected to fail counts as skipped, with its reason. */
function toResults(results: readonly TestResult[], expected: Expectations): Result[] {
  return results.filter((result) => !result.name.includes('/')).map((top) => {
    const own = results.filter((result) => result.name === top.name || result.name.startsWith(`${top.name}/`));
    const { regressions } = compare(expected, own);
    const known = own.find((result) => result.status === 'fail') ?? top;
    const skipped = { status: 'skipped', reason: expected[known.name]?.reason ?? top.reason } as const;
    const outcome = regressions.length > 0
      ? ({ status: 'failed', reason: regressions.join('; ') } as const)
      : top.status === 'pass' ? ({ status: 'passed', reason: '' } as const) : skipped;
    return { suite: 'etcd-suite', name: top.name, seconds: top.seconds, ...outcome };
  });
}

async function main(): Promise<number> {
  const target = options.target;
  if (target !== 'etcd' && target !== 'edgestore') throw new Error(`--target: etcd or edgestore, not ${target}`);
  await using dir = TempDir.create('common');
  const before = readExpected()[target] ?? {};
  const results = await runSuite(makeTarget(target, dir), dir, {
    ...(options.run === undefined ? {} : { tests: new RegExp(options.run) }),
    tls: options.tls,
    retries: Number(options.retries),
    mayFail: (name) => before[name]?.expect === 'fail',
    testTimeout_s: Number(options.timeout),
    onResult: (test, own) => {
      printResult(test, own);
      if (options.update) updateExpected(target, own); // at once: a long run that is interrupted has not been for nothing
    },
  });
  const expected = readExpected()[target] ?? {};
  const comparison = compare(expected, results);
  writeResults(toResults(results, expected));
  for (const name of comparison.improvements) console.log(`IMPROVED (now passes; run with --update): ${name}`);
  for (const line of comparison.regressions) console.log(`REGRESSION ${line}`);
  for (const name of comparison.unexplained) console.log(`UNEXPLAINED expected failure: ${name}`);
  if (options.report) writeReport();
  const count = (status: string): number => results.filter((result) => result.status === status && !result.name.includes('/')).length;
  console.log(`${target}: top-level tests: ${count('pass')} pass, ${count('skip')} skip, ${count('fail')} fail; ${comparison.regressions.length} regressions`);
  return comparison.regressions.length === 0 ? 0 : 1;
}

if (options.help) usage();
else if (options['report-only']) writeReport();
else process.exitCode = await main();
