import { expect, test } from '@jest/globals';
import type { Conflict } from '../keyspace/conflict.ts';
import { limits } from '../limits.ts';
import { logId, Space } from '../replica/types.ts';
import { Conflicts } from './conflicts.ts';

const conflict = (key: string, value: Uint8Array | null): Conflict => ({
  key, space: Space.client, kind: 'opaque', rule: 'last-writer', path: '', winner: { lamport: 2, log: logId(1, 7) }, loser: { lamport: 1, log: logId(0, 5) }, value,
});

test('what was beaten is counted and kept, with a copy of what it wrote', () => {
  const log = new Conflicts({ wallMs: () => 1_000 });
  const value = new Uint8Array([1, 2]);
  log.add(conflict('replayed', value));
  log.begin();
  log.add(conflict('k', value));
  log.add(conflict('gone', null));
  log.unseen('aside', value, { lamport: 9, log: logId(3, 1) });
  value.fill(0);
  expect(log.entries).toMatchObject([
    { key: 'replayed', timeMs: null },
    { key: 'k', timeMs: 1_000, space: 'client', rule: 'last-writer', winner: { lamport: 2, log: '1.00000007' }, loser: { lamport: 1, log: '0.00000005' }, size: 2, value: new Uint8Array([1, 2]) },
    { key: 'gone', size: null, value: null },
    { key: 'aside', rule: 'unseen', winner: null, loser: { lamport: 9, log: '3.00000001' } },
  ]);
  expect([...log.counts]).toEqual([{ kind: 'opaque', rule: 'last-writer', count: 2 }, { kind: 'opaque', rule: 'unseen', count: 1 }]);
});

test('entries and bytes are bounded, the oldest go first, long values are only measured', () => {
  const log = new Conflicts({ wallMs: () => 1 });
  log.begin();
  for (let i = 0; i < limits.conflict_entries * 3; i++) log.add(conflict(`k${i}`, null));
  expect(log.entries.length).toBe(limits.conflict_entries);
  expect(log.entries.at(-1)!.key).toBe(`k${limits.conflict_entries * 3 - 1}`);
  expect(log.dropped).toBe(limits.conflict_entries * 2);
  log.add(conflict('long', new Uint8Array(limits.conflict_value_bytes + 1)));
  expect(log.entries.at(-1)).toMatchObject({ size: limits.conflict_value_bytes + 1, value: null });
  for (let i = 0; i < limits.conflict_entries; i++) log.add(conflict(`v${i}`, new Uint8Array(limits.conflict_value_bytes)));
  const kept = log.entries.reduce((sum, entry) => sum + (entry.value?.length ?? 0), 0);
  expect(kept).toBeLessThanOrEqual(limits.conflict_bytes);
  expect(kept).toBeGreaterThan(limits.conflict_bytes / 2);
  expect([...log.counts]).toEqual([{ kind: 'opaque', rule: 'last-writer', count: limits.conflict_entries * 4 + 1 }]);
});
