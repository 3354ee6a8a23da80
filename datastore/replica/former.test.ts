import { expect, test } from '@jest/globals';
import { A, B, cluster, put, rounds, SmallMember } from '../testing/small-cluster.ts';
import { LwwSink } from '../testing/lww-sink.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { StaleDiskError } from './logs.ts';
import { Replica } from './replica.ts';
import type { RecordSink } from './types.ts';

test('an old copy of a disk that has begun a new log, because nobody could vouch for it, is noticed once somebody can', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  await a.write(put('x', '1'));
  await rounds([a, b], 2);
  const copy = [...a.journal.durable];
  await a.write(put('x', '2'));
  await rounds([a, b], 2);
  const intact = [...a.journal.durable];

  const old = new SmallMember(A, copy);
  void old.replica.reincarnate(901);
  await old.clock.settle();
  await expect(old.pull(b)).rejects.toThrow(StaleDiskError);
  // It knows so after a restart, too.
  const again = new SmallMember(A, [...old.journal.durable]);
  await expect(again.pull(b)).rejects.toThrow(StaleDiskError);
  // And after a snapshot.
  const loaded = new Replica({ clock: new ManualClock(), sink: new LwwSink() as RecordSink });
  await loaded.loadState(old.replica.encodeState());
  expect([loaded.wrote(A), loaded.wrote(loaded.log)]).toEqual([true, false]);

  const same = new SmallMember(A, intact);
  void same.replica.reincarnate(902);
  await same.clock.settle();
  await b.write(put('y', '3'));
  expect(await same.pull(b)).toBe('applied');
});
