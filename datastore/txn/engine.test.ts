import { describe, expect, test } from '@jest/globals';
import { errNoSpace } from '../errors.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { put, TestClock, TestRecord } from '../keyspace/testing/records.ts';
import { Engine, ForeignRevisionError } from './engine.ts';
import { single, striding, TestCommitter } from './testing/committer.ts';
import { compare, deleteRequest, op, putRequest, rangeRequest, txnRequest } from './testing/requests.ts';
import type { KvOptions, RevisionPolicy } from './types.ts';

function make(options: Partial<KvOptions> = {}, policy: RevisionPolicy = single) {
  const clock = new TestClock();
  const keyspace = new Keyspace({ clock });
  const committer = new TestCommitter(keyspace);
  const kv = new Engine(keyspace, committer, policy, { leaseExists: () => false, ...options });
  return { clock, keyspace, committer, kv };
}
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false;
  void promise.then(
    () => (done = true),
    () => (done = true),
  );
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return done;
};

describe('durability', () => {
  test('a write is answered, and read, only when it is durable', async () => {
    const { kv, committer } = make();
    committer.autoFlush = false;
    const written = kv.put(putRequest('a', '1'));
    expect(await settled(written)).toBe(false);
    expect(kv.range(rangeRequest('a'))).toMatchObject({ count: 0, revision: 1 });
    expect(() => kv.range(rangeRequest('a', undefined, { revision: 2 }))).toThrow('future revision');
    committer.flush();
    expect(await written).toEqual({ type: 'put', revision: 2, prevKv: null });
    expect(kv.range(rangeRequest('a'))).toMatchObject({ count: 1, revision: 2 });
  });

  test('what is decided beside writes that are not durable waits for them: failed compares, refusals, deletions of nothing', async () => {
    const { kv, committer } = make();
    committer.autoFlush = false;
    void kv.put(putRequest('a', '1'));
    const failed = kv.txn(txnRequest([compare('a', 'version', 'equal', 0)], [op.put('a', '2')]));
    const refused = kv.put(putRequest('b', '', { ignoreValue: true }));
    const nothing = kv.deleteRange(deleteRequest('b'));
    const reading = kv.txn(txnRequest([], [op.range('a')]));
    expect(await settled(failed)).toBe(false);
    expect(await settled(refused)).toBe(false);
    expect(await settled(nothing)).toBe(false);
    expect(await reading).toMatchObject({ revision: 1, responses: [{ count: 0 }] });
    committer.flush();
    expect(await failed).toMatchObject({ succeeded: false, revision: 2 });
    await expect(refused).rejects.toThrow('key not found');
    expect(await nothing).toMatchObject({ deleted: 0, revision: 2 });
  });

  test('nothing of a refused transaction is applied', async () => {
    const { kv } = make();
    await expect(kv.txn(txnRequest([], [op.put('a', '1'), op.put('b', '', { lease: 5n })]))).rejects.toThrow('requested lease not found');
    expect(kv.range(rangeRequest('\0', '\0'))).toMatchObject({ count: 0, revision: 1 });
  });
});

describe('foreign revisions', () => {
  const foreign = striding((revision) => (revision % 2 === 1 ? 'foreign' : 'own'));

  test('one above the current revision moves the counter, and the answer waits for that', async () => {
    const { kv, committer, keyspace } = make({}, foreign);
    committer.autoFlush = false;
    let error: unknown;
    try {
      kv.range(rangeRequest('a', undefined, { revision: 1001 }));
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(ForeignRevisionError);
    expect((error as Error).message).toBe('etcdserver: mvcc: required revision has been compacted');
    committer.flush();
    await (error as ForeignRevisionError).settled;
    expect(keyspace.visibleRevision).toBeGreaterThan(1001);
    await expect(kv.compact(1e6 + 1, false)).rejects.toThrow('compacted');
    await expect(kv.txn(txnRequest([], [op.range('a', undefined, { revision: 5 })]))).rejects.toThrow('compacted');
  });

  test('a compare on the mod revision also knows the one of the author', async () => {
    for (const [policy, expected] of [[foreign, true], [single, false]] as const) {
      const { kv, keyspace } = make({}, policy);
      keyspace.integrate(new TestRecord(9, 77, [put('a', '1')], new Map(), 7777), 2);
      keyspace.durable(2);
      expect(await kv.txn(txnRequest([compare('a', 'mod', 'equal', 7777)], []))).toMatchObject({ succeeded: expected });
      expect(await kv.txn(txnRequest([compare('a', 'mod', 'notEqual', 7777)], []))).toMatchObject({ succeeded: !expected });
      expect(await kv.txn(txnRequest([compare('a', 'mod', 'equal', 2)], []))).toMatchObject({ succeeded: true });
    }
  });
});

test('a key that would change twice in one revision is refused, where the validation overlooks it as in etcd', async () => {
  const { kv } = make();
  await kv.put(putRequest('a', '1'));
  const either = op.txn([compare('a', 'version', 'equal', 1)], [op.put('a', '2')], [op.put('b', '2')]);
  await expect(kv.txn(txnRequest([], [either, op.txn([], [op.delete('a')])]))).rejects.toThrow('duplicate key');
  await expect(kv.txn(txnRequest([], [op.delete('a', '\0'), op.put('a', '2')]))).rejects.toThrow('duplicate key');
  expect(kv.range(rangeRequest('a'))).toMatchObject({ count: 1, revision: 2 });
  // Where it does not come to that, it is executed.
  expect(await kv.txn(txnRequest([], [either, op.txn([], [op.delete('b')])]))).toMatchObject({ revision: 3 });
  expect(await kv.txn(txnRequest([], [op.delete('b', '\0'), op.put('b', '2')]))).toMatchObject({ revision: 4 });
});

test('local keys are written here alone, in the same revision as the rest', async () => {
  const { kv, committer } = make({ isLocal: (key) => key === 'local' });
  await kv.txn(txnRequest([], [op.put('a', '1'), op.put('local', '2')]));
  expect(committer.records.map((record) => record.writes.map((write) => write.key))).toEqual([['a']]);
  expect(kv.range(rangeRequest('\0', '\0'))).toMatchObject({ count: 2, revision: 2 });
  await kv.put(putRequest('local', '3'));
  expect(await kv.deleteRange(deleteRequest('\0', '\0'))).toMatchObject({ deleted: 2, revision: 4 });
  expect(committer.records.map((record) => record.writes.map((write) => write.key))).toEqual([['a'], ['a']]);
});

test('without space puts are refused, deletions and reads are not', async () => {
  const { kv } = make({
    writable: (adds) => {
      if (adds) throw errNoSpace();
    },
  });
  expect(() => kv.put(putRequest('a', '1'))).toThrow('database space exceeded');
  await expect(kv.txn(txnRequest([], [], [op.put('a', '1')]))).rejects.toThrow('database space exceeded');
  expect(await kv.txn(txnRequest([], [op.delete('a')]))).toMatchObject({ succeeded: true });
  expect(await kv.deleteRange(deleteRequest('a'))).toMatchObject({ deleted: 0 });
});

test('a physical compaction is answered when memory is free', async () => {
  const { kv, clock } = make();
  for (let i = 0; i < 5; i++) await kv.put(putRequest('a', String(i)));
  const physical = kv.compact(4, true);
  expect(await settled(physical)).toBe(false);
  clock.run();
  expect(await physical).toEqual({ revision: 6 });
  await expect(kv.compact(4, false)).rejects.toThrow('compacted');
  await expect(kv.compact(7, false)).rejects.toThrow('future');
});

test('keys only with a sort by value keeps the lease, as etcd does', async () => {
  const { kv } = make({ leaseExists: () => true });
  await kv.put(putRequest('a', '1', { lease: 3n }));
  const byKey = kv.range(rangeRequest('a', undefined, { keysOnly: true }));
  const byValue = kv.range(rangeRequest('a', undefined, { keysOnly: true, sortTarget: 4 }));
  expect(byKey.keysOnly).toBe(true);
  expect([byValue.keysOnly, byValue.kvs[0]!.lease, byValue.kvs[0]!.value.length]).toEqual([false, 3n, 0]);
});
