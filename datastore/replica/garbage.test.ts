import { beforeEach, describe, expect, test } from '@jest/globals';
import { LogDoc } from './log-doc.ts';
import { RecordWriter } from './record.ts';
import type { StoredRecord } from './record.ts';
import type { Cut } from './segment.ts';
import { logId } from './types.ts';

const log = logId(1, 4242);
const writer = new RecordWriter();
const SEGMENT = 64;
let doc: LogDoc;
let lamport = 0;

/** One more segment, all of it alive. */
function segment(): StoredRecord[] {
  const records = Array.from({ length: SEGMENT }, (_, i) => writer.encode({ lamport: ++lamport, log }, 0, new Map(), [{ space: 0, key: `k${i}`, value: Buffer.from('v'), lease: 0n }]));
  doc.write(records, [], lamport);
  for (const record of records) record.live = 1;
  return records;
}
const kill = (records: readonly StoredRecord[]): void => {
  for (const record of records) record.live = 0;
};
const numbers = (cuts: readonly Cut[]): (readonly [number, number])[] => cuts.map(({ segment: { number }, count }) => [number, count]);
const COST = (): number => doc.segments.get(0)!.records[0]!.cost;

beforeEach(() => {
  doc = new LogDoc(log, { segmentRecords: SEGMENT, segmentBytes: 1_000_000, groupSegments: 8, pieceRecords: 16, pieceBytes: 1_000 });
  doc.own();
});

describe('what a log\'s owner rewrites', () => {
  test('nothing while a third at most is dead', () => {
    const records = segment();
    kill(records.slice(0, 21));
    expect([doc.garbage.due, doc.garbage.take(Infinity, Infinity)]).toEqual([false, []]);
    kill(records.slice(21, 22));
    expect(doc.garbage.due).toBe(true);
  });

  test('where records die in the order of their age: the dead ones, and nothing is copied', () => {
    kill(segment().slice(0, 30));
    expect(numbers(doc.garbage.take(Infinity, Infinity))).toEqual([[0, 30]]);
  });

  test('all of a segment of which little would be left', () => {
    kill(segment().slice(0, 50));
    expect(numbers(doc.garbage.take(Infinity, Infinity))).toEqual([[0, SEGMENT]]);
  });

  test('so many records at most, and so much that lives', () => {
    const records = segment();
    kill(records.filter((_, i) => i % 2 === 0));
    expect(numbers(doc.garbage.take(Infinity, 10))).toEqual([[0, 9]]); // the tenth lives: it can wait
    expect(numbers(doc.garbage.take(3 * COST(), 100))).toEqual([[0, 5]]);
    expect(numbers(doc.garbage.take(1, 100))).toEqual([[0, 1]]);
  });

  test('what lives at the beginning is copied if there is nothing else: what is left is deader', () => {
    kill(segment().slice(24));
    expect(numbers(doc.garbage.take(Infinity, 16))).toEqual([[0, 16]]);
  });

  test('the deadest first, wholly dead ones at once; accounts are kept of what is left', () => {
    const [first, second, third] = [segment(), segment(), segment()];
    kill(first.slice(0, 40));
    kill(second);
    kill(third.slice(0, 20));
    const cuts = doc.garbage.take(Infinity, Infinity);
    expect(numbers(cuts)).toEqual([[1, SEGMENT], [0, 40]]);
    doc.write([], cuts, lamport);
    expect([...doc.segments.values()].map(({ records, cost, liveCost }) => [records.length, Math.round((liveCost / cost) * records.length)])).toEqual([[24, 24], [SEGMENT, 44]]);
    expect(doc.garbage.due).toBe(false); // 20 of 88
    kill(third.slice(20, 30));
    expect(numbers(doc.garbage.take(Infinity, Infinity))).toEqual([[2, 30]]);
  });
});
