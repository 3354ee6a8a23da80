/**
 * Adds up what .ci/run's steps left in a folder: STEP.json (results), jest.json (jest's own report), STEP.status (an exit code).
 * The last line is the count; exits 1 if anything failed, or if nothing ran.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { countLine, fromJest, readResults, summary } from './results.ts';
import type { Result } from './results.ts';

const folder = process.argv[2] ?? '.';

function stepResults(file: string): Result[] {
  const step = file.replace(/\.status$/, '');
  const [code = '1', seconds = '0'] = readFileSync(join(folder, file), 'utf8').trim().split(' ');
  const report = join(folder, `${step}.json`);
  let found: Result[] | undefined;
  try {
    found = step === 'test' && existsSync(report) ? fromJest(readFileSync(report, 'utf8'), step, resolve('.')) : readResults(report);
  } catch (error) {
    return [{ suite: step, name: step, status: 'failed', reason: `its report cannot be read: ${String(error)}`, seconds: Number(seconds) }];
  }
  const own = (status: Result['status'], reason: string): Result => ({ suite: step, name: `npm run ${step}`, status, reason, seconds: Number(seconds) });
  if (found === undefined || found.length === 0) return [code === '0' ? own('passed', '') : own('failed', `exit code ${code}`)];
  // A step that failed while all its tests passed has failed all the same.
  return code === '0' || found.some((result) => result.status === 'failed') ? found : [...found, own('failed', `exit code ${code}`)];
}

const results = readdirSync(folder).filter((file) => file.endsWith('.status')).flatMap(stepResults);
console.log(summary(results));
console.log(countLine(results));
process.exitCode = results.length === 0 || results.some((result) => result.status === 'failed') ? 1 : 0;
