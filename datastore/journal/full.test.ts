/** A disk that is full, or fails. */
import { describe, expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import type { MemoryDiskOptions } from '../testing/memory-disk.ts';
import { entry, makeWorld, settle } from './testing.ts';
import { DiskFullError } from './types.ts';
import type { Journal } from './types.ts';

/** Appends 500-byte entries until one is refused. @returns how many were taken. */
async function fill(journal: Journal, list: string[]): Promise<number> {
  for (let taken = 0; ; taken++) {
    const text = `${list.length}`.padEnd(500, '.');
    try {
      await journal.append([entry(text)]);
    } catch (error) {
      expect(error).toBeInstanceOf(DiskFullError);
      return taken;
    }
    list.push(text);
    await settle();
  }
}

describe('a full disk', () => {
  test('is announced by `low` while there is a reserve, then refuses, and loses nothing', async () => {
    const world = makeWorld(1, { capacityBytes: 100_000 });
    const { journal } = await world.open();
    const list: string[] = [];
    while (!journal.low) {
      list.push(`${list.length}`.padEnd(500, '.'));
      await journal.append([entry(list.at(-1)!)]);
      await settle();
    }
    const reserve = await fill(journal, list);
    expect(reserve).toBeGreaterThanOrEqual(8);
    expect(journal.low).toBe(true);
    // A smaller one may still fit, and one that does not fit does no harm to it.
    await expect(journal.append([new Uint8Array(5_000)])).rejects.toThrow(DiskFullError);
    await expect(Promise.all([journal.append([new Uint8Array(50_000)]), journal.append([entry('small')])])).rejects.toThrow(DiskFullError);
    world.disk.powerLoss();
    expect(await world.recovered()).toEqual(list);
  });

  test('goes on when there is space again, by itself', async () => {
    const options: Omit<MemoryDiskOptions, 'random'> = { capacityBytes: 60_000 };
    const world = makeWorld(2, options);
    const { journal } = await world.open();
    const list: string[] = [];
    await fill(journal, list);
    expect(journal.low).toBe(true);
    world.disk.options.capacityBytes = 1_000_000;
    world.clock.fire();
    await settle();
    expect(journal.low).toBe(false);
    await journal.append([entry('again')]);
    await journal.close();
    expect(await world.recovered()).toEqual([...list, 'again']);
  });

  test('ceases to be announced when there is space again, however much was left', async () => {
    for (let capacityBytes = 20_000; capacityBytes < 60_000; capacityBytes += 1_000) {
      const world = makeWorld(2, { capacityBytes });
      const { journal } = await world.open({ sizes: { reserveBytes: 50_000 } });
      while (!journal.low) {
        await journal.append([entry('.'.repeat(500))]);
        await settle();
      }
      world.disk.options.capacityBytes = 1_000_000;
      world.clock.fire();
      await settle();
      expect({ capacityBytes, low: journal.low }).toEqual({ capacityBytes, low: false });
      await journal.close();
    }
  });

  test('an append finds new space without waiting for the next try', async () => {
    const world = makeWorld(3, { capacityBytes: 60_000 });
    const { journal } = await world.open();
    const list: string[] = [];
    await fill(journal, list);
    world.disk.options.capacityBytes = 1_000_000;
    const again = 'again'.repeat(1_000);
    await journal.append([entry(again)]);
    expect(journal.low).toBe(false);
    await journal.close();
    expect(await world.recovered()).toEqual([...list, again]);
  });

  test('no room for a new file: the snapshot is refused and nothing changes', async () => {
    const world = makeWorld(4, { capacityBytes: 60_000 });
    const { journal } = await world.open();
    const list: string[] = [];
    await fill(journal, list);
    await expect(journal.snapshot()).rejects.toThrow(DiskFullError);
    expect(await world.disk.list('d')).toEqual(['0000000000000001.journal']);
    await expect(journal.append([new Uint8Array(600)])).rejects.toThrow(DiskFullError);
    world.disk.options.capacityBytes = 1_000_000;
    await journal.snapshot();
    await journal.append([entry('after')]);
    await journal.close();
    expect(await world.recovered()).toEqual([...list, 'after']);
  });

  test('no room for the snapshot itself: the files stay, later it is made without another new file', async () => {
    const world = makeWorld(5, { capacityBytes: 70_000 });
    const { journal } = await world.open();
    const list: string[] = [];
    while (world.disk.usedBytes < 50_000) {
      list.push(`${list.length}`.padEnd(500, '.'));
      await journal.append([entry(list.at(-1)!)]);
      await settle();
    }
    await expect(journal.snapshot()).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(journal.snapshot()).rejects.toMatchObject({ code: 'ENOSPC' });
    expect((await world.disk.list('d')).filter((name) => name.endsWith('.journal'))).toHaveLength(2);
    expect(await world.recovered().catch((error: Error) => error.message)).toContain('is held by');
    world.disk.options.capacityBytes = 1_000_000;
    await journal.snapshot();
    expect((await world.disk.list('d')).sort()).toEqual(['0000000000000001.snapshot', '0000000000000002.journal']);
    await journal.close();
    expect(await world.recovered()).toEqual(list);
  });

  test('a commit that meets ENOSPC in blocks it has is not in the journal, whatever reached the disk', async () => {
    let fail = 0;
    const world = makeWorld(6, { fault: ({ kind }) => (kind === 'writeDurable' && fail-- > 0 ? 'ENOSPC' : undefined) });
    const { journal } = await world.open();
    await journal.append([entry('one')]);
    fail = 1;
    await expect(journal.append([entry('refused')])).rejects.toThrow(DiskFullError);
    await journal.append([entry('two')]);
    await journal.close();
    expect(await world.recovered()).toEqual(['one', 'two']);
  });

  test('the remains of a refused commit are overwritten: a newer file may follow', async () => {
    let refuse = false;
    const world = makeWorld(7, { fault: ({ kind, bytes }) => (refuse && kind === 'writeDurable' && bytes > 10_000 ? 'ENOSPC' : undefined) });
    const path = 'd/0000000000000001.journal';
    const { journal } = await world.open({ sizes: { firstStepBytes: 32_768, stepBytes: 65_536 } });
    await journal.append([entry('one')]);
    refuse = true;
    // A disk that takes a part and then says ENOSPC.
    const remains = await world.disk.open(path, 'modify');
    await remains.write([Buffer.alloc(9_000, 'r')], 64 + 40);
    await expect(journal.append([Buffer.alloc(20_000, 'r')])).rejects.toThrow(DiskFullError);
    await journal.append([entry('two')]);
    expect(world.disk.peek(path).includes('r'.charCodeAt(0))).toBe(false);
    await journal.close();
    world.disk.powerLoss();
    expect(await world.recovered()).toEqual(['one', 'two']);
  });
});

describe('a disk that fails', () => {
  const disk = (): { fault: NonNullable<MemoryDiskOptions['fault']>; failing: { kind: string } } => {
    const failing = { kind: '' };
    return { failing, fault: ({ kind }) => (kind === failing.kind ? 'EIO' : undefined) };
  };

  test('EIO in a commit: this append and every later one get the same error, and the owner is told once', async () => {
    const { fault, failing } = disk();
    const world = makeWorld(8, { fault });
    const told: Error[] = [];
    const { journal } = await world.open({ onFatal: (error) => void told.push(error) });
    await journal.append([entry('one')]);
    failing.kind = 'writeDurable';
    const first = journal.append([entry('two')]);
    const second = journal.append([entry('three')]);
    await expect(first).rejects.toMatchObject({ code: 'EIO' });
    failing.kind = '';
    await expect(second).rejects.toMatchObject({ code: 'EIO' });
    await expect(journal.append([entry('four')])).rejects.toBe(told[0]);
    await expect(journal.snapshot()).rejects.toBe(told[0]);
    expect(told).toHaveLength(1);
    await journal.close();
    expect((await world.recovered())[0]).toBe('one');
  });

  test('an append made the moment the error is seen is not written either', async () => {
    const { fault, failing } = disk();
    const world = makeWorld(9, { fault });
    const { journal } = await world.open();
    failing.kind = 'writeDurable';
    const again = journal.append([entry('one')]).catch(() => {
      failing.kind = '';
      return journal.append([entry('two')]);
    });
    await expect(again).rejects.toMatchObject({ code: 'EIO' });
    await journal.close();
    expect(await world.recovered()).not.toContain('two');
  });

  test('EIO while zeros are allocated in the background', async () => {
    const { fault, failing } = disk();
    const world = makeWorld(10, { fault });
    const told: Error[] = [];
    const { journal } = await world.open({ onFatal: (error) => void told.push(error) });
    failing.kind = 'datasync';
    await journal.append([new Uint8Array(5_000)]);
    await settle();
    expect(told).toMatchObject([{ code: 'EIO' }]);
    await expect(journal.append([entry('more')])).rejects.toBe(told[0]);
    await journal.close();
  });

  test.each(['rename', 'syncDir', 'truncate'])('EIO in %s when a new file is begun', async (kind) => {
    const { fault, failing } = disk();
    const world = makeWorld(11, { fault });
    const told: Error[] = [];
    const { journal } = await world.open({ onFatal: (error) => void told.push(error) });
    await journal.append([entry('one')]);
    failing.kind = kind;
    await expect(journal.snapshot()).rejects.toMatchObject({ code: 'EIO' });
    expect(told).toHaveLength(1);
    failing.kind = '';
    await expect(journal.append([entry('two')])).rejects.toBe(told[0]);
    await journal.close();
    world.disk.powerLoss();
    expect(await world.recovered()).toEqual(['one']);
  });

  test('a snapshot that fails does no harm to the journal', async () => {
    const world = makeWorld(12);
    const { journal } = await world.open({ log: silent, makeSnapshot: () => Promise.reject(new Error('the worker died')) });
    await journal.append([entry('one')]);
    await expect(journal.snapshot()).rejects.toThrow('the worker died');
    await journal.append([entry('two')]);
    await journal.close();
    expect(await world.recovered()).toEqual(['one', 'two']);
  });
});

interface Outcome {
  readonly taken: string[];
  readonly refused: string[];
  readonly failed: string[];
}

/** A workload in which every append is told apart by its outcome. */
async function workload(world: ReturnType<typeof makeWorld>): Promise<Outcome> {
  const outcome: Outcome = { taken: [], refused: [], failed: [] };
  const { journal } = await world.open();
  for (let i = 0; i < 12; i++) {
    const append = async (text: string): Promise<void> => {
      try {
        await journal.append([entry(text)]);
        outcome.taken.push(text);
      } catch (error) {
        (error instanceof DiskFullError ? outcome.refused : outcome.failed).push(text);
      }
    };
    await Promise.all([append(`${i}.a`.padEnd(i * 300, '.')), append(`${i}.b`), append(`${i}.c`)]);
    if (i % 5 === 4) await journal.snapshot().catch(() => {});
    await settle();
  }
  await journal.close();
  return outcome;
}

test.each([
  ['ENOSPC', ['open', 'write', 'writeDurable', 'datasync', 'rename']],
  ['EIO', ['open', 'write', 'writeDurable', 'datasync', 'rename', 'truncate', 'syncDir', 'read', 'remove']],
] as const)('%s at any one operation: what was taken is there, what was refused is not', async (fault, kinds) => {
  let operations = 0;
  let refusals = 0;
  let failures = 0;
  for (let at = 0; at <= operations; at++) {
    const world = makeWorld(13, { fault: ({ number, kind }) => (number === at && (kinds as readonly string[]).includes(kind) ? fault : undefined) });
    const { taken, refused, failed } = await workload(world).catch((): Outcome => ({ taken: [], refused: [], failed: [] }));
    operations = Math.max(operations, world.disk.calls);
    refusals += refused.length;
    failures += failed.length;
    if (fault === 'ENOSPC') expect({ at, failed }).toEqual({ at, failed: [] });
    world.disk.powerLoss();
    const recovered = await world.recovered();
    // A failed write may be there or not; nobody was told either.
    expect({ at, recovered: recovered.filter((text) => !failed.includes(text)) }).toEqual({ at, recovered: taken });
  }
  expect(operations).toBeGreaterThan(100);
  expect(fault === 'ENOSPC' ? refusals : failures).toBeGreaterThan(10);
});
