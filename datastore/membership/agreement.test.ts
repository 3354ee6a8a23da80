/** Agreement among members in virtual time: messages lost, late and doubled, members that die and return with what was durable. */
import { describe, expect, test } from '@jest/globals';
import { logId } from '../replica/types.ts';
import { SimClock } from '../testing/sim-clock.ts';
import type { MachineClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Agreement } from './agreement.ts';
import type { Vote } from './agreement.ts';
import { encodeConfiguration } from './codec.ts';
import { adding, bind, evicting, firstConfiguration, removing, updating } from './configuration.ts';
import type { Configuration } from './configuration.ts';

const names = ['a', 'b', 'c', 'd', 'e'];

class Member {
  readonly id: bigint;
  current: Configuration;
  vote: Vote | null = null;
  up = true;
  mayVote = true;
  clock: MachineClock;
  agreement!: Agreement;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, id: bigint, current: Configuration) {
    this.#cluster = cluster;
    this.id = id;
    this.current = current;
    this.clock = cluster.clock.machine();
    this.start();
  }

  start(): void {
    const cluster = this.#cluster;
    this.clock = cluster.clock.machine();
    const { clock } = this;
    this.agreement = new Agreement({
      clock, random: cluster.random.fork(`${this.id} ${cluster.starts++}`), self: this.id,
      current: () => this.current,
      mayVote: () => this.mayVote,
      vote: () => this.vote,
      keep: (vote) => new Promise((resolve) => clock.after(cluster.random.float() * 5, () => {
        this.vote = vote;
        resolve();
      })),
      send: (to, bytes) => cluster.send(this.id, to, (member) => member.agreement.received(this.id, bytes)),
      sendConfiguration: (to) => cluster.spread(this, to),
      decided: (configuration) => {
        this.learn(configuration);
        for (const other of cluster.members) if (other !== this) cluster.spread(this, other.id);
        return Promise.resolve();
      },
    });
  }

  learn(configuration: Configuration): void {
    this.#cluster.check(configuration);
    if (configuration.number <= this.current.number) return;
    this.current = configuration;
    this.agreement.superseded();
  }

  crash(): void {
    this.up = false;
    this.clock.halt();
  }
}

class Cluster {
  readonly clock = new SimClock();
  readonly random: SimRandom;
  readonly members: Member[] = [];
  readonly cut = new Set<string>();
  readonly decided = new Map<number, string>();
  loss = 0;
  starts = 0;

  constructor(seed: number, count: number) {
    this.random = new SimRandom(seed);
    let first = firstConfiguration(names.slice(0, count).map((name, slot) => ({ id: BigInt(slot + 1), name, slot, peerURLs: [`http://${name}:2380`] })));
    for (let slot = 0; slot < count; slot++) first = bind(first, slot, logId(slot, 7)) ?? first;
    for (let slot = 0; slot < count; slot++) this.members.push(new Member(this, BigInt(slot + 1), first));
  }

  send(from: bigint, to: bigint, deliver: (member: Member) => void): void {
    const member = this.members.find((m) => m.id === to);
    if (member === undefined || this.cut.has(`${from} ${to}`)) return;
    for (let copies = this.random.chance(0.1) ? 2 : 1; copies > 0; copies--) {
      if (this.random.chance(this.loss)) continue;
      this.clock.after(this.random.float() * 50, () => {
        if (member.up) deliver(member);
      });
    }
  }

  spread(from: Member, to: bigint): void {
    const { current } = from;
    this.send(from.id, to, (member) => member.learn(current));
  }

  /** Of one number there is one configuration. */
  check(configuration: Configuration): void {
    const bytes = Buffer.from(encodeConfiguration(configuration)).toString('hex');
    const known = this.decided.get(configuration.number);
    if (known !== undefined) expect(bytes).toBe(known);
    this.decided.set(configuration.number, bytes);
  }

  isolate(member: Member, whole = true): void {
    for (const other of this.members) {
      for (const pair of [`${member.id} ${other.id}`, `${other.id} ${member.id}`]) {
        if (whole) this.cut.add(pair);
        else this.cut.delete(pair);
      }
    }
  }
}

const outcome = (promise: Promise<Configuration>): { value: Configuration | Error | null } => {
  const seen: { value: Configuration | Error | null } = { value: null };
  promise.then((c) => (seen.value = c), (error: Error) => (seen.value = error));
  return seen;
};
const joiner = (id: number) => adding({ id: BigInt(id), name: '', slot: null, peerURLs: [`http://new${id}:2380`] });

describe('a change of the membership', () => {
  test('is decided by a majority, and known to all', async () => {
    const cluster = new Cluster(1, 3);
    const seen = outcome(cluster.members[0]!.agreement.propose(joiner(50), 5_000));
    await cluster.clock.run(2_000);
    expect(seen.value).toMatchObject({ number: 1 });
    for (const member of cluster.members) expect(member.current.members.map((m) => m.id)).toEqual([1n, 2n, 3n, 50n]);
  });

  test('without a majority nothing is decided, and nothing waits for ever', async () => {
    const cluster = new Cluster(2, 3);
    cluster.isolate(cluster.members[0]!);
    const seen = outcome(cluster.members[0]!.agreement.propose(removing(2n), 5_000));
    await cluster.clock.run(10_000);
    expect((seen.value as Error).message).toBe('etcdserver: request timed out');
    expect(cluster.decided.size).toBe(0);
  });

  // Schedule 10: {A,B} and {C,D} evict each other: two clusters for ever.
  test('two halves cannot evict each other', async () => {
    const cluster = new Cluster(3, 4);
    for (const a of [1, 2]) for (const b of [3, 4]) for (const pair of [`${a} ${b}`, `${b} ${a}`]) cluster.cut.add(pair);
    const seen = [outcome(cluster.members[0]!.agreement.propose(evicting(3n), 5_000)), outcome(cluster.members[2]!.agreement.propose(evicting(1n), 5_000))];
    await cluster.clock.run(20_000);
    for (const { value } of seen) expect(value).toBeInstanceOf(Error);
    expect(cluster.decided.size).toBe(0);
  });

  // Schedule 11: the survivors go on without P; P, unaware, admits J, and what J writes depends on what is closed.
  test('a removed initiator is refused, and learns that it was removed', async () => {
    const cluster = new Cluster(4, 3);
    const [a, b, c] = cluster.members as [Member, Member, Member];
    cluster.isolate(c);
    const first = outcome(a.agreement.propose(removing(3n), 5_000));
    await cluster.clock.run(3_000);
    expect(first.value).toMatchObject({ number: 1 });
    cluster.isolate(c, false);
    const second = outcome(c.agreement.propose(removing(1n), 5_000));
    await cluster.clock.run(10_000);
    expect(b.current.members.map((m) => m.id)).toEqual([1n, 2n]);
    expect(c.current.members.map((m) => m.id)).toEqual([1n, 2n]);
    expect(second.value).not.toMatchObject({ number: 2 });
  });

  test('who has doubts about its own disk has no vote', async () => {
    const cluster = new Cluster(5, 2);
    cluster.members[1]!.mayVote = false;
    const seen = outcome(cluster.members[0]!.agreement.propose(joiner(50), 3_000));
    await cluster.clock.run(6_000);
    expect(seen.value).toBeInstanceOf(Error);
  });

  test('what a minority has accepted is not lost when its proposer dies', async () => {
    for (let seed = 100; seed < 130; seed++) {
      const cluster = new Cluster(seed, 3);
      const [a, b, c] = cluster.members as [Member, Member, Member];
      void a.agreement.propose(joiner(50), 5_000).catch(() => {});
      await cluster.clock.run(cluster.random.below(200));
      a.crash();
      const seen = outcome(b.agreement.propose(updating(2n, ['http://elsewhere:2380']), 8_000));
      await cluster.clock.run(9_000);
      expect(seen.value).not.toBeInstanceOf(Error);
      // Whatever became of the first one, it became of it everywhere: `check` has compared them.
      expect(c.current.number).toBe(b.current.number);
    }
  });

  test.each([201, 202, 203, 204, 205, 206, 207, 208, 209, 210])('a storm of competing changes: each number has one configuration, seed %i', async (seed) => {
    const cluster = new Cluster(seed, 5);
    cluster.loss = 0.1;
    const { random } = cluster;
    for (let i = 0; i < 25; i++) {
      const member = random.pick(cluster.members);
      const dice = random.float();
      if (dice < 0.5) void member.agreement.propose(random.chance(0.5) ? joiner(100 + i) : updating(BigInt(1 + random.below(5)), [`http://u${i}:1`]), 4_000).catch(() => {});
      else if (dice < 0.65) cluster.isolate(member, random.chance(0.5));
      else if (dice < 0.8 && cluster.members.filter((m) => m.up).length > 3) member.crash();
      else if (!member.up) {
        member.up = true;
        member.start();
      }
      await cluster.clock.run(random.below(400));
    }
    cluster.cut.clear();
    cluster.loss = 0;
    for (const member of cluster.members) {
      if (member.up) continue;
      member.up = true;
      member.start();
    }
    await cluster.clock.run(10_000);
    const last = outcome(cluster.members[0]!.agreement.propose(joiner(999), 20_000));
    await cluster.clock.run(25_000);
    expect(last.value).not.toBeInstanceOf(Error);
    for (const member of cluster.members) expect(member.current.number).toBe(cluster.members[0]!.current.number);
  });
});
