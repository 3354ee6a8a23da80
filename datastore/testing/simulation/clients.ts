/** Random clients of the KV, Lease and Maintenance services. Each answer is compared with the replica's history. */
import { EtcdError } from '../../errors.ts';
import type { KeyRange, KeyValue } from '../../keyspace/types.ts';
import type { Store } from '../../store/store.ts';
import { ForeignRevisionError } from '../../txn/engine.ts';
import type { RangeRequest, TxnRequest } from '../../txn/types.ts';
import type { SimRandom } from '../sim-random.ts';
import type { SeenVersion } from './history.ts';
import type { SimNode } from './node.ts';
import { changed, OBJECTS } from './objects.ts';
import type { Process } from './process.ts';
import { applyTxn, randomTxn } from './transactions.ts';
import { stampName } from './registry.ts';
import type { KnownRecord } from './registry.ts';
import { check } from './violation.ts';
import type { World } from './world.ts';

export const KEYS = Array.from({ length: 14 }, (_, i) => `k${i.toString().padStart(2, '0')}`);
const LOCAL_KEYS = ['j0', 'j1'];
const COMPACTED = 'etcdserver: mvcc: required revision has been compacted';
const FUTURE = 'etcdserver: mvcc: required revision is a future revision';
const LEASES = 6;

export function randomRange(random: SimRandom): KeyRange {
  if (random.chance(0.15)) return { start: 'k', end: '\0' };
  const start = random.pick(KEYS);
  return random.chance(0.5) ? { start } : { start, end: `k${(Number(start.slice(1)) + 1 + random.below(6)).toString().padStart(2, '0')}` };
}

export const rangeRequest = (range: KeyRange, revision = 0, limit = 0): RangeRequest => ({
  range, limit, revision, sortOrder: 0, sortTarget: 0, serializable: false, keysOnly: false, countOnly: false,
  minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0,
});

export function sameVersion(kv: KeyValue | null, seen: SeenVersion | null): boolean {
  if (kv === null || seen === null) return kv === null && seen === null;
  return seen.value!.equals(kv.value) && kv.modRevision === seen.revision && kv.version === seen.version && kv.createRevision === seen.createRevision && kv.lease === seen.lease;
}

interface Running {
  readonly node: SimNode;
  readonly process: Process;
  readonly store: Store;
}

export class Client {
  readonly name: string;
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #paceMs: number;
  /** It stays with one replica, most of the time. */
  #node: SimNode;
  /** Revisions that it has seen, and where. */
  #known: { readonly node: SimNode; readonly revision: number }[] = [];
  #writes = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#random = world.random.fork(`client ${name}`);
    this.#paceMs = 20 + this.#random.float() * 180;
    this.#node = this.#random.pick(world.nodes);
    world.onForgotten.push((node) => (this.#known = this.#known.filter((known) => known.node !== node)));
  }

  run(): void {
    this.#world.go(async () => {
      while (this.#world.busy) {
        await this.#world.sleep(this.#random.chance(0.3) ? 0 : this.#random.float() * 2 * this.#paceMs);
        if (this.#random.chance(0.03) || (!this.#node.serving && this.#random.chance(0.2))) this.#node = this.#random.pick(this.#world.reachable);
        if (this.#node.serving) this.#ask();
      }
    });
  }

  /** One request. Does not wait for the answer: requests overlap. */
  #ask(): void {
    const node = this.#node;
    const process = node.process!;
    const at: Running = { node, process, store: process.store! };
    const draw = this.#random.float() * 100;
    const ask = (name: string, work: (at: Running) => Promise<void> | void): void => this.#attempt(name, at, work);
    if (draw < 20) return ask('put', (on) => this.#put(on));
    if (draw < 30) return ask('object', (on) => this.#object(on));
    if (draw < 40) return ask('deleteRange', (on) => this.#deleteRange(on));
    if (draw < 56) return ask('txn', (on) => this.#txn(on));
    if (draw < 70) return ask('range', (on) => this.#range(on));
    if (draw < 78) return ask('range at revision', (on) => this.#rangeAt(on));
    if (draw < 81) return ask('foreign revision', (on) => this.#foreign(on));
    if (draw < 82.5) return ask('compact', (on) => this.#compact(on));
    if (draw < 87) return ask('lease grant', (on) => this.#grant(on));
    if (draw < 94) return ask('lease keepalive', (on) => this.#keepAlive(on));
    if (draw < 96) return ask('lease revoke', (on) => this.#revoke(on));
    if (draw < 96.7) return ask('put local', (on) => this.#local(on));
    if (draw < 97) return ask('alarm disarm', (on) => this.#disarm(on));
    if (draw < 97.7) return ask('lease time to live', ({ store }) => void (this.#world.leases.size > 0 && store.leases.timeToLive(this.#random.pick([...this.#world.leases.keys()]), true)));
    if (draw < 98.5) return ask('hash', async ({ store }) => void (await store.maintenance.hash()));
    return ask('defragment', ({ store }) => store.maintenance.defragment());
  }

  #attempt(name: string, at: Running, work: (at: Running) => Promise<void> | void): void {
    const { figures } = this.#world;
    figures.add(`op ${name}`);
    this.#world.go(async () => {
      try {
        await work(at);
      } catch (error) {
        if (at.process.dead || !at.process.serving) return figures.add('unanswered');
        if (error instanceof EtcdError) return figures.add(`refused ${error.message.replace('etcdserver: ', '')}`);
        if (name === 'defragment') return figures.add('refused snapshot');
        throw error;
      }
    });
  }

  #value(): Buffer {
    return Buffer.from(`${this.name}.${++this.#writes}${this.#random.chance(0.05) ? 'x'.repeat(this.#random.below(3_000)) : ''}`);
  }

  #lease(): bigint {
    const { leases } = this.#world;
    return leases.size > 0 && this.#random.chance(0.2) ? this.#random.pick([...leases.keys()]) : 0n;
  }

  /** The answer to a write has come: it is visible, whole, at this revision. @returns false if the replica is gone already */
  #acknowledged({ node, process, store }: Running, revision: number, writes: readonly { key: string; value: Buffer | null; lease: bigint }[]): boolean {
    // Sent away by a drain before the answer.
    if (process.dead || !process.serving) return false;
    const world = this.#world;
    const decided = process.observer!.decided.get(revision);
    check(decided !== undefined && decided.own && decided.record !== null, () => `${node.name} answered a write with revision ${revision}, which it did not decide`);
    check(store.keyspace.visibleRevision >= revision && node.history.visible >= revision, () => `${node.name} answered ${revision} before it was visible`);
    const show = (list: readonly { key: string; value: Buffer | null; lease: bigint }[]): string => list.map((w) => `${w.key}=${w.value?.toString() ?? '-'}/${w.lease}`).sort().join();
    const got = decided.record.writes.filter((w) => w.name.startsWith('0')).map((w) => ({ key: w.name.slice(1), value: w.value, lease: w.lease }));
    check(show(got) === show(writes), () => `${node.name}: revision ${revision} holds ${show(got)}, the transaction was ${show(writes)}`);
    const shown = node.history.of(revision);
    check(shown.length === writes.length, () => `${node.name}: revision ${revision} shows ${shown.length} changes of ${writes.length}`);
    check(decided.record.promised, () => `${node.name} answered ${revision} before it was durable`);
    decided.record.acknowledged = true;
    if (world.options.writeAcks > 1) this.#copies(decided.record, node);
    world.figures.add('check acknowledged');
    this.#knows(node, revision);
    world.trace.say(node.name, `${this.name} wrote ${revision}: ${show(writes).slice(0, 120)}`);
    return true;
  }

  /** With --write-acks so many replicas have it on their disks before the client is told. */
  #copies(record: KnownRecord, author: SimNode): void {
    const { reachable, options, figures } = this.#world;
    const holders = reachable.filter((node) => node === author || (node.held.get(record.log) ?? 0) >= record.lamport);
    // One that has lost its disk since, or has left, counted when it said so.
    const lost = this.#world.all.length > reachable.length || this.#world.lostDisks.size > 0;
    check(holders.length >= options.writeAcks || lost, () => `${author.name} acknowledged ${stampName(record)}, which is on the disks of ${holders.map((node) => node.name).join()}`);
    record.copies = holders.map((node) => node.disk);
    figures.add('check copies');
  }

  /** A key that is never replicated. */
  async #local(at: Running): Promise<void> {
    if (this.#world.options.localKeys.length === 0) return;
    const key = this.#random.pick(LOCAL_KEYS);
    const gone = this.#random.chance(0.25);
    const value = this.#value();
    const { revision } = gone
      ? await at.store.kv.deleteRange({ range: { start: key }, prevKv: false })
      : await at.store.kv.put({ key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false });
    if (at.process.dead) return;
    const { history } = at.node;
    const seen = history.at(key, revision);
    check(gone ? seen === null : seen?.value?.equals(value) === true, () => `${at.node.name}: the local ${key} is not what was written at ${revision}`);
    for (const other of this.#world.reachable) {
      if (other !== at.node) check(other.history.at(key, Infinity)?.value?.equals(value) !== true, () => `${other.name} shows ${key}, a local key of ${at.node.name}`);
    }
    this.#world.figures.add('check local key');
  }

  async #disarm(at: Running): Promise<void> {
    for (const alarm of at.store.maintenance.alarms()) {
      await at.store.maintenance.deactivate(alarm);
      this.#world.figures.add('event alarm disarmed');
    }
  }

  #knows(node: SimNode, revision: number): void {
    this.#known.push({ node, revision });
    if (this.#known.length > 20) this.#known.shift();
  }

  async #put(at: Running): Promise<void> {
    const key = this.#random.pick(KEYS);
    const value = this.#value();
    const lease = this.#lease();
    const { revision, prevKv } = await at.store.kv.put({ key, value, lease, prevKv: true, ignoreValue: false, ignoreLease: false });
    if (!this.#acknowledged(at, revision, [{ key, value, lease }])) return;
    const { history } = at.node;
    check(sameVersion(prevKv, history.at(key, revision - 1)), () => `${at.node.name}: a put of ${key} at ${revision} saw another value before`);
  }

  /** As apiserver writes: reads, changes, and puts only if nobody has written in between. */
  async #object(at: Running): Promise<void> {
    const { store, node } = at;
    const key = this.#random.pick(OBJECTS);
    const [now] = store.kv.range(rangeRequest({ start: key })).kvs;
    const request: TxnRequest = {
      compare: [{ range: { start: key }, result: 'equal', target: 'mod', number: now?.modRevision ?? 0, lease: 0n, value: new Uint8Array(0) }],
      success: [now !== undefined && this.#random.chance(0.15)
        ? { type: 'delete', request: { range: { start: key }, prevKv: false } }
        : { type: 'put', request: { key, value: changed(this.#random, now?.value ?? null, () => `${this.name}.${++this.#writes}`), lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false } }],
      failure: [],
    };
    const { succeeded, revision } = await store.kv.txn(request);
    if (!succeeded || at.process.dead) return;
    const [op] = request.success;
    this.#acknowledged(at, revision, [{ key, value: op!.type === 'put' ? Buffer.from(op!.request.value) : null, lease: 0n }]);
    check(node.history.of(revision).length === 1, () => `${node.name}: a write of ${key} at ${revision} is not shown`);
  }

  async #deleteRange(at: Running): Promise<void> {
    const range = randomRange(this.#random);
    const { revision, deleted, prevKvs } = await at.store.kv.deleteRange({ range, prevKv: true });
    if (at.process.dead) return;
    const { history } = at.node;
    const keys = history.keysIn(range, deleted > 0 ? revision - 1 : revision);
    check(keys.join() === prevKvs.map((kv) => kv.key).join() && deleted === keys.length, () => `${at.node.name}: at ${revision} ${prevKvs.map((kv) => kv.key).join()} were deleted, there were ${keys.join()}`);
    for (const kv of prevKvs) check(sameVersion(kv, history.at(kv.key, revision - 1)), () => `${at.node.name}: deletion of ${kv.key} at ${revision} saw another value`);
    if (deleted > 0) this.#acknowledged(at, revision, keys.map((key) => ({ key, value: null, lease: 0n })));
  }

  async #txn(at: Running): Promise<void> {
    const { history } = at.node;
    const request = randomTxn(this.#random, history, () => this.#value(), () => this.#lease());
    const result = await at.store.kv.txn(request);
    if (at.process.dead) return;
    const wrote = at.process.observer!.decided.get(result.revision);
    // A revision that this transaction did not make is the one it was evaluated at.
    const writes = applyTxn(history, request, result, (w) => w > 0);
    if (writes.length > 0) {
      check(wrote !== undefined, () => `${at.node.name}: a transaction wrote at ${result.revision}, which nobody decided`);
      this.#acknowledged(at, result.revision, writes);
    }
    this.#world.figures.add('check txn');
  }

  #compare(at: Running, request: RangeRequest, revision: number): void {
    const { history } = at.node;
    const { kvs, count } = at.store.kv.range(request);
    const keys = history.keysIn(request.range, revision);
    check(count === keys.length, () => `${at.node.name}: a range at ${revision} counts ${count} keys, there were ${keys.length}`);
    const wanted = request.limit > 0 ? keys.slice(0, request.limit) : keys;
    check(kvs.map((kv) => kv.key).join() === wanted.join(), () => `${at.node.name}: a range at ${revision} gives ${kvs.map((kv) => kv.key).join()}, there were ${wanted.join()}`);
    for (const kv of kvs) check(sameVersion(kv, history.at(kv.key, revision)), () => `${at.node.name}: ${kv.key} read at ${revision} is not what it was`);
    this.#world.figures.add('check read');
  }

  #range(at: Running): void {
    const request = rangeRequest(randomRange(this.#random), 0, this.#random.below(4));
    const { revision } = at.store.kv.range(request);
    check(revision >= at.node.history.visible, () => `${at.node.name}: the revision went back from ${at.node.history.visible} to ${revision}`);
    this.#compare(at, request, revision);
    this.#knows(at.node, revision);
  }

  #rangeAt(at: Running): void {
    const { history } = at.node;
    const { changes } = history;
    if (changes.length === 0) return;
    const revision = this.#random.chance(0.7) ? this.#random.pick(changes).after.revision : history.visible;
    const compacted = at.store.keyspace.compactedRevision;
    const request = rangeRequest(randomRange(this.#random), revision, this.#random.below(4));
    try {
      this.#compare(at, request, revision);
      check(revision >= compacted, () => `${at.node.name}: a read at ${revision} was answered, compacted is ${compacted}`);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      check(error.message === COMPACTED && (revision < compacted || revision < at.store.replica.revisions.floor), () => `${at.node.name}: a read at ${revision}, compacted ${compacted}: ${error.message}`);
    }
  }

  /** A client that has moved here names a revision of another replica. */
  async #foreign(at: Running): Promise<void> {
    const others = this.#known.filter((known) => known.node !== at.node);
    if (others.length === 0) return;
    const { node, revision } = this.#random.pick(others);
    // A replica that has never heard of the other cannot know its revisions.
    if (!at.node.hasHeardOf(node)) return;
    try {
      at.store.kv.range(rangeRequest({ start: KEYS[0]! }, revision));
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      check(error.message === COMPACTED, () => `${at.node.name} answered revision ${revision} of ${node.name} with: ${error.message}`);
      if (error instanceof ForeignRevisionError) {
        await error.settled;
        if (at.process.dead) return;
        check(at.store.keyspace.visibleRevision > revision, () => `${at.node.name} did not move above ${revision}`);
        this.#world.figures.add('event counter moved');
      } else check(at.store.keyspace.visibleRevision >= revision, () => `${at.node.name}, at ${at.store.keyspace.visibleRevision}, answered revision ${revision} of ${node.name} at once`);
      this.#world.figures.add('check foreign');
      return;
    }
    check(false, () => `${at.node.name} answered a read at ${revision}, which ${node.name} issued`);
  }

  async #compact(at: Running): Promise<void> {
    const { changes } = at.node.history;
    if (changes.length === 0) return;
    const revision = changes[Math.floor(changes.length * (0.3 + 0.6 * this.#random.float()))]!.after.revision;
    try {
      await at.store.kv.compact(revision, this.#random.chance(0.5));
    } catch (error) {
      if (!(error instanceof EtcdError) || at.process.dead) throw error;
      check(error.message !== FUTURE, () => `${at.node.name}: compaction at ${revision}, visible ${at.node.history.visible}: ${error.message}`);
      throw error;
    }
    if (!at.process.dead) check(at.store.keyspace.compactedRevision >= revision, () => `${at.node.name} has not compacted ${revision}`);
  }

  async #grant(at: Running): Promise<void> {
    const { leases, clock } = this.#world;
    if (leases.size >= LEASES) return;
    const renewedAtMs = clock.monotonicMs();
    const { id, ttl } = await at.store.leases.grant(this.#random.chance(0.5) ? 0n : BigInt(1 + this.#random.below(1_000)), 1 + this.#random.below(8));
    leases.set(id, { id, ttl, renewedBy: at.process, renewedAtMs });
  }

  async #keepAlive(at: Running): Promise<void> {
    const { leases, clock } = this.#world;
    if (leases.size === 0) return;
    const id = this.#random.pick([...leases.keys()]);
    const renewedAtMs = clock.monotonicMs();
    const { ttl } = await at.store.leases.keepAlive(id);
    const lease = leases.get(id);
    if (at.process.dead || lease === undefined) return;
    if (ttl <= 0) return void leases.delete(id);
    if (lease.renewedAtMs > renewedAtMs) return;
    lease.ttl = ttl;
    lease.renewedBy = at.process;
    lease.renewedAtMs = renewedAtMs;
  }

  async #revoke(at: Running): Promise<void> {
    const { leases } = this.#world;
    if (leases.size === 0) return;
    const id = this.#random.pick([...leases.keys()]);
    await at.store.leases.revoke(id);
    // It may be there again: a renewal elsewhere that did not know of the revocation.
    leases.delete(id);
  }
}
