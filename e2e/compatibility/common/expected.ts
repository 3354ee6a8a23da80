/** What each test is expected to do, committed in expected.json: a regression fails the run, an improvement is reported. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Status, TestResult } from './parse.ts';
import type { TargetName } from './target.ts';

export interface Expectation {
  readonly expect: Status;
  /** For a failure: why it is right to fail, or what is missing. For a skip: who skips it and why. */
  readonly reason?: string;
}

/** By test name, `TestKVPut/NoTLS`. */
export type Expectations = Record<string, Expectation>;

/** expected.json: by target. */
export interface ExpectedFile {
  readonly etcd?: Expectations;
  readonly edgestore?: Expectations;
}

const FILE = fileURLToPath(new URL('expected.json', import.meta.url));
const UNEXPLAINED = 'UNEXPLAINED';
/** The reason of a test that failed because a case of it did. */
export const SEE_CASES = 'see its cases';

export function readExpected(): ExpectedFile {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as ExpectedFile) : {};
}

/** Takes the results over as what is expected. A reason that somebody wrote stays as long as the status stays. */
export function updateExpected(target: TargetName, results: readonly TestResult[]): Expectations {
  const file = readExpected();
  const updated: Expectations = { ...file[target] };
  for (const result of results) {
    const before = updated[result.name];
    if (result.status === 'pass') updated[result.name] = { expect: 'pass' };
    else if (before?.expect !== result.status) {
      const theirs = file.etcd?.[result.name];
      const skipped = theirs?.expect === 'skip' ? (theirs.reason ?? '') : result.reason;
      const failed = result.reason === '' ? SEE_CASES : `${UNEXPLAINED}: ${result.reason}`;
      const reason = result.status === 'fail' ? failed : skipped;
      updated[result.name] = { expect: result.status, reason };
    }
  }
  const sorted = Object.fromEntries(Object.entries(updated).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify({ ...file, [target]: sorted }, null, 2)}\n`);
  return sorted;
}

/** The differences between a run and what was expected of it. */
export interface Comparison {
  /** Expected to pass, or unknown, and failed; or expected to run, and skipped. These fail the run. */
  readonly regressions: readonly string[];
  /** Expected to fail, and passed. */
  readonly improvements: readonly string[];
  /** Expected failures nobody has explained yet. */
  readonly unexplained: readonly string[];
}

/** What is expected of a test: its own entry; else that of the failing test around it, whose reason covers its cases; else a pass. */
function expectedOf(expected: Expectations, name: string): Status {
  const own = expected[name];
  if (own !== undefined) return own.expect;
  const around = Object.keys(expected).some((other) => name.startsWith(`${other}/`) && expected[other]?.expect === 'fail');
  return around ? 'fail' : 'pass';
}

export function compare(expected: Expectations, results: readonly TestResult[]): Comparison {
  const regressions: string[] = [];
  const improvements: string[] = [];
  for (const { name, status, reason } of results) {
    const want = expectedOf(expected, name);
    if (status === want) continue;
    if (status === 'pass') improvements.push(name);
    else regressions.push(`${name}: ${status}, expected ${want}: ${reason}`);
  }
  const unexplained = Object.entries(expected)
    .filter(([, { expect, reason }]) => expect === 'fail' && (reason ?? UNEXPLAINED).startsWith(UNEXPLAINED))
    .map(([name]) => name);
  return { regressions, improvements, unexplained };
}
