import { expect, test } from '@jest/globals';
import { relocate } from './logs.ts';
import type { StoredRecord } from './record.ts';
import { logId } from './types.ts';
import type { RecordSink } from './types.ts';

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
