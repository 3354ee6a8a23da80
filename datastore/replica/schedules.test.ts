/**
 * The schedules that broke earlier designs, each by the number that REPLICATION gives it. Here are those of collection, inheritance and incarnations.
 * 7, 8, 12: membership/schedules.test.ts. 10, 11: membership/agreement.test.ts. 13 and 14 with real processes and folders, too: cluster.test.ts.
 */
import { expect, test } from '@jest/globals';
import { endOf } from '../offers.ts';
import type { Store } from '../store/store.ts';
import { A, B, C, cluster, del, put, rounds, SmallMember, X } from '../testing/small-cluster.ts';
import { limits } from '../limits.ts';
import { StaleDiskError } from './replica.ts';
import { inContext, logId } from './types.ts';

/** Writes that supersede each other, so that the owner's older segments are full, mostly dead, and rewritten. */
async function churn(member: SmallMember, times = 12): Promise<void> {
  for (let i = 0; i < times; i++) await member.write(put(`pad${member.log}`, `${i}`));
  await member.tick(6);
}

test('schedule 4: a tombstone stays while what it deleted is still in somebody\'s segment, though it is stable', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  await b.write(put('k', 'b'));
  await rounds([a, b], 1);
  await a.write(del('k'));
  const deletion = { lamport: a.replica.lamport, log: A };
  await rounds([a, b], 3);
  expect(a.replica.stable(deletion)).toBe(true);
  // b's put stands in the segment that b is still filling.
  await churn(a);
  expect(a.replica.recordByStamp(A, deletion.lamport)).toBeDefined();
  await rounds([a, b], 2);
  expect([a.sink.get('k'), b.sink.get('k')]).toEqual([null, null]);
  // Now it goes, and then the tombstone may.
  await churn(b);
  await rounds([a, b], 2);
  await churn(a);
  expect(a.replica.recordByStamp(A, deletion.lamport)).toBeUndefined();
  await rounds([a, b], 2);
  expect([a.sink.get('k'), b.sink.get('k')]).toEqual([null, null]);
});

test('schedule 5: a collection moves the clock, so nobody drops a tombstone before what it deleted', async () => {
  const [a, b, c] = (await cluster(A, B, C)) as [SmallMember, SmallMember, SmallMember];
  // A whole segment, of which nothing is left to be written again.
  for (let n = 0; n < 4; n++) await b.write(put('k', `${n}`));
  for (const one of [a, c]) await one.pull(b);
  await a.write(del('k'));
  const deletion = { lamport: a.replica.lamport, log: A };
  const clock = b.replica.vector().get(B)!.clock;
  for (const one of [b, c]) {
    for (const frame of a.frames) one.replica.integrate(frame);
    await one.clock.settle();
  }
  expect([b.replica.logs.get(B)!.records, b.replica.vector().get(B)!.clock]).toEqual([0, clock + 1]);
  // a hears of it and forgets the deletion; c has heard of neither.
  await a.pull(b);
  c.reportTo(a);
  await churn(a);
  expect(a.replica.recordByStamp(A, deletion.lamport)).toBeUndefined();
  expect(['gap', 'waiting']).toContain(c.replica.integrate(a.frames.at(-1)!));
  for (const frame of a.frames) c.replica.integrate(frame);
  expect([c.sink.get('k'), c.replica.logs.get(B)!.records]).toEqual([null, 4]);
  await rounds([a, b, c], 3);
  expect([a.sink.get('k'), b.sink.get('k'), c.sink.get('k')]).toEqual([null, null, null]);
  expect([c.sink.physical, c.replica.digests().get(B)]).toEqual([a.sink.physical, a.replica.digests().get(B)]);
});

test('schedule 6: nothing is stable while a member holds something that is not here, though its author was removed', async () => {
  const [a, b, x] = (await cluster(A, B, X)) as [SmallMember, SmallMember, SmallMember];
  await a.write(put('k', 'a'));
  await rounds([a, b, x], 1);
  await x.write(put('k', 'x'));
  await b.pull(x);
  for (let n = 0; n < 3; n++) await a.write(put('other', `${n}`));
  await a.write(del('k'));
  const deletion = { lamport: a.replica.lamport, log: A };
  for (const frame of a.frames.splice(0)) b.replica.integrate(frame);
  await b.clock.settle();
  for (const member of [a, b]) await member.learn({ number: 2, logs: [A, B], removed: [X] });
  b.reportTo(a);
  await churn(a);
  expect([b.replica.vector().get(A)!.lamport >= deletion.lamport, a.replica.stable(deletion)]).toEqual([true, false]);
  expect(a.replica.recordByStamp(A, deletion.lamport)).toBeDefined();
  await rounds([a, b], 6);
  expect([a.sink.get('k'), b.sink.get('k'), a.replica.retired.has(X)]).toEqual([null, null, true]);
});

test('schedule 9: a survivor that holds less of a removed log than another retires nothing', async () => {
  const [a, b, x] = (await cluster(A, B, X)) as [SmallMember, SmallMember, SmallMember];
  await x.write(put('k', 'acknowledged'));
  await b.pull(x);
  for (const member of [a, b]) await member.learn({ number: 2, logs: [A, B], removed: [X] });
  b.reportTo(a);
  await a.tick(5);
  expect(a.replica.retired.has(X)).toBe(false);
  await rounds([a, b], 6);
  expect([a.replica.retired.has(X), a.sink.get('k'), b.sink.get('k')]).toEqual([true, 'acknowledged', 'acknowledged']);
});

test('schedule 13: a restored disk does not write on in a log of which others hold more', async () => {
  const [a, x] = (await cluster(A, X)) as [SmallMember, SmallMember];
  await x.write(put('r', '1'));
  const old = [...x.journal.durable];
  await x.write(put('r', '2'));
  await a.pull(x);
  // With a peer to ask, it is noticed.
  expect(() => a.reportTo(new SmallMember(X, old))).not.toThrow();
  await a.write(put('seen', '1'));
  expect(() => new SmallMember(X, old).replica.integrate(a.frames.at(-1)!)).toThrow(StaleDiskError);
  // With all of them away, it writes in the log of a new incarnation.
  const restored = new SmallMember(X, old);
  restored.replica.held = true;
  const done = restored.replica.reincarnate(9_000);
  await restored.clock.settle();
  await done;
  restored.replica.held = false; // as the store does once it serves
  await restored.write(put('z', 'z'));
  expect([restored.replica.vector().get(X)!.clock < a.replica.vector().get(X)!.clock, restored.replica.log]).toEqual([true, logId(4, 9_000)]);
  // What it writes there is nobody else's; what others hold of the old log shows it for an old copy, which must begin anew.
  await a.pull(restored);
  expect(a.sink.state()).toBe('r=2\nseen=1\nz=z');
  await expect(restored.pull(a)).rejects.toThrow(StaleDiskError);
});

test('schedule 14: what only a returning disk has is offered only when it is agreed where its log ended', async () => {
  const [a, b, x] = (await cluster(A, B, X)) as [SmallMember, SmallMember, SmallMember];
  await x.write(put('seen', '1'));
  await b.pull(x);
  await x.write(put('unseen', '1'));
  const decree = { number: 2, logs: [A, B], removed: [X] };
  for (const member of [a, b]) await member.learn(decree);
  const asked = (member: SmallMember): number | null => endOf({
    replica: member.replica,
    membership: { configuration: { members: [], removed: decree.removed.map((log) => ({ log, number: 2 })) }, number: 2 },
  } as unknown as Store, X);
  // a has nothing of it, and must not take all for unseen: b is going to relay some.
  expect([asked(a), asked(b)]).toEqual([null, null]);
  await rounds([a, b], 6);
  expect([asked(a), asked(b)]).toEqual([2, 2]);
});

test('schedule 15: a context that does not name a retired log means all of it, or never seen, as it was', async () => {
  const [a, b, x] = (await cluster(A, B, X)) as [SmallMember, SmallMember, SmallMember];
  await b.write(put('k', 'before'));
  const before = b.replica.lamport;
  for (let n = 0; n < 4; n++) await x.write(put('k', `x${n}`));
  const stamp = { lamport: x.replica.lamport, log: X };
  await rounds([a, b, x], 2);
  for (const member of [a, b]) await member.learn({ number: 2, logs: [A, B], removed: [X] });
  await rounds([a, b], 6);
  await b.write(put('k', 'after'));
  const after = b.replica.lamport;
  await a.pull(b);
  for (const { replica } of [a, b]) {
    expect([...replica.logs.keys()]).not.toContain(X);
    expect(inContext(replica.recordByStamp(B, after)!.context(), stamp)).toBe(true);
    const old = replica.recordByStamp(B, before);
    if (old !== undefined) expect(inContext(old.context(), stamp)).toBe(false);
  }
  // Also for one who comes later, and has never had the log.
  const c = new SmallMember(C);
  for (const member of [a, b, c]) await member.learn({ number: 3, logs: [A, B, C], removed: [] });
  await c.pull(a);
  await c.write(put('k', 'c'));
  const late = c.replica.recordByStamp(C, c.replica.lamport)!;
  expect([inContext(late.context(), stamp), [...late.context().keys()].includes(X)]).toEqual([true, false]);
});

test('schedule 16: a new incarnation starts above what its predecessor may have issued unheard', async () => {
  const [a, x] = (await cluster(A, X)) as [SmallMember, SmallMember];
  for (let n = 0; n < 5; n++) await x.write(put('k', `${n}`));
  await a.pull(x);
  for (let n = 5; n < 10; n++) await x.write(put('k', `${n}`));
  const unheard = x.replica.currentRevision;
  const next = new SmallMember(logId(4, 555));
  for (const member of [a, next]) await member.learn({ number: 2, logs: [A, next.log], removed: [X] });
  await next.pull(a);
  next.replica.beginIncarnation();
  await next.clock.settle();
  expect(next.replica.currentRevision).toBeGreaterThan(unheard + 512 * (limits.incarnation_gap - 10));
  expect(next.replica.classify(unheard)).toBe('compacted');
});
