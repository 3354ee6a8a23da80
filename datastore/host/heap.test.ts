import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';

/** What V8 says of a collection: by how much the heap may grow before the next. */
const factors = (code: string): string[] => {
  const { stdout } = spawnSync(process.execPath, ['--expose-gc', '--trace-gc', '--trace-gc-verbose', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], { encoding: 'utf8', timeout: 30_000 });
  return [...stdout.matchAll(/\[HeapController\] factor (\d\.\d)/g)].map(([, factor]) => factor!);
};

test('old objects are collected when there are twice as many, whatever V8 makes of the load', () => {
  // Much is made in little time: V8 would allow four times as many.
  const load = 'const all = Array.from({ length: 300_000 }, (_, i) => ({ i })); gc(); if (all.length === 0) process.exit(1);';
  const set = factors(`import { collectRarely } from './datastore/host/heap.ts'; collectRarely(); ${load}`);
  expect(set.length).toBeGreaterThan(0);
  expect(new Set(set)).toEqual(new Set(['2.0']));
  expect(factors(load)).not.toContain('2.0');
});
