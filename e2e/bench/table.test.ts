/** node --test e2e/bench/table.test.ts */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES, SETUPS, operations } from './cases.ts';
import type { Sample, System } from './round.ts';
import { curveTable, median, table } from './table.ts';

function sample(system: System, ops_per_s: number): Sample {
  const [setup, measured] = [SETUPS[0], CASES[0]];
  assert.ok(setup !== undefined && measured !== undefined);
  return { system, setup, measured, ops_per_s, p50_ms: 1, p99_ms: 2, rss_mib: 50 };
}

test('the median of an even number is the mean of the middle two', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([9, 1, 2]), 2);
  assert.ok(Number.isNaN(median([])));
});

test('ratios are of medians, with the range over neighbouring rounds', () => {
  const samples = [sample('etcd', 100), sample('edgestore', 300), sample('etcd', 200), sample('edgestore', 200)];
  assert.match(table(samples), /\| 150\.0 \| 250\.0 \| \*\*1\.67\*\* \(1\.00–3\.00\) \|/);
});

test('a system that was not measured leaves a dash', () => {
  assert.match(table([sample('etcd', 100)]), /\| 100\.0 \| – \| \*\*–\*\* \|/);
});

test('no case is so short that the load generator prints no p99', () => {
  for (const setup of SETUPS) for (const measured of CASES) assert.ok(operations(setup, measured, 0.001) >= 100);
});

test('the number of operations of a cold case, and of the warm-up, does not depend on the scale', () => {
  const setup = SETUPS[0];
  assert.ok(setup !== undefined);
  for (const measured of CASES) assert.equal(operations(setup, measured, 0.5), measured.cold === true ? measured.total : measured.total / 2);
  assert.ok(CASES.some(({ cold }) => cold));
});

test('the curve has the median of each window over the rounds', () => {
  const runs = new Map<System, number[][]>([['etcd', [[1, 5], [2, 4], [3, 3]]], ['edgestore', [[9, 8]]]]);
  assert.equal(curveTable(runs, 2_000).split('\n').slice(2).join('\n'), '| 1 to 2,000 | 2.000 | 9.000 |\n| 2,001 to 4,000 | 4.000 | 8.000 |');
});
