import { expect, test } from '@jest/globals';
import { setAside } from './aside.ts';
import type { Host } from './host/host.ts';
import { silent } from './host/log.ts';
import { openJournal } from './journal/journal.ts';
import { offerAside } from './offers.ts';
import { decodeFrame } from './replica/frame.ts';
import { logId, Space } from './replica/types.ts';
import { Machine } from './store/machine.ts';
import type { Store } from './store/store.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { MemoryNames } from './testing/memory-names.ts';
import { MemoryNet } from './testing/memory-net.ts';
import { SimClock } from './testing/sim-clock.ts';
import { SimRandom } from './testing/sim-random.ts';

const journalOptions = { log: silent, makeSnapshot: () => Promise.reject(new Error('none')), onFatal: () => undefined };
const put = (key: string, value: string) => ({ space: Space.client, key, value: Buffer.from(value), lease: 0n });

test('of a disk set aside, what it created is offered; what another replica had put in its place is not', async () => {
  const clock = new SimClock();
  const random = new SimRandom(3);
  const host: Host = { clock, random, disk: new MemoryDisk({ random }), net: new MemoryNet({ clock, random }).machine('x'), names: new MemoryNames() };
  const open = async (dir: string, disk: Host['disk'], slot: number): Promise<{ machine: Machine; close: () => Promise<void> }> => {
    const machine = new Machine({ clock });
    const journal = await openJournal({ ...host, disk }, dir, machine, journalOptions);
    machine.replica.start(journal);
    const identified = machine.replica.initialise({ slot, incarnation: 5, striding: true });
    machine.keyspace.advanced(machine.replica.currentRevision);
    await identified;
    machine.replica.setMembers([0, 1].map((s) => ({ slot: s, log: logId(s, 5) })));
    return { machine, close: () => journal.close() };
  };
  await clock.wait((async () => {
    const old = await open('data', host.disk, 0);
    await old.machine.replica.commit([put('mine', 'm')]).durable;
    await old.machine.replica.commit([put('beaten', 'b')]).durable;
    const other = await open('data', new MemoryDisk({ random }), 1);
    // It has not seen the first one's, and has the higher stamp.
    for (let i = 0; i < 10; i++) await other.machine.replica.commit([put('beaten', `later ${i}`)]).durable;
    const answer = other.machine.replica.answerTo(new Map());
    const pieces = [];
    for (let piece = await answer.next(); piece !== null; piece = await answer.next()) pieces.push(decodeFrame(piece));
    expect(await old.machine.replica.integrateUnit(pieces)).toBe('applied');
    await old.machine.replica.flushed();
    expect(Buffer.from(old.machine.keyspace.get('beaten')!.value).toString()).toBe('later 9');
    await old.machine.replica.stop();
    await old.close();
    await setAside(host.disk, 'data', []);
  })(), 60_000);
  const made: string[] = [];
  const reported: string[] = [];
  // A cluster in which nobody has ever heard of the old disk's log, and both keys are free again.
  const store = {
    replica: { retired: new Map(), logs: new Map(), vector: () => new Map(), reportOf: () => undefined, commit: (writes: { key: string }[]) => (made.push(...writes.map((w) => w.key)), { durable: Promise.resolve() }) },
    membership: { self: 1n, number: 1, configuration: { members: [{ id: 1n, log: logId(0, 6), standing: 'voting' }], removed: [] } },
    keyspace: { appliedRevision: 1, get: () => null },
    leases: { exists: () => false },
    conflicts: { unseen: (key: string, value: Uint8Array) => reported.push(`${key}=${Buffer.from(value).toString()}`) },
  } as unknown as Store;
  await clock.wait(offerAside(host, 'data', store, silent, () => false), 60_000);
  expect(made).toEqual(['mine']);
  expect(reported).toEqual(['beaten=b']);
  expect(await host.disk.exists('data/aside-1/offered')).toBe(true);
});
