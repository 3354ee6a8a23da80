/** node --test e2e/bench/table.test.ts */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES, SETUPS, operations } from './cases.ts';
import type { Sample, System } from './round.ts';
import { median, table } from './table.ts';

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
