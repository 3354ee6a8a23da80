import { expect, test } from '@jest/globals';
import { logId, slotOf } from '../replica/types.ts';
import { A, B, cluster, put, rounds, SmallMember } from '../testing/small-cluster.ts';
import { ReplicaExchange } from './replica-exchange.ts';

test('an answer that is being taken while the replica begins a new log acknowledges nothing of that one', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  for (let i = 0; i < 20; i++) await a.write(put(`k${i}`, 'x'));
  await rounds([a, b], 2);
  const answer = async (): Promise<Uint8Array[]> => {
    const pieces: Uint8Array[] = [];
    const source = b.replica.answerTo(a.replica.vector(), undefined, a.replica.report().newest);
    for (;;) {
      const next = source.next();
      await b.clock.settle();
      const piece = await next;
      if (piece === null) return pieces;
      pieces.push(piece);
    }
  };
  const exchange = new ReplicaExchange(a.replica);
  await b.write(put('y', '1'));
  const before = exchange.integrateAnswer(await answer(), B);
  await a.clock.settle();
  expect((await before).acks).toContainEqual([B, a.replica.vector().get(A)!.clock]);
  await b.write(put('y', '2'));
  const pieces = await answer();
  const during = exchange.integrateAnswer(pieces, B);
  void a.replica.reincarnate(77);
  await a.clock.settle();
  expect(a.replica.log).not.toBe(A);
  expect((await during).acks).toEqual([]);
});

test('a copy of a disk that has got the place for a new log learns by what its original reported that there was more on that', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  await a.write(put('x', '1'));
  await rounds([a, b], 2);
  const copy = [...a.journal.durable];
  await b.write(put('y', '1'));
  // Only what others wrote: the own log is the same on both disks.
  await a.pull(b);
  a.reportTo(b);
  expect(new SmallMember(A, copy).replica.vector().get(A)).toEqual(a.replica.vector().get(A));
  const later = logId(slotOf(A), 901);
  await b.learn({ number: 2, logs: [later, B], removed: [A] });
  const told = async (entries: readonly Uint8Array[]): Promise<string> => {
    const again = new SmallMember(A, entries);
    void again.replica.reincarnate(901);
    await again.clock.settle();
    const answer = new ReplicaExchange(again.replica).integrateAnswer([b.replica.reportFrame()], B);
    await again.clock.settle();
    expect((await answer).result).toBe(new ReplicaExchange(again.replica).integrate(b.replica.reportFrame(), B).result);
    return (await answer).result;
  };
  expect(await told(copy)).toBe('stale');
  expect(await told([...a.journal.durable])).toBe('known');
});
