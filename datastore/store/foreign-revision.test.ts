import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { MemoryNet } from '../testing/memory-net.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { ForeignRevisionError } from '../txn/engine.ts';
import { openStore } from './store.ts';

test('the second client that names a foreign revision, too, waits until the counter is visibly above it', async () => {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const wait = (): Promise<void> => new Promise((resolve) => void clock.after(5, resolve));
  const disk = new MemoryDisk({ random, delay: wait });
  const members = [0, 1].map((slot) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`], clientURLs: [] }));
  const net = new MemoryNet({ clock, random }).machine('r0');
  const store = await clock.wait(openStore({ clock, random, disk, net }, {
    dataDir: 'data', clusterId: 1n, self: members[0]!, members, alone: false, localKeys: [], quotaBytes: -1, txnOps: 128, watchProgressMs: 60_000,
    autoCompaction: { mode: 'off', retention: 0 },
  }, silent, null), 10_000);
  const foreign = 1_000 * 512 + 2;
  const ask = (): Promise<void> => {
    try {
      store.kv.range({
        range: { start: 'a' }, limit: 0, revision: foreign, sortOrder: 0, sortTarget: 0, serializable: false, keysOnly: false, countOnly: false,
        minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0,
      });
    } catch (error) {
      if (error instanceof ForeignRevisionError) return error.settled;
      throw error;
    }
    throw new Error('answered');
  };
  const first = ask();
  const second = ask();
  await clock.wait(second, 10_000);
  expect(store.keyspace.visibleRevision).toBeGreaterThan(foreign);
  await clock.wait(first, 10_000);
  await clock.wait(store.close(), 10_000);
});
