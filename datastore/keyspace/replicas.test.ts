/**
 * Three replicas write, concurrently, and exchange their records in whatever order causes allow; records move and are dropped meanwhile,
 * what is durable lags behind, history is compacted, a replica is loaded anew from its snapshot.
 */
import { expect, test } from '@jest/globals';
import type { Context } from '../replica/types.ts';
import { compareStamps, inContext, logId } from '../replica/types.ts';
import { checkInvariants } from './invariants.ts';
import { Keyspace } from './keyspace.ts';
import { encodeKeyspace, KeyspaceLoader } from './snapshot.ts';
import { del, put, random, TestClock, TestRecord } from './testing/records.ts';
import type { Change } from './types.ts';

const name = (record: TestRecord): string => `${record.log}/${record.lamport}`;

class Replica {
  readonly log: number;
  readonly clock = new TestClock();
  /** `log/lamport key` of every write that was said to be beaten. */
  readonly beaten = new Set<string>();
  keyspace = this.#empty();
  lamport = 0;
  context = new Map<number, number>();
  /** What lies in the documents, by stamp. */
  documents = new Map<string, TestRecord>();
  readonly #rand: (below: number) => number;
  /** What a watcher makes of the changes it is told. */
  seen = new Map<string, string>();
  lastSeen = 1;

  constructor(log: number, rand: (below: number) => number) {
    this.log = log;
    this.#rand = rand;
    this.#listen();
  }

  #empty(): Keyspace {
    return new Keyspace({ clock: this.clock, onConflict: ({ key, loser }) => this.beaten.add(`${loser.log}/${loser.lamport} ${key}`) });
  }

  #listen(): void {
    this.keyspace.onVisible((changes) => changes.forEach((change) => this.#see(change)));
  }

  #see(change: Change): void {
    expect(change.revision).toBeGreaterThanOrEqual(this.lastSeen);
    this.lastSeen = change.revision;
    const before = this.seen.get(change.kv.key);
    expect(change.prev === null ? undefined : Buffer.from(change.prev.value).toString()).toBe(before);
    if (change.type === 'delete') this.seen.delete(change.kv.key);
    else this.seen.set(change.kv.key, Buffer.from(change.kv.value).toString());
  }

  write(): TestRecord {
    const rand = this.#rand;
    const keys = new Set(Array.from({ length: 1 + rand(3) }, () => 'k' + rand(8)));
    const writes = [...keys].map((key) => (rand(3) === 0 ? del(key) : put(key, `${this.log % 97}-${this.lamport}`, BigInt(rand(3)))));
    const context: Context = new Map(this.context);
    return new TestRecord(++this.lamport, this.log, writes, context);
  }

  covers(record: TestRecord): boolean {
    for (const [log, lamport] of record.context()) {
      if (log !== record.log && (this.context.get(log) ?? 0) < lamport) return false;
    }
    return true;
  }

  integrate(record: TestRecord): void {
    this.lamport = Math.max(this.lamport, record.lamport);
    this.context.set(record.log, record.lamport);
    this.documents.set(name(record), record);
    const next = this.keyspace.appliedRevision + 1;
    const visible = this.keyspace.integrate(record, next);
    expect(this.keyspace.appliedRevision).toBe(visible ? next : next - 1);
  }

  housekeeping(): void {
    const rand = this.#rand;
    const { keyspace } = this;
    const records = [...this.documents.values()];
    switch (rand(7)) {
      case 0:
      case 1:
        keyspace.durable(keyspace.appliedRevision - rand(Math.min(3, keyspace.appliedRevision)));
        break;
      case 2: {
        const dead = records.find((record) => record.live === 0);
        if (dead === undefined) return;
        keyspace.dropped(dead, dead.writes);
        this.documents.delete(name(dead));
        break;
      }
      case 3: {
        const from = records[rand(records.length)];
        if (from === undefined || from.live === 0) return;
        const to = from.copy((write) => keyspace.isCurrent(from, from.writes.find(({ key }) => key === write.key)!));
        const live = from.live;
        keyspace.moved(from, to);
        keyspace.dropped(from, from.writes.filter((write) => !to.writes.some(({ key }) => key === write.key)));
        expect([from.live, to.live]).toEqual([0, live]);
        from.bytes = from.bytes.slice();
        this.documents.set(name(to), to);
        break;
      }
      case 4:
        if (rand(4) === 0) keyspace.compacted(Math.max(1, keyspace.visibleRevision - rand(10)));
        break;
      case 5:
        this.clock.run();
        break;
      case 6:
        if (rand(4) === 0) this.reload();
    }
  }

  /** What is in the snapshot is durable; watchers that resume must be told the rest. */
  reload(): void {
    const chunks = [...encodeKeyspace(this.keyspace, (log, lamport) => this.documents.get(`${log}/${lamport}`))];
    const copies = new Map([...this.documents].map(([stamp, record]) => [stamp, record.copy()]));
    const before = this.keyspace;
    this.keyspace = this.#empty();
    const loader = new KeyspaceLoader(this.keyspace, (log, lamport) => copies.get(`${log}/${lamport}`));
    for (const chunk of chunks) loader.chunk(chunk);
    for (const [stamp, record] of copies) expect([stamp, record.live]).toEqual([stamp, this.documents.get(stamp)!.live]);
    this.documents = copies;
    if (before.visibleRevision + 1 >= this.keyspace.compactedRevision) {
      for (const change of this.keyspace.changes(before.visibleRevision + 1)) this.#see(change);
    }
    this.#listen();
  }

  state(): Map<string, string> {
    const { kvs, count } = this.keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false });
    expect(count).toBe(kvs.length);
    return new Map(kvs.map((kv) => [kv.key, Buffer.from(kv.value).toString()]));
  }
}

/** All transactions' writes, applied in the order of their stamps. */
function expected(records: readonly TestRecord[]): Map<string, string> {
  const ordered = [...records].sort((a, b) => a.lamport - b.lamport || a.log - b.log);
  const state = new Map<string, string>();
  for (const record of ordered) {
    for (const write of record.writes) {
      if (write.valueLength < 0) state.delete(write.key);
      else state.set(write.key, Buffer.from(record.bytes.subarray(write.valueOffset, write.valueOffset + write.valueLength)).toString());
    }
  }
  return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

test.each(Array.from({ length: 30 }, (_, i) => i + 1))('all replicas end alike, and their watchers have what their readers see: seed %i', (seed) => {
  const rand = random(seed);
  const replicas = [1, 2, 3].map((slot) => new Replica(logId(slot, rand(1e9)), rand));
  const all: TestRecord[] = [];
  const deliver = (replica: Replica): boolean => {
    const logs = new Set<number>();
    // Of each log the next one only.
    const next = all.filter((record) => (replica.context.get(record.log) ?? 0) < record.lamport && !logs.has(record.log) && logs.add(record.log));
    const ready = next.filter((record) => replica.covers(record));
    if (ready.length === 0) return false;
    replica.integrate(ready[rand(ready.length)]!.copy());
    return true;
  };
  for (let step = 0; step < 400; step++) {
    const replica = replicas[rand(3)]!;
    const kind = rand(10);
    if (kind < 3) {
      const record = replica.write();
      all.push(record);
      replica.integrate(record.copy());
    } else if (kind < 7) deliver(replica);
    else replica.housekeeping();
    if (step % 20 === 0) checkInvariants(replica.keyspace);
  }
  for (const replica of replicas) while (deliver(replica));
  const end = expected(all);
  for (const replica of replicas) {
    replica.keyspace.durable(replica.keyspace.appliedRevision);
    replica.clock.run();
    checkInvariants(replica.keyspace);
    expect([...replica.context].sort()).toEqual([...replicas[0]!.context].sort());
    expect(replica.state()).toEqual(end);
    expect(new Map([...replica.seen].sort(([a], [b]) => (a < b ? -1 : 1)))).toEqual(end);
  }
  // A write that is not shown was known to the author of a later one, or it is in every replica's conflict log.
  for (const record of all) {
    for (const { key } of record.writes) {
      const others = all.filter((other) => other !== record && other.writes.some((write) => write.key === key));
      if (others.some((other) => inContext(other.context(), record)) || others.every((other) => compareStamps(other, record) < 0)) continue;
      for (const replica of replicas) expect([...replica.beaten]).toContain(`${name(record)} ${key}`);
    }
  }
  expect(all.some((record) => replicas.some((replica) => !inContext(record.context(), { lamport: replica.lamport, log: replica.log })))).toBe(true);
});
