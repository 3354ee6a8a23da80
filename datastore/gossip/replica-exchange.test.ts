import { expect, test } from '@jest/globals';
import { A, B, cluster, put, rounds } from '../testing/small-cluster.ts';
import type { SmallMember } from '../testing/small-cluster.ts';
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
