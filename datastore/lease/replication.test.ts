/** Leases over the real replica and keyspace: what records make of a renewal and an expiry that did not know of each other. */
import { afterEach, expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { Keyspace } from '../keyspace/keyspace.ts';
import { decodeFrame } from '../replica/frame.ts';
import { Replica } from '../replica/replica.ts';
import { Space } from '../replica/types.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Lessor } from './lessor.ts';

class Member {
  readonly keyspace: Keyspace;
  readonly replica: Replica;
  readonly lessor: Lessor;
  readonly changes: string[] = [];
  readonly #frames: Uint8Array[] = [];
  #delivered = 0;

  constructor(clock: SimClock, slot: number) {
    this.keyspace = new Keyspace({ clock });
    this.replica = new Replica({ clock, sink: this.keyspace, onFatal: (error) => { throw error; } });
    this.replica.onFrame((frame) => this.#frames.push(frame.bytes));
    this.replica.onNote('lease', () => {});
    this.replica.start(new MemoryJournal());
    void this.replica.initialise({ slot, incarnation: 77 + slot, striding: true });
    this.keyspace.advanced(this.replica.currentRevision);
    this.keyspace.durable(this.replica.currentRevision);
    this.keyspace.onVisible((changes) => this.changes.push(...changes.map(({ type, kv }) => `${type} ${kv.key}`)));
    const { keyspace, replica } = this;
    this.lessor = new Lessor({ clock, random: new SimRandom(slot) }, {
      slot: () => slot, commit: (writes) => replica.commit(writes), admit: () => {}, note: (body) => replica.note('lease', body),
      keysOfLease: (id) => keyspace.keysOfLease(id, true), leasesWithKeys: () => keyspace.leasesWithKeys(),
      get: (key) => keyspace.get(key, keyspace.appliedRevision), systemEntries: () => keyspace.system.entries(),
      onSystem: (listener) => keyspace.system.onChange(listener), onVisible: (listener) => keyspace.onVisible(listener), peerReachable: () => true,
    }, silent);
    this.lessor.open(null);
  }

  put(key: string, lease: bigint): void {
    void this.replica.commit([{ space: Space.client, key, value: Buffer.from(`${key}'s`), lease }]);
  }
  deliver(to: Member): void {
    for (; this.#delivered < this.#frames.length; this.#delivered++) to.replica.integrate(decodeFrame(this.#frames[this.#delivered] as Uint8Array));
  }
  keys(): string[] {
    return this.keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false }).kvs.map((kv) => `${kv.key}=${Buffer.from(kv.value).toString()}/${kv.lease}`);
  }
}

const open: Member[] = [];
afterEach(() => {
  for (const member of open.splice(0)) void member.lessor.close();
});

function pair(): { clock: SimClock; a: Member; b: Member; exchange: () => Promise<void> } {
  const clock = new SimClock();
  const [a, b] = [new Member(clock, 0), new Member(clock, 1)];
  open.push(a, b);
  const exchange = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      await clock.run(1);
      a.deliver(b);
      b.deliver(a);
      await clock.run(1);
    }
  };
  return { clock, a, b, exchange };
}

test.each(['keeper', 'renewer'] as const)('the renewal wins, whichever stamp is higher: the %s\'s', async (higher) => {
  const { clock, a, b, exchange } = pair();
  await clock.wait(a.lessor.grant(5n, 10), 100);
  a.put('k', 5n);
  a.put('l', 5n);
  await exchange();
  // Writes of no account move one's Lamport counter ahead.
  for (let i = 0; i < 5; i++) (higher === 'keeper' ? a : b).put('x', 0n);
  await clock.run(9_000);
  await clock.wait(b.lessor.keepAlive(5n), 100);
  await clock.run(1_500);
  expect(a.keys()).toEqual(higher === 'keeper' ? ["x=x's/0"] : []);
  b.put('m', 5n);
  await exchange();
  for (const member of [a, b]) {
    expect(member.keys()).toEqual(["k=k's/5", "l=l's/5", "m=m's/5", "x=x's/0"]);
    expect(member.lessor.exists(5n)).toBe(true);
  }
  expect(b.changes.slice(-4)).toEqual(['delete k', 'delete l', 'put k', 'put l']);
  await clock.run(9_000);
  await exchange();
  for (const member of [a, b]) expect(member.keys()).toEqual(["x=x's/0"]);
});

test('expiry and revocation leave nothing, and use one revision', async () => {
  const { clock, a, b, exchange } = pair();
  await clock.wait(a.lessor.grant(5n, 5), 100);
  await clock.wait(a.lessor.grant(6n, 100), 100);
  for (let i = 0; i < 100; i++) a.put(`k${i}`, i % 2 === 0 ? 5n : 6n);
  await exchange();
  const before = new Set(b.keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: false }, b.keyspace.visibleRevision).kvs.map((kv) => kv.modRevision));
  expect(before.size).toBe(100);
  await clock.run(5_100);
  await exchange();
  const revision = b.keyspace.visibleRevision;
  expect(b.keys()).toHaveLength(50);
  await clock.wait(b.lessor.revoke(6n), 100);
  expect(b.keyspace.range({ range: { start: '\0', end: '\0' }, limit: 0, countOnly: true }, revision).count).toBe(50);
  expect(b.keys()).toEqual([]);
  await exchange();
  expect(a.keys()).toEqual([]);
  expect([a.lessor.list(), b.lessor.list()]).toEqual([[], []]);
});
