import { describe, expect, test } from '@jest/globals';
import { makeWorld, entry, ListMachine } from './testing.ts';
import { Magic, asBuffer, decodeEntries, decodeFileHeader, decodeRecordHeader, drawSalt, encodeFileHeader, encodeRecord, readSequence, recordBytes } from './format.ts';
import { buildSnapshot } from './build-snapshot.ts';
import { openJournal } from './journal.ts';
import { silent } from '../host/log.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * Bytes as format version 1 wrote them. If this fails, folders written by released versions cannot be read any more: do not
 * record new bytes, but give the format a new version and keep reading this one.
 */
const recorded = {
  journal:
    '454447454a524e4c01000000093dc9e40100000000000000010000000000000000000000000000000000000000000000000000000000000000000000485a4b29' +
    '103725590d0000000100000000000000010000000200000022f357ac000000000500000068656c6c6f00000000000000' +
    '8cd33bee090000000200000000000000010000000100000084c4f0360000000005000000776f726c6400000000000000',
  snapshot:
    '45444745534e415001000000093dc9e40100000000000000030000000000000000000000000000000000000000000000000000000000000000000000566f22cc' +
    '05000000ac7f2d9d68656c6c6f00000000ac7f2d9d05000000faf28648776f726c64' +
    'ffffffffba7af95f03000000000000000a00000000000000',
};

async function write(): Promise<{ journal: string; snapshot: string }> {
  const world = makeWorld(7);
  const { journal } = await world.open();
  await journal.append([entry('hello'), entry('')]);
  await journal.append([entry('world')]);
  const first = hex(world.disk.peek('d/0000000000000001.journal').subarray(0, 64 + 48 + 48));
  await journal.snapshot();
  await journal.close();
  return { journal: first, snapshot: hex(world.disk.peek('d/0000000000000001.snapshot')) };
}

describe('recorded bytes', () => {
  test('what is written today is what version 1 wrote', async () => {
    expect(await write()).toEqual(recorded);
  });

  test('what version 1 wrote is read', async () => {
    const world = makeWorld(8);
    world.disk.poke('d/0000000000000001.journal', Buffer.from(recorded.journal, 'hex'));
    expect(await world.recovered()).toEqual(['hello', '', 'world']);
    const { disk, clock } = world;
    world.disk.poke('e/0000000000000001.journal', Buffer.from(recorded.journal, 'hex'));
    world.disk.poke('e/0000000000000001.snapshot', Buffer.from(recorded.snapshot, 'hex'));
    const next = Buffer.from(encodeFileHeader(Magic.journal, { version: 1, salt: 9, number: 2, sequence: 3 }));
    world.disk.poke('e/0000000000000002.journal', next);
    const machine = new ListMachine();
    const makeSnapshot = async (job: { dir: string; upToFile: number }): Promise<void> => void (await buildSnapshot({ disk, clock }, job, new ListMachine()));
    const journal = await openJournal(world.host, 'e', machine, { log: silent, makeSnapshot });
    await journal.close();
    expect(machine.list).toEqual(['hello', '', 'world']);
  });
});

test('a file header is read back, and refused with any bit flipped', () => {
  const header = { version: 1, salt: 0xdead_beef, number: 2 ** 40 + 1, sequence: 2 ** 50 + 3 };
  const bytes = encodeFileHeader(Magic.journal, header);
  expect(decodeFileHeader(Magic.journal, bytes)).toEqual(header);
  expect(decodeFileHeader(Magic.snapshot, bytes)).toBeNull();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeFileHeader(Magic.journal, flipped)).toBeNull();
  }
});

test('a record is read back; its header is refused with any bit flipped, or another salt', () => {
  const entries = [entry('one'), entry(''), entry('three')];
  const bytes = Buffer.alloc(recordBytes(entries) + 8, 0xff);
  const length = encodeRecord(bytes, entries, 2 ** 33 + 5, 77);
  expect(length).toBe(recordBytes(entries));
  expect(length % 8).toBe(0);
  expect(readSequence(bytes, 8)).toBe(2 ** 33 + 5);
  const header = decodeRecordHeader(bytes, 0, 77)!;
  expect(header).toMatchObject({ sequence: 2 ** 33 + 5, version: 1, entries: 3, payloadBytes: 20 });
  expect(decodeEntries(bytes.subarray(32, 52), 3)!.map((e) => asBuffer(e).toString())).toEqual(['one', '', 'three']);
  expect([...bytes.subarray(52, length)]).toEqual([0, 0, 0, 0]);
  expect(decodeRecordHeader(bytes, 0, 78)).toBeNull();
  for (let bit = 0; bit < 32 * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeRecordHeader(flipped, 0, 77)).toBeNull();
  }
});

test('zeros are not a record, whatever the salt', () => {
  // The one salt with which they would be one is not drawn.
  const bad = 0xf907_faa3;
  expect(decodeRecordHeader(Buffer.alloc(32), 0, bad)).not.toBeNull();
  const draws = [bad, bad, 5];
  const random = { uint32: () => draws.shift()!, float: () => 0, bytes: () => new Uint8Array() };
  expect(drawSalt(random)).toBe(5);
});

test('entries whose lengths do not add up are refused', () => {
  expect(decodeEntries(Buffer.from([1, 0, 0, 0]), 1)).toBeNull();
  expect(decodeEntries(Buffer.from([1, 0, 0, 0, 65, 66]), 1)).toBeNull();
  expect(decodeEntries(Buffer.from([1, 0, 0]), 1)).toBeNull();
  expect(decodeEntries(Buffer.from([1, 0, 0, 0, 65]), 1)).toHaveLength(1);
});
