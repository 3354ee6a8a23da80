import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { encodeConfiguration } from '../membership/codec.ts';
import { removing } from '../membership/configuration.ts';
import { Space } from '../replica/types.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { MemoryNames } from '../testing/memory-names.ts';
import { MemoryNet } from '../testing/memory-net.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { openStore } from './store.ts';

test('a removal that a disk hears of before it has been vouched for moves its log only afterwards: others may hold more of that log', async () => {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const disk = new MemoryDisk({ random });
  const members = [0, 1, 2].map((slot) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`], clientURLs: [] }));
  const net = new MemoryNet({ clock, random }).machine('r0');
  const store = await clock.wait(openStore({ clock, random, disk, net, names: new MemoryNames() }, {
    dataDir: 'data', clusterId: 1n, self: members[0]!, members, alone: false, localKeys: [], quotaBytes: -1, txnOps: 128, watchProgressMs: 60_000,
    autoCompaction: { mode: 'off', retention: 0 },
  }, silent, null), 10_000);
  await clock.wait(store.becomeReady(false), 10_000);
  const table = (): Uint8Array | null => store.keyspace.system.get('merge/2');
  await clock.wait(store.replica.commit([{ space: Space.system, key: 'merge/2', value: new Uint8Array([1]), lease: 0n }]).durable, 10_000);
  store.replica.held = true;
  const { clock: before } = store.replica.logs.get(store.replica.log)!;
  store.membership.learn(encodeConfiguration(removing(3n)(store.membership.configuration)!));
  await clock.run(1_000);
  expect(store.replica.logs.get(store.replica.log)!.clock).toBe(before);
  expect(table()).not.toBeNull();
  expect(() => store.replica.commit([{ space: Space.client, key: 'k', value: null, lease: 0n }])).toThrow('no old copy');
  await clock.wait(store.resume(), 10_000);
  expect(table()).toBeNull();
  await clock.wait(store.close(), 10_000);
});
