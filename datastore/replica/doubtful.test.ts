import { expect, test } from '@jest/globals';
import { A, B, C, cluster, del, put, rounds, SmallMember } from '../testing/small-cluster.ts';
import { DOUBTFUL } from './frame.ts';

test('what a copy of a disk reports before anybody has vouched for it lets nobody forget what the original has not seen', async () => {
  const [a, b, c] = (await cluster(A, B, C)) as [SmallMember, SmallMember, SmallMember];
  await a.write(put('k', '1'));
  await rounds([a, b, c], 3);
  const clone = new SmallMember(C, [...c.journal.durable]);
  clone.replica.held = true;
  await a.write(del('k'));
  const deletion = { log: A, lamport: a.replica.lamport };
  // The original is out of reach meanwhile.
  await rounds([a, b], 1);
  await clone.pull(a);
  for (let n = 0; n < 3; n++) {
    clone.reportTo(a);
    clone.reportTo(b);
    await rounds([a, b], 2);
  }
  expect([clone.sink.get('k'), clone.replica.report().config, a.replica.stable(deletion), b.replica.stable(deletion)]).toEqual([null, DOUBTFUL, false, false]);
  await rounds([a, b, c], 4);
  for (const { sink, failures } of [a, b, c]) expect([sink.get('k'), failures]).toEqual([null, []]);
  expect(a.replica.stable(deletion)).toBe(true);
});

test('a disk that has been vouched for says so at once, though nothing else has changed', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  b.replica.held = true;
  await a.write(put('k', '1'));
  const write = { log: A, lamport: a.replica.lamport };
  await b.pull(a);
  let news = 0;
  b.replica.onNews(() => news++);
  b.reportTo(a);
  expect(a.replica.stable(write)).toBe(false);
  b.replica.held = false;
  expect(news).toBe(1);
  b.reportTo(a);
  expect(a.replica.stable(write)).toBe(true);
});
