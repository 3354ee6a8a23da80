import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MalformedError } from '../bytes.ts';
import { crcOf, decodeRecord, encodeSubset, infoOf, RecordWriter } from './record.ts';
import { logId } from './types.ts';
import type { Write } from './types.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const log = logId(3, 0xabcd_ef01);
const other = logId(4, 7);
const writes: Write[] = [
  { space: 0, key: '/a\u00ff', value: new Uint8Array([1, 2, 3]), lease: 0n },
  { space: 0, key: 'b', value: null, lease: 0n },
  { space: 1, key: 'c', value: new Uint8Array(0), lease: -2n },
];

describe('records', () => {
  test('recorded bytes of version 1', () => {
    const record = new RecordWriter().encode({ lamport: 300, log }, 0, new Map([[log, 299], [other, 290]]), writes);
    expect(hex(record.bytes)).toBe('01000301efcdabac020104070000000a0300032f61ff03010203010162060163feffffffffffffff00d210822c');
    const single = new RecordWriter().encode({ lamport: 1, log }, 2, new Map(), writes.slice(1, 2));
    expect(hex(single.bytes)).toBe('01010301efcdab01020001010162e59312b7');
  });

  test('recorded bytes of writes with merge information, and of a merge record that deletes', () => {
    const merging: Write[] = [{ space: 0, key: 'k', value: new Uint8Array([7]), lease: 0n, info: new Uint8Array([9, 8]) }, { space: 0, key: 'm', value: null, lease: 0n, merged: true }];
    const record = new RecordWriter().encode({ lamport: 300, log }, 0, new Map(), merging);
    expect(hex(record.bytes).slice(0, -8)).toBe('01000301efcdabac02000208016b0107020908' + '11016d');
    for (const r of [record, decodeRecord(new Uint8Array(record.bytes)), decodeRecord(encodeSubset(record, record.writes))]) {
      expect(r.writes.map((w) => [infoOf(r, w) === null ? null : hex(infoOf(r, w)!), w.merged])).toEqual([['0908', false], [null, true]]);
    }
  });

  test('what was written is read', () => {
    const writer = new RecordWriter();
    const record = writer.encode({ lamport: 300, log }, 0, new Map([[log, 299], [other, 290]]), writes);
    for (const r of [record, decodeRecord(new Uint8Array(record.bytes))]) {
      expect([r.lamport, r.log, r.originRevision]).toEqual([300, log, 300 * 512 + 6]);
      expect(new Map(r.context())).toEqual(new Map([[log, 300], [other, 290]]));
      expect(r.writes.map((w) => [w.space, w.key, w.lease, w.valueLength])).toEqual([[0, '/a\u00ff', 0n, 3], [0, 'b', 0n, -1], [1, 'c', -2n, 0]]);
      const [first] = r.writes;
      expect(hex(r.bytes.subarray(first!.valueOffset, first!.valueOffset + 3))).toBe('010203');
    }
    expect(writer.encode({ lamport: 5, log }, 0, new Map(), writes.slice(2)).originRevision).toBe(0);
    expect(decodeRecord(writer.encode({ lamport: 5, log }, 17, new Map(), writes).bytes).originRevision).toBe(17);
  });

  test('a subset keeps stamp, context, origin revision and values', () => {
    const record = new RecordWriter().encode({ lamport: 300, log }, 9, new Map([[other, 290]]), writes);
    const subset = decodeRecord(encodeSubset(record, [record.writes[0]!, record.writes[2]!]));
    expect([subset.lamport, subset.log, subset.originRevision, subset.writes.length]).toEqual([300, log, 9, 2]);
    expect(subset.context()).toEqual(record.context());
    const [first] = subset.writes;
    expect(hex(subset.bytes.subarray(first!.valueOffset, first!.valueOffset + 3))).toBe('010203');
  });

  test('any record survives', () => {
    const write = fc.record({
      space: fc.constantFrom(0 as const, 1 as const),
      key: fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b).toString('latin1')),
      value: fc.option(fc.uint8Array({ maxLength: 400 })),
      lease: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    });
    const context = fc.array(fc.tuple(fc.nat(255), fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 2 ** 31 })), { maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 31 + 1, max: 2 ** 44 - 1 }), context, fc.array(write, { minLength: 1, maxLength: 20 }), (lamport, entries, all) => {
        const held = new Map(entries.map(([slot, incarnation, at]) => [logId(slot, incarnation), at]));
        held.delete(log);
        const record = decodeRecord(new RecordWriter().encode({ lamport, log }, 0, held, all).bytes);
        expect(new Map(record.context())).toEqual(new Map([...held, [log, lamport]]));
        record.writes.forEach((w, i) => {
          expect([w.space, w.key, w.lease]).toEqual([all[i]!.space, all[i]!.key, all[i]!.lease]);
          const value = w.valueLength < 0 ? null : hex(record.bytes.subarray(w.valueOffset, w.valueOffset + w.valueLength));
          expect(value).toBe(all[i]!.value === null ? null : hex(all[i]!.value!));
        });
      }),
      { numRuns: 100 },
    );
  });

  test('anything else is malformed, even with a right CRC', async () => {
    const { crc32 } = await import('node:zlib');
    const good = new RecordWriter().encode({ lamport: 300, log }, 0, new Map([[other, 290]]), writes).bytes;
    const decode = (bytes: Uint8Array) => {
      try {
        return decodeRecord(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
        return null;
      }
    };
    for (let length = 0; length < good.length; length++) expect(decode(good.slice(0, length))).toBeNull();
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = new Uint8Array(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(decode(bad)).toBeNull();
      new DataView(bad.buffer).setUint32(bad.length - 4, crc32(bad.subarray(0, -4)), true);
      const record = decode(bad);
      if (record !== null) for (const w of record.writes) expect(w.valueOffset + Math.max(0, w.valueLength)).toBeLessThanOrEqual(bad.length - 4);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        const bytes = new Uint8Array([1, 0, ...noise, 0, 0, 0, 0]);
        new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
        decode(bytes);
      }),
      { numRuns: 2000 },
    );
    expect(crcOf(good)).toBe(crc32(good.subarray(0, -4)));
  });
});
