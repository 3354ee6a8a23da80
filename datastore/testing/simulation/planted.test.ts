import { describe, expect, test } from '@jest/globals';
import { InvariantError } from '../../replica/assert.ts';
import { plants } from './planted.ts';
import { runSeed } from './run.ts';
import { Violation } from './violation.ts';

/** Within so many seeds every planted bug must have been found, unless it says itself that it takes more. */
const SEEDS = 12;

describe('a planted bug is found', () => {
  test.each(plants.filter(({ rare }) => rare !== true).map((plant) => [plant.name, plant] as const))('%s', async (_name, plant) => {
    let found: unknown = null;
    const from = plant.from ?? 1;
    for (let seed = from; seed < from + (plant.seeds ?? SEEDS) && found === null; seed++) found = (await runSeed(seed, { plant })).violation;
    // Either the checks of the simulation see it, or an assertion that is on in production, too.
    expect(found instanceof Violation || found instanceof InvariantError).toBe(true);
  });
});
