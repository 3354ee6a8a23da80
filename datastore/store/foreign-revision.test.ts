import { expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import { MemoryDisk } from '../testing/memory-disk.ts';
import { MemoryNames } from '../testing/memory-names.ts';
import { MemoryNet } from '../testing/memory-net.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { ForeignRevisionError } from '../txn/engine.ts';
import { openStore } from './store.ts';
import type { Store } from './store.ts';

async function open(): Promise<{ clock: SimClock; store: Store }> {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const wait = (): Promise<void> => new Promise((resolve) => void clock.after(5, resolve));
  const disk = new MemoryDisk({ random, delay: wait });
  const members = [0, 1].map((slot) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`], clientURLs: [] }));
  const net = new MemoryNet({ clock, random }).machine('r0');
  const store = await clock.wait(openStore({ clock, random, disk, net, names: new MemoryNames() }, {
    dataDir: 'data', clusterId: 1n, self: members[0]!, members, alone: false, localKeys: [], quotaBytes: -1, txnOps: 128, watchProgressMs: 60_000,
    autoCompaction: { mode: 'off', retention: 0 },
  }, silent, null), 10_000);
  return { clock, store };
}

/** Resolves when the read may be answered. */
function ask(store: Store, revision: number): Promise<void> {
  try {
    store.kv.range({
      range: { start: 'a' }, limit: 0, revision, sortOrder: 0, sortTarget: 0, serializable: false, keysOnly: false, countOnly: false,
      minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0,
    });
  } catch (error) {
    if (error instanceof ForeignRevisionError) return error.settled;
    throw error;
  }
  throw new Error('answered');
}

test('the second client that names a foreign revision, too, waits until the counter is visibly above it', async () => {
  const { clock, store } = await open();
  const foreign = 1_000 * 512 + 2;
  const first = ask(store, foreign);
  const second = ask(store, foreign);
  await clock.wait(second, 10_000);
  expect(store.keyspace.visibleRevision).toBeGreaterThan(foreign);
  await clock.wait(first, 10_000);
  await clock.wait(store.close(), 10_000);
});

test('a revision from before a new incarnation, whose first revision is not durable yet, is answered only when that is visible', async () => {
  const { clock, store } = await open();
  clock.wait(store.becomeReady(false), 10_000).catch(() => undefined);
  await clock.run(100);
  const known = store.keyspace.visibleRevision + 50 * 512 + 2;
  const moved = store.reincarnate();
  await clock.run(2);
  expect(store.keyspace.visibleRevision).toBeLessThan(known);
  expect(store.replica.revisions.floor).toBeGreaterThan(known);
  const seen: number[] = [];
  const stream = store.watch.open({ bufferedBytes: 0, onDrain: () => undefined, end: () => undefined, send: (message) => {
    if (message.type === 'canceled') seen.push(message.compactRevision, store.keyspace.visibleRevision);
  } });
  stream.create({ range: { start: 'a' }, startRevision: known + 1, progressNotify: false, noPut: false, noDelete: false, prevKv: false, watchId: 0n, fragment: false });
  await clock.wait(ask(store, known), 10_000);
  expect(store.keyspace.visibleRevision).toBeGreaterThan(known);
  await clock.wait(moved, 10_000);
  expect(seen).toHaveLength(2);
  for (const revision of seen) expect(revision).toBeGreaterThan(known);
  await clock.wait(store.close(), 10_000);
});
