/**
 * Three replicas write real objects, concurrently, and exchange their records in whatever order causes allow; records move and are dropped meanwhile, what is
 * durable lags behind, a replica is loaded anew from its snapshot, merge records are written as soon as all heads are stable.
 */
import { expect, test } from '@jest/globals';
import { defaultMerging, Merger } from '../merge/merger.ts';
import type { RawHead } from '../merge/merger.ts';
import { deployment, fieldsOf, decoded } from '../merge/testing/objects.ts';
import type { Stamp, Write } from '../replica/types.ts';
import { compareStamps, inContext, logId, Space } from '../replica/types.ts';
import type { Conflict } from './conflict.ts';
import { rawHead } from './contest.ts';
import { checkInvariants } from './invariants.ts';
import { Keyspace } from './keyspace.ts';
import { encodeKeyspace, KeyspaceLoader } from './snapshot.ts';
import { del, random, TestClock, TestRecord } from './testing/records.ts';
import type { Change } from './types.ts';

const policy = { ...defaultMerging.policy, kinds: defaultMerging.policy.kinds.map((kind) => ({ ...kind, checks: [] })) };
const merging = { ...defaultMerging, policy };
const name = (record: Stamp): string => `${record.log}/${record.lamport}`;
const KEYS = ['/registry/a', '/registry/b', '/registry/c', 'plain'];
const show = (value: Uint8Array): string => {
  try {
    return [...fieldsOf(decoded(value))].map(([field, text]) => `${field}=${text}`).sort().join();
  } catch {
    return Buffer.from(value).toString();
  }
};

class Replica {
  readonly log: number;
  readonly clock = new TestClock();
  readonly conflicts: Conflict[] = [];
  keyspace = this.#empty();
  /** What came in, and to what it came: what a journal has. */
  readonly journal: { readonly record: TestRecord; readonly recorded: number }[] = [];
  lamport = 0;
  context = new Map<number, number>();
  documents = new Map<string, TestRecord>();
  readonly #rand: (below: number) => number;
  seen = new Map<string, string>();
  lastSeen = 1;

  constructor(log: number, rand: (below: number) => number) {
    this.log = log;
    this.#rand = rand;
    this.#listen();
  }

  #empty(): Keyspace {
    return new Keyspace({ clock: this.clock, merger: new Merger(merging), onConflict: (conflict) => this.conflicts.push(conflict) });
  }

  #listen(): void {
    this.keyspace.onVisible((changes) => changes.forEach((change) => this.#see(change)));
  }

  #see(change: Change): void {
    expect(change.revision).toBeGreaterThanOrEqual(this.lastSeen);
    this.lastSeen = change.revision;
    const before = this.seen.get(change.kv.key);
    expect(change.prev === null ? undefined : show(change.prev.value)).toBe(before);
    if (change.type === 'delete') this.seen.delete(change.kv.key);
    else this.seen.set(change.kv.key, show(change.kv.value));
    // One object never turns into another: it goes first.
    const uid = (text: string | undefined): string | undefined => /(?:^|,)u=(u\d+)/.exec(text ?? '')?.[1];
    if (change.type === 'put' && uid(before) !== undefined && change.kv.key !== 'plain') expect(uid(show(change.kv.value))).toBe(uid(before));
  }

  write(stable: (stamp: Stamp) => boolean, value: () => string): TestRecord {
    const rand = this.#rand;
    const keys = new Set(Array.from({ length: 1 + rand(2) }, () => KEYS[rand(KEYS.length)]!));
    const writes = [...keys].map((key): Write => {
      const live = this.keyspace.get(key, this.keyspace.appliedRevision);
      if (live !== null && rand(6) === 0) return del(key);
      if (key === 'plain') return { space: Space.client, key, value: Buffer.from(value()), lease: 0n };
      const before = live === null ? null : fieldsOf(decoded(live.value));
      // Kubernetes makes an object anew only after it has been deleted.
      const after = before ?? new Map([['u', `u${value()}`], ['E:x', 'x']]);
      for (let i = 1 + rand(2); i > 0; i--) {
        const field = ['l', 'a', 's', 'n', 'E:y', 'F:f', 'F:g'][rand(7)]!;
        if (after.has(field) && rand(3) === 0) after.delete(field);
        else after.set(field, field === 'n' ? String(rand(5)) : /^[EF]:/.test(field) ? field.slice(2) : value());
      }
      return { space: Space.client, key, value: deployment(after), lease: BigInt(rand(2)) };
    });
    return new TestRecord(++this.lamport, this.log, this.keyspace.describe(writes, stable), new Map(this.context));
  }

  /** Merge records for all keys whose heads are stable, the highest being of this replica. */
  merge(stable: (stamp: Stamp) => boolean): TestRecord | null {
    const contests = this.keyspace.contests!;
    for (const [key, contest] of contests.entries()) {
      if (contest.top.record.log !== this.log || !contest.heads.every(({ record }) => stable(record))) continue;
      const result = contest.evaluate(contests.merger);
      const info = contests.merger.written(result);
      const write: Write = { space: Space.client, key, value: result.value, lease: contest.leaseOf(result), merged: true, ...(info === null ? {} : { info }) };
      return new TestRecord(++this.lamport, this.log, [write], new Map(this.context));
    }
    return null;
  }

  covers(record: TestRecord): boolean {
    for (const [log, lamport] of record.context()) if (log !== record.log && (this.context.get(log) ?? 0) < lamport) return false;
    return true;
  }

  integrate(record: TestRecord): void {
    this.lamport = Math.max(this.lamport, record.lamport);
    this.context.set(record.log, record.lamport);
    this.documents.set(name(record), record);
    let next = this.keyspace.appliedRevision + 1;
    const first = next;
    const copy = record.copy();
    const visible = this.keyspace.integrate(record, next, () => ++next);
    this.journal.push({ record: copy, recorded: visible ? next : 0 });
    expect(this.keyspace.appliedRevision).toBe(visible ? next : first - 1);
    if (record.writes[0]!.merged === true && record.log === this.log) expect(visible).toBe(false);
  }

  housekeeping(): void {
    const rand = this.#rand;
    const { keyspace } = this;
    const records = [...this.documents.values()];
    switch (rand(6)) {
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
        const { live } = from;
        keyspace.moved(from, to);
        keyspace.dropped(from, from.writes.filter((write) => !to.writes.some(({ key }) => key === write.key)));
        expect([from.live, to.live]).toEqual([0, live]);
        this.documents.set(name(to), to);
        break;
      }
      case 4:
        if (rand(4) === 0) keyspace.compacted(Math.max(1, keyspace.visibleRevision - rand(10)));
        this.clock.run();
        break;
      case 5:
        if (rand(3) === 0) this.reload();
    }
  }

  reload(): void {
    const chunks = [...encodeKeyspace(this.keyspace, (log, lamport) => this.documents.get(`${log}/${lamport}`))];
    const copies = new Map([...this.documents].map(([stamp, record]) => [stamp, record.copy()]));
    const before = this.keyspace;
    this.keyspace = this.#empty();
    const loader = new KeyspaceLoader(this.keyspace, (log, lamport) => copies.get(`${log}/${lamport}`));
    for (const chunk of chunks) loader.chunk(chunk);
    for (const [stamp, record] of copies) expect([stamp, record.live]).toEqual([stamp, this.documents.get(stamp)!.live]);
    expect(this.keyspace.contests!.size).toBe(before.contests!.size);
    this.documents = copies;
    for (const change of this.keyspace.changes(before.visibleRevision + 1)) this.#see(change);
    this.#listen();
  }

  state(): Map<string, string> {
    const { kvs } = this.keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false });
    return new Map(kvs.map((kv) => [kv.key, show(kv.value)]));
  }
}

/** What the heads among all records come to, merge records left out. */
function expected(all: readonly TestRecord[]): Map<string, string> {
  const merger = new Merger(merging);
  const state = new Map<string, string>();
  for (const key of KEYS) {
    const heads: RawHead[] = all.flatMap((record) => record.writes.filter((write) => write.key === key && write.merged !== true).map((write) => rawHead(record, write)));
    const standing = heads.filter((h) => !heads.some((g) => g !== h && inContext(g.context(), h.stamp)));
    if (standing.length === 0) continue;
    const top = standing.reduce((a, b) => (compareStamps(a.stamp, b.stamp) > 0 ? a : b));
    const value = standing.length === 1 || key === 'plain' ? top.value : merger.evaluate(standing.map((head) => merger.decode(head)), standing.map((head) => head.value)).value;
    if (value !== null) state.set(key, show(value));
  }
  return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

test.each(Array.from({ length: 25 }, (_, i) => i + 1))('all replicas end alike, and their watchers have what their readers see: seed %i', (seed) => {
  const rand = random(seed);
  const replicas = [1, 2, 3].map((slot) => new Replica(logId(slot, rand(1e9)), rand));
  const all: TestRecord[] = [];
  let counter = 0;
  const value = (): string => String(++counter);
  const stableAt = (replica: Replica) => (stamp: Stamp): boolean =>
    replicas.every((other) => inContext(other.context, stamp) && [...other.context].every(([log, lamport]) => (replica.context.get(log) ?? 0) >= lamport));
  const deliver = (replica: Replica): boolean => {
    const logs = new Set<number>();
    const next = all.filter((record) => (replica.context.get(record.log) ?? 0) < record.lamport && !logs.has(record.log) && logs.add(record.log));
    const ready = next.filter((record) => replica.covers(record));
    if (ready.length === 0) return false;
    replica.integrate(ready[rand(ready.length)]!.copy());
    return true;
  };
  const merge = (replica: Replica): boolean => {
    const record = replica.merge(stableAt(replica));
    if (record === null) return false;
    all.push(record);
    replica.integrate(record.copy());
    return true;
  };
  for (let step = 0; step < 300; step++) {
    const replica = replicas[rand(3)]!;
    const kind = rand(12);
    if (kind < 3) {
      const record = replica.write(stableAt(replica), value);
      all.push(record);
      replica.integrate(record.copy());
    } else if (kind < 8) deliver(replica);
    else if (kind === 8) merge(replica);
    else if (kind === 9 && rand(3) === 0) for (const one of replicas) while (deliver(one));
    else replica.housekeeping();
    if (step % 10 === 0) checkInvariants(replica.keyspace);
  }
  for (const replica of replicas) while (deliver(replica));
  const end = expected(all);
  for (const replica of replicas) {
    replica.keyspace.durable(replica.keyspace.appliedRevision);
    expect(replica.state()).toEqual(end);
  }
  // Everything is stable now: every contest is written down, and nobody sees anything of it.
  for (let again = true; again;) {
    again = false;
    for (const replica of replicas) if (merge(replica)) again = true;
    for (const replica of replicas) while (deliver(replica));
  }
  for (const replica of replicas) {
    expect(replica.keyspace.contests!.size).toBe(0);
    replica.keyspace.durable(replica.keyspace.appliedRevision);
    replica.clock.run();
    checkInvariants(replica.keyspace);
    expect(replica.state()).toEqual(end);
    expect(new Map([...replica.seen].sort(([a], [b]) => (a < b ? -1 : 1)))).toEqual(end);
    expect(replica.conflicts.length).toBeGreaterThan(0);
  }
  // Started again with other tables, or without any: what has been written down as merged holds, and every revision is what it was.
  for (const { journal } of replicas) {
    for (const other of [merging, { ...merging, policy: { common: {}, kinds: [] } }, { ...merging, prefix: '/other/' }, null]) {
      const keyspace = new Keyspace({ clock: new TestClock(), ...(other === null ? {} : { merger: new Merger(other) }), onConflict: () => {} });
      for (const { record, recorded } of journal) {
        let next = keyspace.appliedRevision + 1;
        const visible = keyspace.integrate(record.copy(), next, () => ++next, recorded);
        expect(visible ? next : 0).toBe(recorded);
      }
      checkInvariants(keyspace);
      keyspace.durable(keyspace.appliedRevision);
      const { kvs } = keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false });
      expect(new Map(kvs.map((kv) => [kv.key, show(kv.value)]))).toEqual(end);
    }
  }
  const values = replicas.map(({ keyspace }) => KEYS.map((key) => Buffer.from(keyspace.get(key)?.value ?? []).toString('hex')).join());
  expect(new Set(values).size).toBe(1);
});
