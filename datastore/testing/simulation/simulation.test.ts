/** Some hundred short runs; many more: `npm run simulate -- --seeds N`. A seed that fails here fails there, with `--seed S --trace`. */
import { expect, test } from '@jest/globals';
import { Figures } from './figures.ts';
import { explain, runSeed } from './run.ts';

const FIRST = 1;
const SEEDS_MAX = 200;
/** On a slow machine fewer seeds, rather than a longer test. */
const BUDGET_MS = 40_000;

test('one seed, one run', async () => {
  const first = await runSeed(7);
  const second = await runSeed(7);
  expect(second.digest).toBe(first.digest);
  expect(second.virtualMs).toBe(first.virtualMs);
});

test('whole clusters with everything that can go wrong', async () => {
  const figures = new Figures();
  const started = performance.now();
  let seeds = 0;
  for (; seeds < SEEDS_MAX && performance.now() - started < BUDGET_MS; seeds++) {
    const result = await runSeed(FIRST + seeds, { figures });
    if (result.violation !== null) throw new Error(explain(result));
  }
  expect(figures.sum('check ')).toBeGreaterThan(seeds * 100);
}, 120_000);
