/** Reads what a Go test binary prints with -test.v. */

export type Status = 'pass' | 'fail' | 'skip';

/** One test or subtest. */
export interface TestResult {
  /** `TestKVPut/NoTLS`. */
  readonly name: string;
  readonly status: Status;
  readonly seconds: number;
  /** Why it failed or was skipped, in a line; empty for a pass. */
  readonly reason: string;
}

const RESULT = /^\s*--- (PASS|FAIL|SKIP): (.+) \((\d+(?:\.\d+)?)s\)$/;
const CURRENT = /^=== (?:RUN|NAME|CONT)\s+(.+)$/;
const STATUS: Record<string, Status> = { PASS: 'pass', FAIL: 'fail', SKIP: 'skip' };
const REASON_MAX_CHARS = 400;

/**
 * The results of one run, in the order in which they ended. A test that began and reported no result (the binary
 * panicked, or its time was up) has failed.
 */
export function parseGoTest(output: string): TestResult[] {
  const results: TestResult[] = [];
  const began: string[] = [];
  const printed = new Map<string, string[]>();
  let current = '';
  for (const line of output.split('\n').map((text) => text.trimEnd())) {
    const run = CURRENT.exec(line);
    if (run?.[1] !== undefined) {
      current = run[1];
      if (line.startsWith('=== RUN')) began.push(current);
      continue;
    }
    const [, status, name, seconds] = RESULT.exec(line) ?? [];
    if (status !== undefined && name !== undefined) {
      const reason = STATUS[status] === 'pass' ? '' : reasonOf(printed.get(name) ?? []);
      results.push({ name, status: STATUS[status] ?? 'fail', seconds: Number(seconds), reason });
    }
    // After a skipped or failed test Go prints what it logged below its result line; before, it is under RUN.
    const owner = name ?? current;
    printed.set(owner, [...(printed.get(owner) ?? []), line]);
  }
  const ended = new Set(results.map((result) => result.name));
  for (const name of began.filter((test) => !ended.has(test))) {
    // What it logged itself, if that says anything; else what ended the run, which may be another subtest's doing.
    const own = reasonOf(printed.get(name) ?? []);
    const panic = /^(?:panic|fatal error): .*$/m.exec(output)?.[0] ?? 'the test binary ended';
    results.push({ name, status: 'fail', seconds: 0, reason: own !== '' ? own : `no result: ${panic.slice(0, 200)}` });
  }
  // A failed subtest says why; what is left for the test around it is noise.
  const failed = results.filter((result) => result.status === 'fail');
  return results.map((result) => (failed.some((other) => other.name.startsWith(`${result.name}/`)) ? { ...result, reason: '' } : result));
}

/** The line that says most: what testify compared, a panic, or the last line that a test file logged. */
function reasonOf(lines: readonly string[]): string {
  const clean = lines.map((line) => line.trim());
  const error = clean.findIndex((line) => /^Error:\s/.test(line));
  const panic = clean.find((line) => line.startsWith('panic:') || line.startsWith('fatal error:'));
  const logged = clean.filter((line) => /^\w+(_test)?\.go:\d+:/.test(line) && !line.startsWith('logger.go')).at(-1);
  let reason = panic ?? logged ?? '';
  if (error >= 0) {
    // Testify goes on over several lines, up to "Test:"; "Messages:" is what the test's author says.
    const end = clean.findIndex((line, i) => i > error && line.startsWith('Test:'));
    reason = clean.slice(error, end < 0 ? error + 4 : end).join(' ').replace(/^Error:\s*/, '');
    const messages = clean.find((line) => line.startsWith('Messages:'));
    if (messages !== undefined) reason = `${reason} (${messages.replace(/^Messages:\s*/, '')})`;
  }
  // The suite's helper that runs programs says a lot; what the program said is what matters, without its time and addresses.
  const said = programError(`${reason}\n${reason.includes('EXPECT_DEBUG') ? lines.join('\n') : ''}`);
  reason = (said ?? reason).replace(/\s+/g, ' ');
  return reason.slice(0, REASON_MAX_CHARS);
}

/** The server's error in its log if it could not start, else the error that etcdctl got from it. */
function programError(text: string): string | undefined {
  const plain = text.replaceAll('\\"', '"').replaceAll('\\n', '\n');
  const died = /"level":"(?:error|fatal)".*?"error":"((?:[^"\\]|\\.)*)"/.exec(plain)?.[1];
  const call = [...plain.matchAll(/rpc error: code = \w+ desc = [^"\n]+/g)].at(-1)?.[0];
  return died === undefined ? call : `the server ended: ${died}`;
}
