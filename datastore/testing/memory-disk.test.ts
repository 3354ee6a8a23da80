import { describe, expect, test } from '@jest/globals';
import { diskContract } from '../host/disk.contract.ts';
import { MemoryDisk } from './memory-disk.ts';
import { SimRandom } from './sim-random.ts';

diskContract('MemoryDisk', async () => {
  const disk = new MemoryDisk({ random: new SimRandom(1) });
  await disk.makeDir('data');
  return { disk, dir: 'data', cleanUp: async () => {} };
});

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** What a file looks like after a power loss, over many seeds. */
async function outcomes(scenario: (disk: MemoryDisk) => Promise<void>, path: string): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new MemoryDisk({ random: new SimRandom(seed) });
    await disk.makeDir('d');
    await scenario(disk);
    disk.powerLoss();
    if (!(await disk.exists(path))) seen.add('none');
    else {
      const sectors = disk.peek(path);
      seen.add(Array.from({ length: Math.ceil(sectors.length / 512) }, (_, i) => sectors[i * 512]).join(''));
    }
  }
  return seen;
}

describe('power loss', () => {
  test('a synced file in a synced folder survives', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('d/f', 'create');
      await file.write([filled(1024, 1)], 0);
      await file.datasync();
      await disk.syncDir('d');
    }, 'd/f');
    expect([...seen]).toEqual(['11']);
  });

  test('unsynced writes are lost, torn or kept; durable ones among them stay', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('d/f', 'create');
      await file.write([filled(1536, 1)], 0);
      await file.datasync();
      await disk.syncDir('d');
      await file.write([filled(1024, 2)], 0);
      await file.writeDurable([filled(512, 3)], 1024);
    }, 'd/f');
    expect([...seen].sort()).toEqual(['113', '123', '213', '223']);
  });

  test('an unsynced creation may be lost', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('d/f', 'create');
      await file.writeDurable([filled(512, 1)], 0);
    }, 'd/f');
    expect([...seen].sort()).toEqual(['1', 'none']);
  });

  test('an unsynced removal may be undone', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.open('d/f', 'create');
      await file.writeDurable([filled(512, 1)], 0);
      await disk.syncDir('d');
      await disk.remove('d/f');
    }, 'd/f');
    expect([...seen].sort()).toEqual(['1', 'none']);
  });

  test('handles and locks of before are dead', async () => {
    const disk = new MemoryDisk({ random: new SimRandom(1) });
    await disk.makeDir('d');
    const file = await disk.open('d/f', 'create');
    await disk.lock('d/lock');
    disk.powerLoss();
    await expect(file.size()).rejects.toMatchObject({ code: 'ECRASHED' });
    await disk.lock('d/lock');
  });
});

test('a process loss keeps everything that was written', async () => {
  const disk = new MemoryDisk({ random: new SimRandom(1) });
  await disk.makeDir('d');
  await (await disk.open('d/f', 'create')).write([filled(10, 1)], 0);
  disk.processLoss();
  expect(disk.peek('d/f')).toEqual(filled(10, 1));
});

test('a full disk takes what fits and fails with ENOSPC', async () => {
  const disk = new MemoryDisk({ random: new SimRandom(1), capacityBytes: 1_000 });
  await disk.makeDir('d');
  const file = await disk.open('d/f', 'create');
  await file.write([filled(900, 1)], 0);
  await expect(file.write([filled(200, 2)], 900)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await file.size()).toBe(1_000);
  await file.write([filled(900, 3)], 0);
  expect(await disk.freeBytes('d')).toBe(0);
});

test('a crash in the middle of a call ends everything after it', async () => {
  const disk = new MemoryDisk({ random: new SimRandom(1), fault: ({ kind }) => (kind === 'datasync' ? 'crash' : undefined) });
  await disk.makeDir('d');
  const file = await disk.open('d/f', 'create');
  await expect(file.datasync()).rejects.toMatchObject({ code: 'ECRASHED' });
  await expect(disk.list('d')).rejects.toMatchObject({ code: 'ECRASHED' });
  disk.powerLoss();
  await disk.list('d');
});
