/** Runs etcd's own black-box suite (module go.etcd.io/etcd/tests/v3, package common, tag e2e) against one target. */
import { cpSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK } from '../../support/ports.ts';
import { run } from '../../support/process.ts';
import type { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';
import { parseGoTest } from './parse.ts';
import type { TestResult } from './parse.ts';
import type { Target } from './target.ts';

export interface SuiteOptions {
  /** Which top-level tests; all if left out. */
  readonly tests?: RegExp;
  /** Also the cases with TLS between members and to clients (their names end in S). */
  readonly tls: boolean;
  /** How often a failed test is tried again: most have 10 s for everything, which a busy machine may exceed. */
  readonly retries: number;
  /** Whether a test may fail: then it is not tried again for that, and gets MAY_FAIL_TIMEOUT_S. */
  readonly mayFail: (name: string) => boolean;
  readonly testTimeout_s: number;
  readonly onResult: (test: string, results: readonly TestResult[]) => void;
}

/** Some that fail by nature would go on for hours: TestVerifyHashKVAfterCompact counts through revisions one by one. */
const MAY_FAIL_TIMEOUT_S = 120;

/** The suite's servers listen on ports from 20000: two runs on one machine must take turns. This port is the turn. */
const TURN_PORT = 19_999;

async function takeTurn(): Promise<Server> {
  for (;;) {
    const server = await new Promise<Server | undefined>((resolve) => {
      const candidate = createServer();
      candidate.once('error', () => resolve(undefined));
      candidate.listen(TURN_PORT, LOOPBACK, () => resolve(candidate));
    });
    if (server !== undefined) return server;
    await sleep(1_000);
  }
}

/** All results of one target, in the suite's order. Each top-level test is a process of its own, so a panic ends only itself. */
export async function runSuite(target: Target, dir: TempDir, options: SuiteOptions): Promise<TestResult[]> {
  const binary = tool('etcd-suite.test');
  // Certificates are found as ../fixtures from the package's own folder; a copy, because tests write where they run.
  const cwd = dir.join(`suite-${target.name}`, 'common');
  for (const folder of ['common', 'fixtures']) cpSync(join(dirname(binary), folder), join(dirname(cwd), folder), { recursive: true });
  const turn = await takeTurn();
  try {
    const listed = await run(binary, ['-test.list', '.*'], { cwd });
    const tests = listed.stdout.split('\n').filter((name) => /^Test/.test(name) && (options.tests?.test(name) ?? true));
    const all: TestResult[] = [];
    for (const test of tests) {
      let results: TestResult[] = [];
      for (let attempt = 0; attempt <= options.retries; attempt++) {
        results = await runTest(target, binary, cwd, test, options);
        if (results.every((result) => result.status !== 'fail' || options.mayFail(result.name))) break;
      }
      options.onResult(test, results);
      all.push(...results);
    }
    return all;
  } finally {
    turn.close();
  }
}

async function runTest(target: Target, binary: string, cwd: string, test: string, options: SuiteOptions): Promise<TestResult[]> {
  const pattern = options.tls ? `^${test}$` : `^${test}$/^(NoTLS|.*[^S])$`;
  const timeout_s = options.mayFail(test) ? Math.min(MAY_FAIL_TIMEOUT_S, options.testTimeout_s) : options.testTimeout_s;
  const args = ['-bin-dir', target.binDir, '-test.v', '-test.run', pattern, '-test.timeout', `${timeout_s}s`];
  try {
    const { stdout, stderr } = await run(binary, args, {
      cwd,
      // Minimal: leaves out mixed versions of etcd, which have no meaning for another program.
      env: { E2E_TEST_MINIMAL: 'true' },
      timeout_ms: (timeout_s + 60) * 1_000,
    });
    return parseGoTest(stdout + stderr);
  } catch (error) {
    return [{ name: test, status: 'fail', seconds: timeout_s, reason: String(error).slice(0, 300) }];
  } finally {
    target.killLeftovers();
  }
}
