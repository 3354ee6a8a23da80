import { expect, test } from '@jest/globals';
import { hasAside, membersThen, setAside } from './aside.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { SimRandom } from './testing/sim-random.ts';

const FILES = ['journal-1', 'snapshot-1', 'journal-2'];

/** What stands where: the names in the data folder and in the folder aside, without the lock and the marks. */
async function places(disk: MemoryDisk): Promise<{ here: string[]; aside: string[] }> {
  const here = (await disk.list('data')).filter((name) => FILES.includes(name)).sort();
  const aside = (await disk.exists('data/aside-1')) ? (await disk.list('data/aside-1')).filter((name) => FILES.includes(name)).sort() : [];
  return { here, aside };
}

test('whatever step of setting a disk aside is the last one: after a start all of it stands aside, or none', async () => {
  const all = [...FILES].sort();
  let calls = Infinity;
  const outcomes = { whole: 0, aside: 0 };
  for (let crashAt = 0; crashAt <= calls; crashAt++) {
    for (let seed = 0; seed < 8; seed++) {
      const disk = new MemoryDisk({ random: new SimRandom(crashAt * 100 + seed) });
      await disk.makeDir('data');
      for (const name of [...FILES, 'lock']) disk.poke(`data/${name}`, new Uint8Array([1]));
      const first = disk.calls;
      disk.options.fault = ({ number }) => (number - first === crashAt ? 'crash' : undefined);
      const done = await setAside(disk, 'data', []).then(() => true, () => false);
      if (done) calls = disk.calls - first;
      if (!done) disk.powerLoss();
      delete disk.options.fault;
      const before = await hasAside(disk, 'data');
      const { here, aside } = await places(disk);
      expect([here, aside]).toContainEqual(all);
      expect([here, aside]).toContainEqual([]);
      // What is not there counts as none.
      if (aside.length > 0) expect(before).toBe(true);
      if (done) expect(aside).toEqual(all);
      outcomes[aside.length > 0 ? 'aside' : 'whole']++;
      expect(await disk.exists('data/lock')).toBe(true);
      expect(await disk.exists('data/aside-1/moving')).toBe(false);
    }
  }
  expect(Math.min(outcomes.whole, outcomes.aside)).toBeGreaterThan(10);
});

test('who the members were when a disk was set aside is remembered, and a disk that is full goes aside without', async () => {
  const disk = new MemoryDisk({ random: new SimRandom(1) });
  await disk.makeDir('data');
  expect(await membersThen(disk, 'data')).toEqual([]);
  await setAside(disk, 'data', ['http://a:2380', 'http://b:2380']);
  await setAside(disk, 'data', ['http://c:2380', 'http://a:2380']);
  expect(await membersThen(disk, 'data')).toEqual(['http://c:2380', 'http://a:2380', 'http://b:2380']);
  disk.options.fault = ({ kind }) => (kind === 'writeDurable' ? 'ENOSPC' : undefined);
  expect(await setAside(disk, 'data', ['http://d:2380'])).toBe('data/aside-3');
  expect(await membersThen(disk, 'data')).toEqual(['http://c:2380', 'http://a:2380', 'http://b:2380']);
});
