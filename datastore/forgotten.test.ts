import { expect, test } from '@jest/globals';
import { setAside } from './aside.ts';
import { silent } from './host/log.ts';
import { endedBy, StaleDataError } from './place.ts';
import { decodeFrame } from './replica/frame.ts';
import { Space } from './replica/types.ts';
import type { Write } from './replica/types.ts';
import { openStore } from './store/store.ts';
import type { Store } from './store/store.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { MemoryNames } from './testing/memory-names.ts';
import { MemoryNet } from './testing/memory-net.ts';
import { SimClock } from './testing/sim-clock.ts';
import { SimRandom } from './testing/sim-random.ts';

const members = [0, 1].map((slot) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`], clientURLs: [] }));
const put = (key: string, value: string | null): Write => ({ space: Space.client, key, value: value === null ? null : new Uint8Array(Buffer.from(value)), lease: 0n });

test('an old copy of a disk that nobody is left to tell from the original ends as one, and its folder can be set aside', async () => {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const failures: unknown[] = [];
  const open = async (slot: number, disk: MemoryDisk): Promise<Store> => {
    const host = { clock, random, disk, net: new MemoryNet({ clock, random }).machine(`r${slot}`), names: new MemoryNames() };
    const store = await clock.wait(openStore(host, {
      dataDir: 'data', clusterId: 1n, self: members[slot]!, members, alone: false, localKeys: [], quotaBytes: -1, txnOps: 128, watchProgressMs: 60_000,
      autoCompaction: { mode: 'off', retention: 0 }, shape: { segmentRecords: 2, segmentBytes: 200, groupSegments: 2, pieceRecords: 2, pieceBytes: 200 }, onFatal: (error) => failures.push(error),
    }, silent, null), 10_000);
    if (store.readiness !== 'ready') await clock.wait(store.becomeReady(false), 10_000);
    return store;
  };
  const pull = async (to: Store, from: Store): Promise<void> => {
    const answer = from.replica.answerTo(to.replica.vector(), undefined, to.replica.report().newest);
    const pieces = [];
    for (let piece = await clock.wait(answer.next(), 1_000); piece !== null; piece = await clock.wait(answer.next(), 1_000)) pieces.push(decodeFrame(piece));
    const taken = to.replica.integrateUnit([...pieces, decodeFrame(from.replica.reportFrame())]);
    await clock.wait(taken, 1_000);
    await clock.run(1_000);
  };
  const disk = new MemoryDisk({ random });
  const a = await open(0, disk);
  const b = await open(1, new MemoryDisk({ random }));
  for (const store of [a, b]) for (const [slot, { replica }] of [a, b].entries()) store.membership.met(slot, replica.log);
  const write = async (...writes: Write[]): Promise<void> => void (await clock.wait(b.replica.commit(writes).durable, 1_000));
  // Two records make a segment; a deletion is looked at once all else of its segment is dead.
  await write(put('k', '1'));
  await write(put('other', ''));
  await pull(a, b);
  await pull(b, a);
  const copy = disk.copy();
  await write(put('k', null));
  for (let n = 0; n < 9; n++) {
    await write(put('other', String(n)));
    await pull(a, b);
    await pull(b, a);
  }
  expect([a.keyspace.get('k'), b.keyspace.get('k'), failures]).toEqual([null, null, []]);

  const old = await open(0, copy);
  await expect(pull(old, b)).rejects.toThrow('a live value was dropped');
  expect(failures).toHaveLength(1);
  const ended = endedBy(failures[0], old, 'data') as StaleDataError;
  expect(ended).toBeInstanceOf(StaleDataError);
  expect(ended.members).toEqual(['http://r1:2380']);
  await expect(clock.wait(old.close(), 10_000)).rejects.toThrow('a live value was dropped');
  await clock.wait(setAside(copy, 'data', ended.members), 10_000);
  await clock.wait((async () => (await copy.lock('data/lock')).unlock())(), 1_000);
  expect(endedBy(new Error('anything else'), old, 'data')).not.toBeInstanceOf(StaleDataError);
  for (const store of [a, b]) await clock.wait(store.close(), 10_000);
});
