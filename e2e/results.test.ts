/** node --test e2e/results.test.ts */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countLine, fromJest, summary } from './results.ts';
import type { Result } from './results.ts';

const result = (status: Result['status'], reason = ''): Result => ({ suite: 's', name: 'n', status, reason, seconds: 1 });

test('the count line is what CI reads', () => {
  assert.equal(countLine([result('passed'), result('passed')]), '2 passed, 0 failed');
  assert.equal(countLine([result('failed', 'x'), result('skipped', 'y')]), '0 passed, 1 failed, 1 skipped');
});

test('what was skipped and what failed is named with its reason', () => {
  assert.equal(summary([result('passed'), result('skipped', 'no root'), result('failed', 'bad')]),
    'skipped: s: n: no root\nfailed: s: n: bad\ns : 1 passed, 1 failed, 1 skipped (3 s)');
  assert.equal(summary([result('passed'), result('passed')], new Map([['s', 4.6]])), 's : 2 passed, 0 failed (2 s, wall 5 s)');
});

test('jest: a file that cannot be loaded is a failure', () => {
  const report = { testResults: [
    { name: '/r/a.test.ts', status: 'failed', message: 'SyntaxError: x\n  at', assertionResults: [] },
    { name: '/r/b.test.ts', status: 'passed', message: '', assertionResults: [
      { fullName: 'one', status: 'passed', failureMessages: [], duration: 5 },
      { fullName: 'two', status: 'pending', failureMessages: [], duration: null },
    ] },
    { name: '/r/c.test.ts', status: 'failed', message: '', assertionResults: [{ fullName: 'three', status: 'failed', failureMessages: ['Error: no\n at'] }] },
  ] };
  assert.deepEqual(fromJest(JSON.stringify(report), 'test', '/r').map(({ name, status, reason }) => [name, status, reason]), [
    ['a.test.ts', 'failed', 'SyntaxError: x'],
    ['b.test.ts: one', 'passed', ''],
    ['b.test.ts: two', 'skipped', 'pending'],
    ['c.test.ts: three', 'failed', 'Error: no'],
  ]);
});
