/** A replica whose copy of a log is not what the owner has written. Planted: for one of the owner's transactions it got another one of the same length. */
import { expect, test } from '@jest/globals';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { smallReplicas } from '../testing/small-replica.ts';
import type { SmallReplica } from '../testing/small-replica.ts';
import { A, B, cluster, put, rounds, SmallMember } from '../testing/small-cluster.ts';
import { answerOf } from '../testing/pulling.ts';
import { FrameKind } from './frame.ts';
import { LogDoc } from './log-doc.ts';
import type { LogUpdate } from './log-doc.ts';
import { StaleDiskError } from './logs.ts';
import { RecordWriter } from './record.ts';
import type { Replica } from './replica.ts';
import type { Write } from './types.ts';

/** A copy of the owner's document, as it is now. */
function twinOf(owner: Replica): LogDoc {
  const twin = new LogDoc(owner.log);
  twin.apply(owner.logs.get(owner.log)!.updateSince(0));
  twin.own();
  return twin;
}

/** Gives `to` an update in the name of `owner`. */
function plant(to: Replica, owner: Replica, update: LogUpdate): void {
  const held = { clock: update.toClock, lamport: update.lamport };
  const frame = { kind: FrameKind.push, sender: owner.log, dependencies: new Map([[owner.log, held]]), updates: [update], newest: 0, retired: new Map(), digests: new Map(), reports: [] };
  expect(to.integrate(frame)).toBe('applied');
}

const written = (twin: LogDoc, lamport: number, writes: readonly Write[]): LogUpdate =>
  twin.write([new RecordWriter().encode({ lamport, log: twin.log }, 0, new Map(), writes)], [], lamport);

test('what is missing is noticed, counted, alarmed and fetched anew, while the owner goes on writing', async () => {
  const cluster = new GossipCluster(smallReplicas, 9, 3);
  const nodes = await cluster.startAll();
  const alarms = (): number => nodes.flatMap((node) => node.alarms).filter((alarm) => alarm.type === 'digestMismatch').length;
  const [a, b] = nodes.map((node) => node.replica) as [SmallReplica, SmallReplica];
  for (let i = 0; i < 30; i++) a.put(`k${i % 7}`, `${i}`);
  await cluster.converge(20_000);
  for (const other of ['m0', 'm2']) {
    cluster.net.cut('m1', other);
    cluster.net.breakLinks('m1', other);
  }
  const twin = twinOf(a.replica);
  a.put('missing', '1');
  await cluster.clock.run(50);
  plant(b.replica, a.replica, twin.write([], [], a.replica.lamport));
  await cluster.clock.run(50);
  expect([a.state()['missing'], b.state()['missing'], b.replica.vector().get(a.replica.log)]).toEqual(['1', undefined, a.replica.vector().get(a.replica.log)]);
  for (const other of ['m0', 'm2']) cluster.net.heal('m1', other);
  const before = b.sink.revision;
  let n = 0;
  await cluster.clock.until(() => {
    if (n++ % 200 === 0) a.put(`k${n % 5}`, `${n}`);
    return b.replica.mended.length > 0;
  }, 200_000);
  await cluster.converge(30_000);
  expect([...b.replica.mended]).toEqual([a.replica.log]);
  expect(b.state()).toEqual(a.state());
  expect(b.sink.revision).toBeGreaterThan(before);
  const digest = (one: SmallReplica): unknown => one.replica.digests().get(a.replica.log);
  expect(digest(b)).toBe(digest(a));
  expect(cluster.stats('m1', 'm0').digestMismatches + cluster.stats('m0', 'm1').digestMismatches).toBeGreaterThan(0);
  expect(alarms()).toBeGreaterThan(0);
  // And nobody has anything to complain of any more.
  const counted = alarms();
  await cluster.clock.run(60_000);
  expect(alarms()).toBe(counted);
  await cluster.stop();
});

/** b has something else of a than a has written. */
async function wrong(instead: (twin: LogDoc, lamport: number) => LogUpdate): Promise<[SmallMember, SmallMember]> {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  for (let i = 0; i < 10; i++) await a.write(put(`k${i % 4}`, `${i}`));
  await rounds([a, b], 2);
  const twin = twinOf(a.replica);
  const lamport = a.replica.lamport + 1;
  await a.write(put('k1', 'right'));
  plant(b.replica, a.replica, instead(twin, lamport));
  await b.clock.settle();
  return [a, b];
}
const repair = async (b: SmallMember, a: SmallMember): Promise<string> => {
  const done = b.replica.integrateUnit(await answerOf(a, null), true);
  done.catch(() => {});
  await b.clock.settle();
  return done;
};

test('a restart in the middle or after it leads to the same', async () => {
  const [a, b] = await wrong((twin, lamport) => twin.write([], [], lamport));
  const before = b.journal.durable.length;
  expect(await repair(b, a)).toBe('applied');
  expect([b.sink.get('k1'), b.failures]).toEqual(['right', []]);
  for (let n = before; n <= b.journal.durable.length; n++) {
    const again = new SmallMember(B, b.journal.durable.slice(0, n));
    expect(again.sink.trace!).toEqual(b.sink.trace!.slice(0, again.sink.trace!.length));
    if (n < b.journal.durable.length) expect(await repair(again, a)).toBe('applied');
    await rounds([a, again], 2);
    expect([again.sink.state(), again.replica.digests().get(A)]).toEqual([a.sink.state(), a.replica.digests().get(A)]);
  }
});

test('only the owner of a log is believed', async () => {
  const [a, b] = await wrong((twin, lamport) => twin.write([], [], lamport));
  const digest = a.replica.digests().get(A);
  await repair(a, b);
  expect([a.sink.get('k1'), a.replica.digests().get(A), a.replica.mended]).toEqual(['right', digest, []]);
});

test('another value under the same stamp, or something that lives only here: the disk is set aside', async () => {
  for (const write of [put('k1', 'wrong'), put('other', 'right')]) {
    const [a, b] = await wrong((twin, lamport) => written(twin, lamport, [write]));
    await expect(repair(b, a)).rejects.toThrow(StaleDiskError);
    expect(b.failures).toEqual([]);
  }
});
