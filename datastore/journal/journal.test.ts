import { describe, expect, test } from '@jest/globals';
import { Slicer } from './slicer.ts';
import { buildSnapshot } from './build-snapshot.ts';
import { ListMachine, entry, makeWorld, settle } from './testing.ts';

describe('append', () => {
  test('appends that wait go out together, in order', async () => {
    let writes = 0;
    const world = makeWorld(1, { fault: ({ kind }) => void (kind === 'writeDurable' && writes++) });
    const { journal } = await world.open();
    writes = 0;
    const order: number[] = [];
    await Promise.all(Array.from({ length: 20 }, (_, i) => journal.append([entry(`entry ${i} of twenty`)]).then(() => order.push(i))));
    expect(writes).toBe(2);
    expect(order).toEqual([...Array(20).keys()]);
    expect(journal.stats.entries).toBe(20);
    await journal.close();
    expect(await world.recovered()).toEqual(order.map((i) => `entry ${i} of twenty`));
  });

  test('a group is bounded, a single append is not', async () => {
    const lengths: number[] = [];
    const world = makeWorld(2, { fault: ({ kind, bytes }) => void (kind === 'writeDurable' && lengths.push(bytes)) });
    const { journal } = await world.open();
    lengths.length = 0;
    await Promise.all([journal.append([Buffer.alloc(100_000, 'a')]), ...Array.from({ length: 40 }, () => journal.append([Buffer.alloc(480, 'b')]))]);
    expect(lengths[0]).toBeGreaterThan(100_000);
    expect(Math.max(...lengths.slice(1))).toBeLessThanOrEqual(4_096);
    await journal.close();
    const list = await world.recovered();
    expect(list.map((text) => text.length)).toEqual([100_000, ...Array.from({ length: 40 }, () => 480)]);
  });

  test('a large append finds room while less is being allocated', async () => {
    const world = makeWorld(15);
    const { journal } = await world.open();
    await journal.append([Buffer.alloc(5_000)]);
    await journal.append([Buffer.alloc(200_000)]);
    expect(journal.low).toBe(false);
    await journal.close();
    expect(await world.recovered()).toHaveLength(2);
  });

  test('an append at any later moment is taken up', async () => {
    const world = makeWorld(3);
    const { journal } = await world.open();
    for (let depth = 0; depth < 60; depth++) {
      const first = journal.append([entry('x')]);
      for (let i = 0; i < depth; i++) await Promise.resolve();
      await journal.append([entry('y')]);
      await first;
    }
    expect(journal.stats.entries).toBe(120);
    await journal.close();
  });

  test('an append of nothing is a mistake; after close none is taken', async () => {
    const world = makeWorld(4);
    const { journal } = await world.open();
    expect(() => void journal.append([])).toThrow('no entries');
    const last = journal.append([entry('last')]);
    await journal.close();
    await last;
    await journal.close();
    await expect(journal.append([entry('late')])).rejects.toThrow('closed');
    await expect(journal.snapshot()).rejects.toThrow('closed');
    expect(await world.recovered()).toEqual(['last']);
  });

  test('the file grows ahead of need, and commits meet allocated blocks only', async () => {
    let file = 0;
    const world = makeWorld(5);
    const { journal } = await world.open();
    for (let i = 0; i < 200; i++) {
      await journal.append([entry('z'.repeat(300))]);
      await settle();
      const size = world.disk.peek('d/0000000000000001.journal').length;
      if (size !== file) expect(size % 4_096).toBe(0);
      file = size;
      expect(size - journal.stats.sinceSnapshotBytes).toBeGreaterThan(3_000);
    }
    expect(journal.stats.diskBytes).toBe(file);
    await journal.close();
  });
});

describe('recovery', () => {
  test('what was appended is there after a power loss, with and without a snapshot', async () => {
    const world = makeWorld(6);
    const said: string[] = [];
    for (let life = 0; life < 6; life++) {
      const { journal, machine } = await world.open();
      expect(machine.list).toEqual(said);
      for (let i = 0; i < 20; i++) {
        said.push(`${life}.${i}`.repeat(100));
        await journal.append([entry(said.at(-1)!)]);
        if (life % 2 === 1 && i === 10) await journal.snapshot();
      }
      if (life % 3 === 0) await journal.close();
      world.disk.powerLoss();
    }
  });

  test('an entry that the machine refuses stops the start, and names file and offset', async () => {
    const world = makeWorld(7);
    const { journal } = await world.open();
    await journal.append([entry('poison')]);
    await journal.close();
    const applyEntry = ListMachine.prototype.applyEntry;
    ListMachine.prototype.applyEntry = () => {
      throw new Error('what is this');
    };
    try {
      await expect(world.open()).rejects.toThrow('d/0000000000000001.journal: the entry at offset 64 cannot be applied: what is this');
    } finally {
      ListMachine.prototype.applyEntry = applyEntry;
    }
  });

  test('long replays give the event loop its turns', async () => {
    let now = 0;
    let turns = 0;
    const slicer = new Slicer({ wallMs: () => 0, monotonicMs: () => (now += 1), after: () => ({ cancel() {} }), soon: (fn) => void (turns++, fn()) });
    for (let i = 0; i < 100; i++) if (slicer.due) await slicer.pause();
    expect(turns).toBeGreaterThan(15);
  });
});

describe('snapshots', () => {
  test('come by themselves when enough was written, then when as much as the last one was', async () => {
    const world = makeWorld(8);
    const made: number[] = [];
    const { journal } = await world.open({
      sizes: { snapshotMinBytes: 10_000 },
      observer: { fsync() {}, commit() {}, snapshot: () => void made.push(count) },
    });
    let count = 0;
    for (; count < 400; count++) {
      await journal.append([entry('s'.repeat(200))]);
      await settle();
    }
    // The state is all that was ever written, so the distance doubles: at 10,000 bytes, then at 20,000, …
    expect(made.length).toBeGreaterThanOrEqual(3);
    expect(made.length).toBeLessThanOrEqual(5);
    await journal.close();
    expect(await world.recovered()).toHaveLength(400);
  });

  test('a failed one is not tried again at once', async () => {
    const world = makeWorld(9);
    let tries = 0;
    const { journal } = await world.open({ sizes: { snapshotMinBytes: 10_000 }, makeSnapshot: () => (tries++, Promise.reject(new Error('no'))) });
    for (let i = 0; i < 100; i++) {
      await journal.append([entry('s'.repeat(200))]);
      await settle();
    }
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(8);
    await journal.close();
  });

  test('one at a time; none when nothing is new', async () => {
    const world = makeWorld(10);
    let builds = 0;
    const { journal } = await world.open({
      makeSnapshot: async (job) => {
        builds++;
        await buildSnapshot(world.host, job, new ListMachine());
      },
    });
    await journal.snapshot();
    expect(builds).toBe(0);
    await journal.append([entry('one')]);
    await Promise.all([journal.snapshot(), journal.snapshot()]);
    await journal.snapshot();
    expect(builds).toBe(1);
    await journal.close();
  });

  test('appends go on meanwhile, and the statistics count what is new', async () => {
    const world = makeWorld(11);
    let finish = (): void => {};
    const { journal } = await world.open({
      makeSnapshot: async (job) => {
        await new Promise<void>((resolve) => (finish = resolve));
        await buildSnapshot(world.host, job, new ListMachine());
      },
    });
    await journal.append([entry('one')]);
    const snapshot = journal.snapshot();
    await settle();
    await journal.append([entry('two'), entry('three')]);
    expect(journal.stats.entries).toBe(3);
    finish();
    await snapshot;
    expect(journal.stats.entries).toBe(2);
    expect(journal.stats.diskBytes).toBe(world.disk.usedBytes);
    await journal.close();
    expect(await world.recovered()).toEqual(['one', 'two', 'three']);
  });

  test('closing stops one that is under way', async () => {
    const world = makeWorld(12);
    const { journal } = await world.open({
      makeSnapshot: (_job, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    });
    await journal.append([entry('one')]);
    const snapshot = journal.snapshot();
    snapshot.catch(() => {});
    await settle();
    await journal.close();
    await expect(snapshot).rejects.toThrow('closing');
    expect(await world.recovered()).toEqual(['one']);
  });

  test('a snapshot that was said to be made but is not there removes nothing', async () => {
    const world = makeWorld(13);
    const { journal } = await world.open({ makeSnapshot: async () => {} });
    await journal.append([entry('one')]);
    await expect(journal.snapshot()).rejects.toMatchObject({ code: 'ENOENT' });
    await journal.close();
    expect(await world.recovered()).toEqual(['one']);
  });
});

test('a folder is open once', async () => {
  const world = makeWorld(14);
  const { journal } = await world.open();
  await expect(world.open()).rejects.toThrow('is held by');
  await journal.close();
  await world.recovered();
});
