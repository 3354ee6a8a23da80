import { expect, test } from '@jest/globals';
import { nodeClock } from '../host/node-clock.ts';
import { silent } from '../host/log.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { buildSnapshot } from './build-snapshot.ts';
import { openJournal } from './journal.ts';
import { ListMachine } from './testing.ts';

test('what was appended is there after a power loss, with and without a snapshot', async () => {
  const random = new SimRandom(1);
  const disk = new MemoryDisk({ random });
  const host = { disk, random, clock: nodeClock, net: undefined as never };
  const makeSnapshot = async (job: { dir: string; upToFile: number }): Promise<void> => void (await buildSnapshot(host, job, new ListMachine()));
  const options = { log: silent, makeSnapshot, sizes: { firstStepBytes: 8192, stepBytes: 16384, sliceBytes: 4096 } };
  const said: string[] = [];
  for (let life = 0; life < 6; life++) {
    const machine = new ListMachine();
    const journal = await openJournal(host, 'd', machine, options);
    expect(machine.list).toEqual(said);
    for (let i = 0; i < 20; i++) {
      const text = `${life}.${i}`.repeat(100);
      said.push(text);
      await journal.append([Buffer.from(text)]);
      if (life % 2 === 1 && i === 10) await journal.snapshot();
    }
    if (life % 3 === 0) await journal.close();
    disk.powerLoss();
  }
});
