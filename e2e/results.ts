/**
 * What a suite found out, in one tiny format: a JSON array of results. A suite writes it to the file that E2E_RESULTS names;
 * e2e/main.ts and .ci/run add them up.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export type Status = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly suite: string;
  readonly name: string;
  readonly status: Status;
  /** Why it failed or was skipped; '' if it passed. */
  readonly reason: string;
  readonly seconds: number;
}

/** Writes results to where the runner looks for them; does nothing when a suite is run by hand. May be called again with more. */
export function writeResults(results: readonly Result[]): void {
  const path = process.env['E2E_RESULTS'];
  if (path !== undefined && path !== '') writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
}

function isResult(value: unknown): value is Result {
  const { suite, name, status, reason, seconds } = value as Partial<Result>;
  return typeof suite === 'string' && typeof name === 'string' && typeof reason === 'string' && typeof seconds === 'number'
    && (status === 'passed' || status === 'failed' || status === 'skipped');
}

/** Reads a results file; undefined if there is none. Throws if it holds anything else. */
export function readResults(path: string): Result[] | undefined {
  if (!existsSync(path)) return undefined;
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!Array.isArray(value) || !value.every(isResult)) throw new Error(`${path}: not an array of results`);
  return value;
}

interface JestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[]; readonly duration?: number | null }[];
  }[];
}

/** The results in what `jest --json` wrote. A file that could not even be loaded is one failure. */
export function fromJest(text: string, suite: string, root: string): Result[] {
  const report = JSON.parse(text) as JestReport;
  return report.testResults.flatMap((file): Result[] => {
    const path = file.name.replace(`${root}/`, '');
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')) {
      return [{ suite, name: path, status: 'failed', reason: firstLine(file.message), seconds: 0 }];
    }
    return file.assertionResults.map((test) => ({
      suite,
      name: `${path}: ${test.fullName}`,
      status: test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped',
      reason: test.status === 'passed' ? '' : firstLine(test.failureMessages[0] ?? test.status),
      seconds: (test.duration ?? 0) / 1000,
    }));
  });
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** `N passed, N failed`, and `, N skipped` if any was. */
export function countLine(results: readonly Result[]): string {
  const count = (status: Status): number => results.filter((result) => result.status === status).length;
  return `${count('passed')} passed, ${count('failed')} failed${count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`}`;
}

/** What was skipped and what failed, by name with reason, then each suite's counts and time: of its tests added up and, if it is known, by the clock from start to end. */
export function summary(results: readonly Result[], wall_s?: ReadonlyMap<string, number>): string {
  const lines: string[] = [];
  for (const status of ['skipped', 'failed'] as const) {
    for (const { suite, name, reason } of results.filter((result) => result.status === status)) lines.push(`${status}: ${suite}: ${name}: ${reason}`);
  }
  for (const suite of new Set(results.map((result) => result.suite))) {
    const own = results.filter((result) => result.suite === suite);
    const seconds = Math.round(own.reduce((sum, result) => sum + result.seconds, 0));
    const wall = wall_s?.get(suite);
    lines.push(`${suite} : ${countLine(own)} (${seconds} s${wall === undefined ? '' : `, wall ${Math.round(wall)} s`})`);
  }
  return lines.join('\n');
}
