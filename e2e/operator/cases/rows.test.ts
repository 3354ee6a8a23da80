import { deepEqual, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { Result } from '../../results.ts';
import { account, accountText, rows } from './rows.ts';
import type { Row } from './rows.ts';

const result = (name: string, status: Result['status']): Result => ({ suite: 's', name, status, reason: '', seconds: 1 });

test('a row is as good as the worst of its cases, and one without a case is not good', () => {
  const seen = new Map<string, Row>([['a', 'away'], ['b', 'away'], ['c', 'lease']]);
  const accounts = account([result('a', 'passed'), result('b', 'failed'), result('c', 'passed'), result('of no row', 'failed')], seen);
  deepEqual(accounts.filter(({ ok }) => ok).map(({ row }) => row), ['lease']);
  deepEqual(accounts.map(({ row }) => row), Object.keys(rows));
  match(accountText(accounts), /^NOT OK a pod deleted.*\n +passed: a \(1 s\)\n +failed: b/);
  match(accountText(accounts), /NOT OK scaled 5 → 2 → 5: no case was run/);
});
