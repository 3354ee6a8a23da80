import { describe, expect, test } from '@jest/globals';
import { logId } from '../replica/types.ts';
import type { Conflict } from './conflict.ts';
import { checkInvariants } from './invariants.ts';
import { Keyspace } from './keyspace.ts';
import { encodeKeyspace, KeyspaceLoader } from './snapshot.ts';
import { del, put, random, system, TestClock, TestRecord } from './testing/records.ts';
import type { Change } from './types.ts';

const A = logId(1, 7);
const B = logId(2, 7);

function make(options: { revision?: number; compacted?: number; localVersionBase?: () => number } = {}) {
  const clock = new TestClock();
  const conflicts: Conflict[] = [];
  const keyspace = new Keyspace({ clock, onConflict: (conflict) => conflicts.push(conflict), ...options });
  return { clock, conflicts, keyspace };
}
const value = (keyspace: Keyspace, key: string, revision?: number): string | null => {
  const version = keyspace.get(key, revision);
  return version === null ? null : Buffer.from(version.value).toString();
};
const describeChange = (change: Change): string =>
  `${change.revision} ${change.type} ${change.kv.key}=${Buffer.from(change.kv.value).toString()} v${change.kv.version} c${change.kv.createRevision} was ${change.prev === null ? '-' : Buffer.from(change.prev.value).toString()}`;

describe('concurrent writes', () => {
  test('the higher stamp wins in either order, and it is counted once at each replica', () => {
    const low = () => new TestRecord(5, A, [put('k', 'low')]);
    const high = () => new TestRecord(5, B, [put('k', 'high')]);
    for (const [first, second, changed] of [[low(), high(), true], [high(), low(), false]] as const) {
      const { keyspace, conflicts } = make();
      expect(keyspace.integrate(first, 2)).toBe(true);
      expect(keyspace.integrate(second, 3)).toBe(changed);
      keyspace.durable(keyspace.appliedRevision);
      expect(value(keyspace, 'k')).toBe('high');
      expect(conflicts).toMatchObject([{ key: 'k', kind: 'opaque', winner: { lamport: 5, log: B }, loser: { lamport: 5, log: A }, rule: 'last-writer' }]);
      expect(Buffer.from(conflicts[0]!.value!).toString()).toBe('low');
      expect([first.live, second.live]).toEqual(changed ? [0, 1] : [1, 0]);
      checkInvariants(keyspace);
    }
  });

  test('a deletion of the higher stamp wins, too, and one of the lower changes nothing', () => {
    const { keyspace, conflicts } = make();
    keyspace.integrate(new TestRecord(5, A, [put('k', 'x')]), 2);
    expect(keyspace.integrate(new TestRecord(4, B, [del('k')]), 3)).toBe(false);
    expect(keyspace.integrate(new TestRecord(6, B, [del('k')]), 3)).toBe(true);
    expect(keyspace.get('k', 3)).toBeNull();
    expect(conflicts.length).toBe(2);
  });

  test('a write that knew the other is no conflict', () => {
    const { keyspace, conflicts } = make();
    keyspace.integrate(new TestRecord(5, A, [put('k', 'x')]), 2);
    keyspace.integrate(new TestRecord(6, B, [put('k', 'y')], new Map([[A, 5]])), 3);
    keyspace.integrate(new TestRecord(7, B, [put('k', 'z')]), 4);
    expect(conflicts).toEqual([]);
    expect(keyspace.get('k', 4)).toMatchObject({ version: 3, createRevision: 2, modRevision: 4 });
  });

  test('any order of arrival gives the same values', () => {
    const rand = random(11);
    const records = Array.from({ length: 60 }, (_, i) =>
      [new TestRecord(1 + Math.floor(i / 2), i % 2 === 0 ? A : B, [rand(3) === 0 ? del('k' + rand(4)) : put('k' + rand(4), String(i))])],
    ).flat();
    const outcomes = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const { keyspace } = make();
      const order = records.map((record) => ({ record: record.copy(), at: rand(1e6) })).sort((a, b) => a.at - b.at);
      let revision = 1;
      for (const { record } of order) if (keyspace.integrate(record, revision + 1)) revision++;
      keyspace.durable(revision);
      checkInvariants(keyspace);
      outcomes.add(JSON.stringify(['k0', 'k1', 'k2', 'k3'].map((key) => value(keyspace, key))));
      expect(order.reduce((sum, { record }) => sum + record.live, 0)).toBe(4);
    }
    expect(outcomes.size).toBe(1);
  });
});

describe('documents', () => {
  test('a tombstone is free when no other write of its key is in a document', () => {
    const { keyspace, clock } = make();
    const first = new TestRecord(1, A, [put('k', 'x')]);
    const gone = new TestRecord(2, A, [del('k')]);
    keyspace.integrate(first, 2);
    keyspace.integrate(gone, 3);
    expect(keyspace.isCurrent(first, first.writes[0]!)).toBe(false);
    expect(keyspace.isCurrent(gone, gone.writes[0]!)).toBe(true);
    expect(keyspace.isTombstoneFree(gone, gone.writes[0]!)).toBe(false);
    keyspace.dropped(first, first.writes);
    expect(keyspace.isTombstoneFree(gone, gone.writes[0]!)).toBe(true);
    keyspace.dropped(gone, gone.writes);
    expect(gone.live).toBe(0);
    expect(value(keyspace, 'k', 2)).toBe('x');
    keyspace.durable(3);
    keyspace.compacted(3);
    clock.run();
    expect(keyspace.size).toBe(0);
    checkInvariants(keyspace);
  });

  test('a live value must not be dropped', () => {
    const { keyspace } = make();
    const record = new TestRecord(1, A, [put('k', 'x')]);
    keyspace.integrate(record, 2);
    expect(() => keyspace.dropped(record, record.writes)).toThrow('invariant');
  });

  test('a record that moved takes its current writes along and leaves the others', () => {
    const { keyspace } = make();
    const from = new TestRecord(1, A, [put('a', '1'), put('b', '2'), system('s', '3')]);
    keyspace.integrate(from, 2);
    keyspace.integrate(new TestRecord(2, A, [put('a', '4')]), 3);
    const to = from.copy((write) => write.key !== 'a');
    keyspace.moved(from, to);
    keyspace.dropped(from, from.writes.filter((write) => write.key === 'a'));
    expect([from.live, to.live]).toEqual([0, 2]);
    expect(keyspace.isCurrent(from, from.writes[1]!)).toBe(false);
    expect(keyspace.isCurrent(to, to.writes[0]!)).toBe(true);
    from.bytes.fill(0);
    expect(value(keyspace, 'b', 3)).toBe('2');
    expect(Buffer.from(keyspace.system.get('s')!).toString()).toBe('3');
    checkInvariants(keyspace);
  });
});

test('the system space has heads, no revisions and no history', () => {
  const { keyspace } = make();
  const told: string[] = [];
  keyspace.system.onChange((key, bytes, revision) => told.push(`${key}=${bytes === null ? '-' : Buffer.from(bytes).toString()}@${revision}`));
  expect(keyspace.integrate(new TestRecord(1, A, [system('lease', 'x')]), 2)).toBe(false);
  expect(keyspace.integrate(new TestRecord(2, A, [system('lease', null), put('k', 'v')]), 2)).toBe(true);
  expect(keyspace.integrate(new TestRecord(1, B, [system('lease', 'late')]), 3)).toBe(false);
  expect(told).toEqual(['lease=x@1', 'lease=-@1']);
  expect(keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: true }, 2).count).toBe(1);
});

test('what is not durable is not visible', () => {
  const { keyspace } = make();
  const told: string[] = [];
  keyspace.onVisible((changes, revision) => told.push(`${revision}: ${changes.map(describeChange).join(', ')}`));
  keyspace.integrate(new TestRecord(1, A, [put('a', '1', 9n), put('b', '2')]), 2);
  keyspace.integrate(new TestRecord(2, A, [del('a')]), 3);
  expect(value(keyspace, 'a')).toBeNull();
  expect(keyspace.keysOfLease(9n)).toEqual([]);
  keyspace.durable(2);
  expect(value(keyspace, 'a')).toBe('1');
  expect(value(keyspace, 'a', 3)).toBeNull();
  keyspace.advanced(1000);
  keyspace.durable(1000);
  expect(told).toEqual(['2: 2 put a=1 v1 c2 was -, 2 put b=2 v1 c2 was -', '1000: 3 delete a= v0 c0 was 1']);
  expect(keyspace.visibleRevision).toBe(1000);
});

describe('compaction', () => {
  test('is logical at once and physical in slices, at the cost of what changed', async () => {
    const { keyspace, clock } = make();
    let revision = 1;
    for (let i = 0; i < 1000; i++) keyspace.integrate(new TestRecord(i + 1, A, [put('k' + (i % 10), String(i))]), ++revision);
    keyspace.durable(revision);
    keyspace.compacted(900);
    expect(() => keyspace.range({ range: { start: 'k0' }, limit: 0, countOnly: false }, 899)).toThrow('compacted');
    expect(() => [...keyspace.changes(899)]).toThrow('compacted');
    expect(value(keyspace, 'k9', 900)).toBe('889');
    let done = false;
    const physical = keyspace.physicallyCompacted(900).then(() => (done = true));
    clock.stepMs = 10;
    expect(clock.run()).toBeGreaterThan(5);
    await physical;
    expect(done).toBe(true);
    checkInvariants(keyspace);
    expect(keyspace.inside.keys.get('k9')!.older!.length).toBe(11);
    expect([...keyspace.changes(900)].map(describeChange)[0]).toBe('900 put k8=898 v90 c10 was -');
    expect([...keyspace.changes(901)].length).toBe(101);
  });

  test('a compaction that overtakes an iterator ends it', () => {
    const { keyspace, clock } = make();
    for (let i = 0; i < 10; i++) keyspace.integrate(new TestRecord(i + 1, A, [put('k', String(i))]), i + 2);
    keyspace.durable(11);
    const changes = keyspace.changes(2);
    expect(changes.next().value.revision).toBe(2);
    keyspace.compacted(8);
    clock.run();
    expect(() => changes.next()).toThrow('compacted');
  });

  test('a later compaction goes on while the first is under way', async () => {
    const { keyspace, clock } = make();
    for (let i = 0; i < 1000; i++) keyspace.integrate(new TestRecord(i + 1, A, [put('k' + i, 'x')]), i + 2);
    keyspace.durable(1001);
    clock.stepMs = 10;
    keyspace.compacted(600);
    keyspace.compacted(1000);
    const both = Promise.all([keyspace.physicallyCompacted(600), keyspace.physicallyCompacted(1000)]);
    clock.run();
    await both;
    checkInvariants(keyspace);
  });
});

test('counts at a revision are those of a walk, whatever has changed since, durable or not, compacted or not', () => {
  const seed = Number(process.env['SEED'] ?? 20_261_128);
  const below = random(seed);
  const { keyspace, clock } = make();
  const key = (): string => 'k' + String(below(120)).padStart(3, '0');
  let revision = 1;
  for (let step = 1; step <= 3_000; step++) {
    const keys = new Set(Array.from({ length: 1 + below(3) }, key));
    if (keyspace.integrate(new TestRecord(step, A, [...keys].map((one) => (below(3) === 0 ? del(one) : put(one, String(step))))), revision + 1)) revision++;
    if (below(4) === 0) keyspace.durable(revision);
    if (below(100) === 0 && keyspace.visibleRevision > 1) {
      keyspace.compacted(Math.max(keyspace.compactedRevision + 1, keyspace.visibleRevision - below(60)));
      if (below(2) === 0) clock.run();
    }
    const at = Math.max(keyspace.compactedRevision, 1, revision - below(20));
    const start = key();
    const end = below(4) === 0 ? '\0' : key();
    const all = keyspace.range({ range: { start, end }, limit: 0, countOnly: false }, at).kvs.length;
    const where = `seed ${seed}, step ${step}`;
    expect([where, keyspace.range({ range: { start, end }, limit: 0, countOnly: true }, at).count]).toEqual([where, all]);
    expect(keyspace.range({ range: { start, end }, limit: 3, countOnly: false }, at)).toMatchObject({ count: all, kvs: { length: Math.min(3, all) } });
  }
  checkInvariants(keyspace);
});

test('local keys: above what was replicated, with a version that starts high', () => {
  const { keyspace } = make({ localVersionBase: () => 5000 });
  const remote = new TestRecord(1, B, [put('compact_rev_key', 'theirs')]);
  keyspace.integrate(remote, 2);
  keyspace.integrateLocal([put('compact_rev_key', '7')], 3);
  expect(keyspace.get('compact_rev_key', 3)).toMatchObject({ version: 2, createRevision: 2 });
  expect(remote.live).toBe(0);
  keyspace.integrateLocal([put('other', '7')], 4);
  keyspace.integrateLocal([put('other', '8')], 5);
  expect(keyspace.get('other', 5)).toMatchObject({ version: 5002, createRevision: 4 });
  keyspace.integrateLocal([del('other')], 6);
  expect(keyspace.get('other', 6)).toBeNull();
  checkInvariants(keyspace);
});

test('a snapshot of recorded bytes is still read', () => {
  const { keyspace } = make();
  keyspace.integrate(new TestRecord(3, A, [put('k\xff', 'value', 5n)], new Map(), 2), 2);
  const stored = new TestRecord(4, A, [del('k\xff'), system('s', 'y')]);
  keyspace.integrate(stored, 3);
  const find = (_: number, lamport: number) => (lamport === 4 ? stored : undefined);
  const recorded = [
    '00020300',
    '0101026bff020187808080100400',
    '0202026bff060202018880808010030200000000000000050576616c7565026bff0103000088808080100400',
    '030101730101878080801004',
  ];
  expect([...encodeKeyspace(keyspace, find)].map((chunk) => Buffer.from(chunk).toString('hex'))).toEqual(recorded);
  const copy = make().keyspace;
  const loader = new KeyspaceLoader(copy, find);
  for (const chunk of recorded) loader.chunk(Buffer.from(chunk, 'hex'));
  expect([...copy.changes(1)].map(describeChange)).toEqual(['2 put k\xff=value v1 c2 was -', '3 delete k\xff= v0 c0 was value']);
  expect(copy.visibleRevision).toBe(3);
  expect(copy.get('k\xff', 2)!.lease).toBe(5n);
  expect(Buffer.from(copy.system.get('s')!).toString()).toBe('y');
  checkInvariants(copy);
});
