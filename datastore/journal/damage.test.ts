/** Folders that a disk or a person has changed: what is opened, what is refused, and what the message says. */
import { describe, expect, test } from '@jest/globals';
import { crc32 } from 'node:zlib';
import type { Fields, Logger } from '../host/log.ts';
import { silent } from '../host/log.ts';
import { FILE_HEADER_BYTES, Magic, decodeFileHeader, encodeFileHeader, encodeRecord } from './format.ts';
import { entry, makeWorld } from './testing.ts';
import type { World } from './testing.ts';

const path = (number: number, kind = 'journal'): string => `d/${String(number).padStart(16, '0')}.${kind}`;

/** Five records of 48 bytes in file 1. */
async function fiveRecords(seed = 1): Promise<World> {
  const world = makeWorld(seed);
  const { journal } = await world.open();
  for (let i = 0; i < 5; i++) await journal.append([entry(`entry ${i}`)]);
  await journal.close();
  return world;
}
const recordAt = (index: number): number => FILE_HEADER_BYTES + index * 48;
const all = [0, 1, 2, 3, 4].map((i) => `entry ${i}`);

/** Two complete files and a third, with a failed snapshot, so that all are there. */
async function threeFiles(): Promise<World> {
  const world = makeWorld(2);
  const makeSnapshot = async (): Promise<void> => {
    throw new Error('not today');
  };
  const { journal } = await world.open({ makeSnapshot });
  for (let file = 0; file < 2; file++) {
    await journal.append([entry(`a${file}`)]);
    await journal.append([entry(`b${file}`)]);
    await expect(journal.snapshot()).rejects.toThrow('not today');
  }
  await journal.append([entry('last')]);
  await journal.close();
  expect(await world.recovered()).toEqual(['a0', 'b0', 'a1', 'b1', 'last']);
  return world;
}

function change(world: World, file: string, at: number, fn: (bytes: Buffer) => void): void {
  const bytes = Buffer.from(world.disk.peek(file));
  fn(bytes.subarray(at));
  world.disk.poke(file, bytes);
}

describe('the tail', () => {
  test('an unfinished last record is dropped, reported with file and offset, and overwritten with zeros', async () => {
    for (const [what, offset] of [['header', 2], ['payload', 40]] as const) {
      const world = await fiveRecords();
      change(world, path(1), recordAt(4) + offset, (bytes) => (bytes[0]! ^= 1));
      const lines: [string, Fields | undefined][] = [];
      const log: Logger = { ...silent, warn: (message, fields) => void lines.push([message, fields]) };
      const { journal, machine } = await world.open({ log });
      expect(machine.list).toEqual(all.slice(0, 4));
      expect(lines).toEqual([['dropped an unfinished write at the end of the journal', { file: path(1), offset: recordAt(4), reason: expect.stringContaining(what) }]]);
      expect(world.disk.peek(path(1)).subarray(recordAt(4)).every((byte) => byte === 0)).toBe(true);
      await journal.append([entry('next')]);
      await journal.close();
      expect(await world.recovered()).toEqual([...all.slice(0, 4), 'next']);
    }
  });

  test('a last record of which only the front was not written leaves nothing behind', async () => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(4), (bytes) => bytes.fill(0, 0, 32));
    const { journal, machine } = await world.open();
    expect(machine.list).toEqual(all.slice(0, 4));
    expect(world.disk.peek(path(1)).subarray(recordAt(4)).every((byte) => byte === 0)).toBe(true);
    await journal.close();
  });

  test('a file cut short anywhere in its last record is opened', async () => {
    for (let length = recordAt(4); length < recordAt(5); length++) {
      const world = await fiveRecords();
      world.disk.poke(path(1), world.disk.peek(path(1)).slice(0, length));
      const { journal, machine } = await world.open();
      expect(machine.list).toEqual(length < recordAt(4) + 32 + 11 ? all.slice(0, 4) : all);
      await journal.append([entry('next')]);
      await journal.close();
      expect((await world.recovered()).at(-1)).toBe('next');
    }
  });

  test('what a client stored is never taken for a record, even if it is one of another file', async () => {
    const world = makeWorld(3);
    const { journal } = await world.open();
    await journal.append([entry('one')]);
    const fake = Buffer.alloc(400);
    for (let at = 4; at + 48 < 400; at += 48) encodeRecord(fake.subarray(at), [entry('fake')], 9, 1_234);
    await journal.append([fake]);
    await journal.close();
    change(world, path(1), FILE_HEADER_BYTES + 40, (bytes) => (bytes[0]! ^= 1));
    expect(await world.recovered()).toEqual(['one']);
  });

  test('the last record is there after a power loss that follows a kill, even when it fills the file', async () => {
    const world = makeWorld(4);
    const { journal } = await world.open();
    // 64 + 32 + 4 + 8,092 is the whole first step.
    await journal.append([Buffer.alloc(8_092, 'x')]);
    await journal.close();
    const file = await world.disk.open(path(1), 'modify');
    const bytes = world.disk.peek(path(1)).slice(0, 8_192);
    await file.truncate(0);
    await file.write([bytes], 0);
    world.disk.processLoss();
    await world.open();
    for (let i = 0; i < 5; i++) world.disk.powerLoss();
    expect(await world.recovered()).toEqual(['x'.repeat(8_092)]);
  });
});

describe('damage is refused', () => {
  test.each([
    ['header', 3],
    ['length', 5],
    ['payload', 39],
  ])('a bad record (%s) with good ones behind it', async (_what, offset) => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(1) + offset, (bytes) => (bytes[0]! ^= 1));
    await expect(world.open()).rejects.toThrow(`${path(1)} is damaged at offset ${recordAt(1)}: `);
    await expect(world.open()).rejects.toThrow(`a later record follows at offset ${recordAt(2)}`);
  });

  test('zeros in the middle', async () => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(1), (bytes) => bytes.fill(0, 0, 96));
    await expect(world.open()).rejects.toThrow(`a later record follows at offset ${recordAt(3)}`);
  });

  test('a later record far behind is found too', async () => {
    const world = makeWorld(5);
    const { journal } = await world.open();
    await journal.append([Buffer.alloc(300_000, 'y')]);
    await journal.append([entry('end')]);
    await journal.close();
    change(world, path(1), FILE_HEADER_BYTES + 8, (bytes) => (bytes[0]! ^= 1));
    await expect(world.open()).rejects.toThrow('a later record follows at offset');
  });

  test('a record twice', async () => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(2), (bytes) => bytes.copyWithin(48, 0, 48));
    await expect(world.open()).rejects.toThrow('record 4 expected, 3 found');
  });

  test('an unfinished record in a file that is not the newest', async () => {
    const world = await threeFiles();
    change(world, path(2), FILE_HEADER_BYTES + 40 + 34, (bytes) => (bytes[0]! ^= 1));
    await expect(world.open()).rejects.toThrow(/0002\.journal is damaged at offset 104: .* and a newer file follows/);
  });

  test('a last record that vanished from a file that is not the newest', async () => {
    const world = await threeFiles();
    world.disk.poke(path(2), world.disk.peek(path(2)).slice(0, 104));
    await expect(world.open()).rejects.toThrow(/0003\.journal is damaged at offset 0: the file begins with record 5, but .* record 4/);
  });

  test.each([1, 2])('a missing file (%d)', async (number) => {
    const world = await threeFiles();
    await world.disk.remove(path(number));
    await expect(world.open()).rejects.toThrow(`${path(number)} is damaged at offset 0: the file is missing`);
  });

  test('two files that changed names', async () => {
    const world = await threeFiles();
    world.disk.poke(path(2), world.disk.peek(path(1)));
    await expect(world.open()).rejects.toThrow('the file says it is number 1');
  });

  test('a damaged file header', async () => {
    const world = await fiveRecords();
    change(world, path(1), 20, (bytes) => (bytes[0]! ^= 1));
    await expect(world.open()).rejects.toThrow(`${path(1)} is damaged at offset 0: the file header`);
  });

  test('the folder is free again after a refusal, and unchanged', async () => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(1), (bytes) => (bytes[0]! ^= 1));
    const before = world.disk.peek(path(1));
    await expect(world.open()).rejects.toThrow('damaged');
    expect(world.disk.peek(path(1))).toEqual(before);
    change(world, path(1), recordAt(1), (bytes) => (bytes[0]! ^= 1));
    expect(await world.recovered()).toEqual(all);
  });

  test('a message says what to do', async () => {
    const world = await fiveRecords();
    change(world, path(1), recordAt(1), (bytes) => (bytes[0]! ^= 1));
    await expect(world.open()).rejects.toThrow('Restore the folder from a copy of the disk, or');
  });
});

describe('a newer version is refused by name', () => {
  test('in the file header', async () => {
    const world = await fiveRecords();
    const header = decodeFileHeader(Magic.journal, world.disk.peek(path(1)))!;
    change(world, path(1), 0, (bytes) => bytes.set(encodeFileHeader(Magic.journal, { ...header, version: 2 })));
    await expect(world.open()).rejects.toThrow('was written by a newer version of EdgeStore (format 2 at offset 0; this version knows up to 1)');
  });

  test('in a record', async () => {
    const world = await fiveRecords();
    const { salt } = decodeFileHeader(Magic.journal, world.disk.peek(path(1)))!;
    change(world, path(1), recordAt(3), (bytes) => {
      bytes.writeUInt16LE(2, 16);
      bytes.writeUInt32LE(crc32(bytes.subarray(4, 32), salt), 0);
    });
    await expect(world.open()).rejects.toThrow(`newer version of EdgeStore (format 2 at offset ${recordAt(3)};`);
  });
});

describe('snapshots', () => {
  async function withSnapshot(): Promise<World> {
    const world = makeWorld(6);
    const { journal } = await world.open();
    await journal.append(all.map(entry));
    await journal.snapshot();
    await journal.append([entry('after')]);
    await journal.close();
    expect((await world.disk.list('d')).sort()).toEqual([path(1, 'snapshot'), path(2)].map((name) => name.slice(2)));
    return world;
  }

  test('a snapshot that is cut short anywhere, or has a bit flipped anywhere, is refused', async () => {
    const world = await withSnapshot();
    const good = world.disk.peek(path(1, 'snapshot'));
    for (let length = 0; length < good.length; length++) {
      world.disk.poke(path(1, 'snapshot'), good.slice(0, length));
      await expect(world.open()).rejects.toThrow(`${path(1, 'snapshot')} is damaged`);
    }
    for (let at = 0; at < good.length; at++) {
      world.disk.poke(path(1, 'snapshot'), good);
      change(world, path(1, 'snapshot'), at, (bytes) => (bytes[0]! ^= 1 << at % 8));
      await expect(world.open()).rejects.toThrow(`${path(1, 'snapshot')} is damaged`);
    }
    world.disk.poke(path(1, 'snapshot'), Buffer.concat([good, Buffer.from('x')]));
    await expect(world.open()).rejects.toThrow('trailer');
    world.disk.poke(path(1, 'snapshot'), good);
    expect(await world.recovered()).toEqual([...all, 'after']);
  });

  test('a missing snapshot is noticed, and so is a missing file after it', async () => {
    const world = await withSnapshot();
    const snapshot = world.disk.peek(path(1, 'snapshot'));
    await world.disk.remove(path(1, 'snapshot'));
    await expect(world.open()).rejects.toThrow(`${path(1)} is damaged at offset 0: the file is missing`);
    world.disk.poke(path(1, 'snapshot'), snapshot);
    await world.disk.remove(path(2));
    await expect(world.open()).rejects.toThrow(`${path(2)} is damaged at offset 0: the file is missing`);
  });

  test('unfinished files and those that the snapshot covers are removed at the start', async () => {
    const world = await withSnapshot();
    world.disk.poke(path(1), entry('anything'));
    world.disk.poke(`${path(3, 'snapshot')}.tmp`, entry('anything'));
    world.disk.poke(`${path(3)}.tmp`, entry('anything'));
    world.disk.poke('d/other', entry('not ours'));
    expect(await world.recovered()).toEqual([...all, 'after']);
    expect((await world.disk.list('d')).sort()).toEqual(['0000000000000001.snapshot', '0000000000000002.journal', 'other']);
  });
});
