/** What every Disk does. Each implementation's test runs it. */
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Disk } from './host.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An empty folder that exists. */
  readonly dir: string;
  cleanUp(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

export function diskContract(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(`${name} is a disk`, () => {
    let cleanUp = async (): Promise<void> => {};
    afterEach(() => cleanUp());
    const set = async (): Promise<{ disk: Disk; dir: string }> => {
      const under = await make();
      cleanUp = () => under.cleanUp();
      return under;
    };

    test('what was written is read, across chunks and holes', async () => {
      const { disk, dir } = await set();
      const file = await disk.open(`${dir}/a`, 'create');
      await file.write([bytes('ab'), bytes(''), bytes('cde')], 3);
      await file.writeDurable([bytes('XY'), bytes('Z')], 8);
      await file.datasync();
      expect(await file.size()).toBe(11);
      expect([...(await file.read(0, 3))]).toEqual([0, 0, 0]);
      expect(text(await file.read(3, 8))).toBe('abcdeXYZ');
      await file.writeDurable([bytes('!')], 4);
      expect(text(await file.read(3, 3))).toBe('a!c');
      await file.close();
    });

    test('a write of more chunks than the kernel takes at once', async () => {
      const { disk, dir } = await set();
      const file = await disk.open(`${dir}/a`, 'create');
      const chunks = Array.from({ length: 3_000 }, (_, i) => bytes(String(i % 10)));
      await file.writeDurable(chunks, 0);
      expect(text(await file.read(0, 4_000))).toBe(chunks.map(text).join(''));
      await file.close();
    });

    test('a read is short at the end of the file only', async () => {
      const { disk, dir } = await set();
      const file = await disk.open(`${dir}/a`, 'create');
      await file.write([bytes('hello')], 0);
      expect(text(await file.read(2, 100))).toBe('llo');
      expect((await file.read(5, 10)).length).toBe(0);
      expect((await file.read(50, 10)).length).toBe(0);
      await file.close();
    });

    test('truncate cuts and grows with zeros', async () => {
      const { disk, dir } = await set();
      const file = await disk.open(`${dir}/a`, 'create');
      await file.write([bytes('hello')], 0);
      await file.truncate(2);
      expect(await file.size()).toBe(2);
      await file.truncate(4);
      expect([...(await file.read(0, 9))]).toEqual([104, 101, 0, 0]);
      await file.close();
    });

    test('create refuses a file that exists; modify and read one that does not; read refuses to write', async () => {
      const { disk, dir } = await set();
      await (await disk.open(`${dir}/a`, 'create')).close();
      await expect(disk.open(`${dir}/a`, 'create')).rejects.toMatchObject({ code: 'EEXIST' });
      await expect(disk.open(`${dir}/b`, 'modify')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(disk.open(`${dir}/b`, 'read')).rejects.toMatchObject({ code: 'ENOENT' });
      const file = await disk.open(`${dir}/a`, 'read');
      await expect(file.write([bytes('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
      await file.close();
    });

    test('list, exists, rename over another, remove', async () => {
      const { disk, dir } = await set();
      for (const name of ['a', 'b']) {
        const file = await disk.open(`${dir}/${name}`, 'create');
        await file.write([bytes(name)], 0);
        await file.close();
      }
      expect((await disk.list(dir)).sort()).toEqual(['a', 'b']);
      await disk.rename(`${dir}/a`, `${dir}/b`);
      await disk.syncDir(dir);
      expect(await disk.list(dir)).toEqual(['b']);
      expect(await disk.exists(`${dir}/a`)).toBe(false);
      const file = await disk.open(`${dir}/b`, 'read');
      expect(text(await file.read(0, 9))).toBe('a');
      await file.close();
      await disk.remove(`${dir}/b`);
      expect(await disk.exists(`${dir}/b`)).toBe(false);
      await expect(disk.remove(`${dir}/b`)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test('makeDir makes parents, and is content with what is there', async () => {
      const { disk, dir } = await set();
      await disk.makeDir(`${dir}/x/y`);
      await disk.makeDir(`${dir}/x/y`);
      await (await disk.open(`${dir}/x/y/f`, 'create')).close();
      expect(await disk.list(`${dir}/x/y`)).toEqual(['f']);
      expect(await disk.list(`${dir}/x`)).toEqual(['y']);
      await expect(disk.list(`${dir}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test('an open file stays the same file when it is renamed', async () => {
      const { disk, dir } = await set();
      const file = await disk.open(`${dir}/a`, 'create');
      await file.write([bytes('one')], 0);
      await disk.rename(`${dir}/a`, `${dir}/b`);
      await file.writeDurable([bytes('two')], 3);
      const other = await disk.open(`${dir}/b`, 'read');
      expect(text(await other.read(0, 9))).toBe('onetwo');
      await other.close();
      await file.close();
    });

    test('a lock is held once', async () => {
      const { disk, dir } = await set();
      const lock = await disk.lock(`${dir}/lock`);
      await expect(disk.lock(`${dir}/lock`)).rejects.toThrow('is held by');
      await lock.unlock();
      const again = await disk.lock(`${dir}/lock`);
      await again.unlock();
      await again.unlock();
    });

    test('free space is told', async () => {
      const { disk, dir } = await set();
      expect(await disk.freeBytes(dir)).toBeGreaterThan(0);
    });
  });
}
