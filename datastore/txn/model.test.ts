import { expect, test } from '@jest/globals';
import { EtcdError } from '../errors.ts';
import { checkInvariants } from '../keyspace/invariants.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { encodeKeyspace, KeyspaceLoader } from '../keyspace/snapshot.ts';
import { random, TestClock } from '../keyspace/testing/records.ts';
import type { Change, KeyValue } from '../keyspace/types.ts';
import { Engine } from './engine.ts';
import { single, TestCommitter } from './testing/committer.ts';
import { Generator, LEASES } from './testing/generator.ts';
import type { ModelChange, Pair } from './testing/model.ts';
import { Model, Refused } from './testing/model.ts';
import type { Kv } from './types.ts';

const pair = (kv: KeyValue | null, keysOnly = false): Pair | null =>
  kv === null
    ? null
    : {
        key: kv.key,
        value: keysOnly ? '' : Buffer.from(kv.value).toString('latin1'),
        create: kv.createRevision,
        mod: kv.modRevision,
        version: kv.version,
        lease: keysOnly ? 0n : kv.lease,
      };

/** An answer of the engine in the model's terms. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function plain(result: any): unknown {
  switch (result.type) {
    case 'range':
      return { type: 'range', revision: result.revision, kvs: result.kvs.map((kv: KeyValue) => pair(kv, result.keysOnly)), more: result.more, count: result.count };
    case 'put':
      return { type: 'put', revision: result.revision, prevKv: pair(result.prevKv) };
    case 'delete':
      return { ...result, prevKvs: result.prevKvs.map((kv: KeyValue) => pair(kv)) };
    default:
      return { ...result, responses: result.responses.map(plain) };
  }
}

const plainChange = (change: Change): ModelChange => ({
  type: change.type,
  key: change.kv.key,
  revision: change.revision,
  pair: change.type === 'put' ? pair(change.kv) : null,
  prev: pair(change.prev),
});

const INVALID = /duplicate key|value is provided|lease is provided|key is not provided/;

async function run(seed: number, steps: number): Promise<void> {
  const rand = random(seed);
  const clock = new TestClock();
  const options = { clock };
  let keyspace = new Keyspace(options);
  let committer = new TestCommitter(keyspace);
  let kv: Kv = new Engine(keyspace, committer, single, { leaseExists: (id) => LEASES.includes(id) });
  const seen: ModelChange[] = [];
  const listen = (): (() => void) => keyspace.onVisible((changes) => seen.push(...changes.map(plainChange)));
  listen();
  const model = new Model();
  for (const lease of LEASES) model.leases.add(lease);
  const generate = new Generator(rand);

  for (let step = 0; step < steps; step++) {
    generate.current = model.current;
    const kind = rand(100);
    let mine: unknown;
    let theirs: unknown;
    const both = async (engine: () => unknown, other: () => unknown): Promise<void> => {
      let invalid = false;
      try {
        mine = plain(await engine());
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        mine = error.message.replace('etcdserver: ', '');
        invalid = INVALID.test(mine as string);
      }
      // The model does not check the shape of requests: validate.test.ts does.
      if (invalid) return;
      try {
        theirs = other();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        theirs = error.message;
      }
      expect({ seed, step, answer: mine }).toEqual({ seed, step, answer: theirs });
    };
    if (kind < 30) {
      const request = generate.range();
      await both(() => kv.range(request), () => model.range(request));
    } else if (kind < 55) {
      const request = generate.put();
      await both(() => kv.put(request), () => model.put(request));
    } else if (kind < 65) {
      const request = generate.delete();
      await both(() => kv.deleteRange(request), () => model.deleteRange(request));
    } else if (kind < 94) {
      const request = generate.txn();
      await both(() => kv.txn(request), () => model.txn(request));
    } else if (kind < 96) {
      const revision = Math.max(0, model.current - rand(15)) + (rand(10) === 0 ? 10 : 0);
      await both(
        async () => ({ ...(await kv.compact(revision, false)), type: 'compact', responses: [] }),
        () => {
          model.compact(revision);
          return { revision: model.current, type: 'compact', responses: [] };
        },
      );
      if (rand(2) === 0) clock.run();
    } else if (kind < 98) {
      clock.run();
      checkInvariants(keyspace);
      const from = Math.max(1, model.compacted, model.current - rand(40));
      const expected = model.changes
        .filter((change) => change.revision >= from)
        .map((change) => (change.revision <= model.compacted ? { ...change, prev: null } : change));
      expect({ seed, step, changes: [...keyspace.changes(from)].map(plainChange) }).toEqual({ seed, step, changes: expected });
    } else if (kind < 99) {
      for (const lease of LEASES) {
        const keys = [...model.worlds.get(model.current)!.values()].filter((p) => p.lease === lease).map((p) => p.key);
        expect(keyspace.keysOfLease(lease).sort()).toEqual(keys.sort());
      }
    } else {
      // A restart from a snapshot in which some records have left the documents: nothing may change.
      const [dead, kept] = [true, false].map((gone) => committer.records.filter((record) => (record.live === 0 && record.lamport % 2 === 0) === gone));
      for (const record of dead!) keyspace.dropped(record, record.writes);
      const records = new Map(kept!.map((record) => [record.lamport, record]));
      const chunks = [...encodeKeyspace(keyspace, (_, lamport) => records.get(lamport))];
      const used = committer.used;
      keyspace = new Keyspace(options);
      const copies = new Map(kept!.map((record) => [record.lamport, record.copy()]));
      const loader = new KeyspaceLoader(keyspace, (_, lamport) => copies.get(lamport));
      for (const chunk of chunks) loader.chunk(chunk);
      committer = new TestCommitter(keyspace);
      committer.records.push(...copies.values());
      committer.used = used;
      kv = new Engine(keyspace, committer, single, { leaseExists: (id) => LEASES.includes(id) });
      listen();
      checkInvariants(keyspace);
      for (const [lamport, record] of records) expect({ seed, lamport, live: copies.get(lamport)!.live }).toEqual({ seed, lamport, live: record.live });
    }
  }
  expect(seen).toEqual(model.changes);
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('any requests, answered as by a model that copies the world at each revision: seed %i', async (seed) => {
  await run(seed, 1500);
});
