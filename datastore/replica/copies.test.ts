import { expect, test } from '@jest/globals';
import { Collector } from './collector.ts';
import { relocate } from './logs.ts';
import type { StoredRecord } from './record.ts';
import { Retirements } from './retirements.ts';
import { usualShape } from './segment.ts';
import { logId, slotOf } from './types.ts';
import type { RecordSink, RecordWrite } from './types.ts';

test('a copy that goes is no loss, though a snapshot has made it the one that counts: another takes its place first', () => {
  const told: string[] = [];
  const sink = { copied: () => told.push('copied'), moved: () => told.push('moved'), dropped: () => told.push('dropped') } as unknown as RecordSink;
  const record = (live: number): StoredRecord => ({ log: logId(0, 1), lamport: 5, live, writes: [] }) as unknown as StoredRecord;
  relocate(sink, { copied: [], moved: [], gone: [record(1)] }, () => record(0));
  expect(told.splice(0)).toEqual(['moved', 'dropped']);
  // What is nobody's current write goes as it is, and so does a deletion of which there is no other copy.
  relocate(sink, { copied: [], moved: [], gone: [record(0)] }, () => record(0));
  relocate(sink, { copied: [], moved: [], gone: [record(1)] }, () => undefined);
  expect(told).toEqual(['dropped', 'dropped']);
});

test('of the copies of a record that of the lowest member counts, and any member\'s before one in a log that was removed', () => {
  const at = (slot: number): StoredRecord => ({ log: logId(9, 1), lamport: 5, live: 1, place: { log: logId(slot, 1) } }) as unknown as StoredRecord;
  const write = { valueLength: 1 } as RecordWrite;
  /** Which of two copies has to stay, when the first is the one that counts so far. */
  const kept = (first: number, second: number, members: readonly number[]): number[] => {
    const copies = [at(first), at(second)];
    let current = copies[0]!;
    const sink = {
      isCurrent: (record: StoredRecord) => record === current, currentCopy: () => current, moved: (_: StoredRecord, to: StoredRecord) => (current = to), isTombstoneFree: () => true,
    } as unknown as RecordSink;
    const collector = new Collector({ sink, stable: () => false, isMember: (log) => members.includes(slotOf(log)), retired: new Retirements(), shape: usualShape });
    const stays = [1, 0].filter((i) => collector.keeps(copies[i]!, write));
    return stays.map((i) => [first, second][i]!);
  };
  expect(kept(1, 2, [1, 2])).toEqual([1]);
  expect(kept(2, 1, [1, 2])).toEqual([1]);
  // The log of slot 1 was removed: the heir's copy stands for it, whichever counted so far. Both stayed, and so the log could never be retired.
  expect(kept(1, 2, [2])).toEqual([2]);
  expect(kept(2, 1, [2])).toEqual([2]);
});
