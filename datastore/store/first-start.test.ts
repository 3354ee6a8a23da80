import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { MemoryNames } from '../testing/memory-names.ts';
import { MemoryNet } from '../testing/memory-net.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { openStore } from './store.ts';

test('a replica that was killed before its first write starts again', async () => {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const disk = new MemoryDisk({ random });
  const members = [0, 1].map((slot) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`], clientURLs: [] }));
  const net = new MemoryNet({ clock, random }).machine('r0');
  const open = (): ReturnType<typeof openStore> => clock.wait(openStore({ clock, random, disk, net, names: new MemoryNames() }, {
    dataDir: 'data', clusterId: 1n, self: members[0]!, members, alone: false, localKeys: [], quotaBytes: -1, txnOps: 128, watchProgressMs: 60_000,
    autoCompaction: { mode: 'off', retention: 0 },
  }, silent, null), 10_000);
  const first = await open();
  disk.processLoss();
  const second = await open();
  expect(second.keyspace.visibleRevision).toBe(first.keyspace.visibleRevision);
  await clock.wait(second.close(), 10_000);
});
