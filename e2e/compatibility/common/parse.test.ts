/** node --test e2e/compatibility/common/ ; the outputs are Go's own, shortened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './expected.ts';
import { parseGoTest } from './parse.ts';

const FAILED = `=== RUN   TestStatus
=== RUN   TestStatus/NoTLS
    logger.go:146: 2026-11-21T10:37:13.424Z	INFO	starting server...	{"name": "x"}
    status_test.go:41: 
        	Error Trace:	status_test.go:41
        	Error:      	Received unexpected error:
        	            	exit status 1
        	Test:       	TestStatus/NoTLS
        	Messages:   	could not get status
--- FAIL: TestStatus (1.25s)
    --- FAIL: TestStatus/NoTLS (1.20s)
FAIL
`;

test('a failure carries what testify compared', () => {
  const [top, leaf] = parseGoTest(FAILED);
  assert.deepEqual([top?.status, top?.reason], ['fail', '']);
  assert.deepEqual(leaf, { name: 'TestStatus/NoTLS', status: 'fail', seconds: 1.2, reason: 'Received unexpected error: exit status 1 (could not get status)' });
});

test('of a program that failed, what it said', () => {
  const output = `=== RUN   TestX
    x_test.go:1:
        	Error:      	Received unexpected error:
        	            	RoleAdd failed: match not found. Set EXPECT_DEBUG for more info Errs: [unexpected exit code [1] after running [etcdctl role add x]], last lines:
        	            	{"level":"warn","ts":"2026-11-21T11:27:00Z","error":"rpc error: code = Unimplemented desc = no RoleAdd"}
        	            	Error: rpc error: code = Unimplemented desc = no RoleAdd
        	Test:       	TestX
--- FAIL: TestX (0.10s)
=== RUN   TestY
    e2e.go:98: could not start etcd integrationCluster: match not found. Set EXPECT_DEBUG for more info, last lines:
        {"level":"info","msg":"starting"}
        {"level":"error","ts":"2026","msg":"cannot go on","error":"bad flag"}
--- FAIL: TestY (0.10s)
`;
  assert.deepEqual(parseGoTest(output).map((result) => result.reason), ['rpc error: code = Unimplemented desc = no RoleAdd', 'the server ended: bad flag']);
});

test('a skip carries its message, wherever Go prints it', () => {
  const output = '=== RUN   TestX\n    hashkv_test.go:44: Skipping test for single-member cluster\n--- SKIP: TestX (0.00s)\nPASS\n';
  assert.deepEqual(parseGoTest(output), [{ name: 'TestX', status: 'skip', seconds: 0, reason: 'hashkv_test.go:44: Skipping test for single-member cluster' }]);
});

test('a test that never reported has failed', () => {
  const output = '=== RUN   TestX\n=== RUN   TestX/NoTLS\npanic: test timed out after 3m0s\n\ngoroutine 1 [running]:\n';
  assert.deepEqual(parseGoTest(output).map(({ name, status, reason }) => [name, status, reason]), [
    ['TestX', 'fail', ''],
    ['TestX/NoTLS', 'fail', 'panic: test timed out after 3m0s'],
  ]);
});

test('the reason of a failing test covers cases that are not listed', () => {
  const results = parseGoTest('=== RUN   A\n=== RUN   A/x\n--- FAIL: A (0.1s)\n    --- FAIL: A/x (0.1s)\n');
  assert.deepEqual(compare({ A: { expect: 'fail', reason: 'by nature' } }, results).regressions, []);
});

test('unknown tests must pass; a known failure that passes is an improvement', () => {
  const result = (name: string, status: 'pass' | 'fail'): { name: string; status: 'pass' | 'fail'; seconds: number; reason: string } => ({ name, status, seconds: 0, reason: 'r' });
  const comparison = compare({ A: { expect: 'fail', reason: 'by nature' } }, [result('A', 'pass'), result('B', 'fail'), result('C', 'pass')]);
  assert.deepEqual(comparison, { regressions: ['B: fail, expected pass: r'], improvements: ['A'], unexplained: [] });
});
