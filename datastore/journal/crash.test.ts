/**
 * The machine dies at every single disk operation of a workload, in the middle of the operation, and comes back with or without what
 * was not synced. Whatever was acknowledged must be there, in order, and nothing else but what was offered next.
 */
import { expect, test } from '@jest/globals';
import type { DiskFault } from '../testing/memory-disk.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { entry, makeWorld } from './testing.ts';
import type { World } from './testing.ts';
import type { Journal } from './types.ts';

/** Runs for each operation. `CRASH_SEEDS=20 npm test -- journal/crash` for a longer look. */
const SEEDS = Number(process.env.CRASH_SEEDS ?? 1);

/** All that was offered to the journal, in order, and how much of it was acknowledged. */
interface Ledger {
  readonly offered: string[];
  acknowledged: number;
}

function check(recovered: readonly string[], ledger: Ledger, where: string): void {
  expect({ where, recovered: recovered.length }).toEqual({ where, recovered: Math.max(recovered.length, ledger.acknowledged) });
  expect({ where, recovered }).toEqual({ where, recovered: ledger.offered.slice(0, recovered.length) });
  // What is recovered is there to stay. The rest was never acknowledged and is gone.
  ledger.offered.length = recovered.length;
  ledger.acknowledged = recovered.length;
}

/** Appends of several sizes, alone and together, beside snapshots. Ends early, without an error, when the disk dies. */
async function work(journal: Journal, ledger: Ledger, random: SimRandom, rounds: number): Promise<void> {
  const append = async (count: number): Promise<void> => {
    const texts = Array.from({ length: count }, (_, i) => `${ledger.offered.length + i}:`.padEnd(random.pick([3, 40, 700, 3_000]), 'x'));
    const to = ledger.offered.push(...texts);
    await journal.append(texts.map(entry));
    ledger.acknowledged = Math.max(ledger.acknowledged, to);
  };
  try {
    for (let round = 0; round < rounds; round++) {
      await append(1);
      await Promise.all([append(2), append(1), append(3)]);
      if (round % 3 === 1) await Promise.all([journal.snapshot(), append(1), append(1)]);
    }
    await journal.close();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECRASHED') throw error;
  }
}

/** Opens and works; false if the machine died meanwhile. */
async function live(world: World, ledger: Ledger, random: SimRandom, rounds: number, where: string): Promise<void> {
  try {
    const { journal, machine } = await world.open();
    check(machine.list, ledger, where);
    await work(journal, ledger, random, rounds);
    await journal.close();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECRASHED') throw error;
  }
  // Appends that were under way settle in later turns.
  await new Promise((resolve) => setImmediate(resolve));
}

async function run(crashAt: number, seed: number): Promise<number> {
  const random = new SimRandom(seed * 100_003 + crashAt);
  const plan = new Map<number, DiskFault>([[crashAt, 'crash']]);
  const world = makeWorld(seed, { fault: ({ number }) => plan.get(number) });
  const ledger: Ledger = { offered: [], acknowledged: 0 };
  const lose = (): void => (random.chance(0.3) ? world.disk.processLoss() : world.disk.powerLoss());
  const where = `crash at operation ${crashAt}, seed ${seed}`;
  await live(world, ledger, random.fork('work'), 8, where);
  const calls = world.disk.calls;
  lose();
  // A second crash soon after, often in the recovery itself.
  plan.set(world.disk.calls + random.below(60), 'crash');
  await live(world, ledger, random.fork('second'), 3, `${where}, second life`);
  lose();
  plan.clear();
  await live(world, ledger, random.fork('third'), 2, `${where}, third life`);
  world.disk.powerLoss();
  check(await world.recovered(), ledger, `${where}, in the end`);
  return calls;
}

test('a crash at every disk operation loses nothing acknowledged and invents nothing', async () => {
  let operations = 0;
  for (let seed = 1; seed <= 5; seed++) operations = Math.max(operations, await run(1_000_000, seed));
  expect(operations).toBeGreaterThan(200);
  for (let crashAt = 0; crashAt <= operations; crashAt++) {
    for (let seed = 1; seed <= SEEDS; seed++) await run(crashAt, seed + (crashAt % 5));
  }
}, 60_000 * SEEDS);
