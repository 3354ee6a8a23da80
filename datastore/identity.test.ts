import { expect, test } from '@jest/globals';
import { setAside } from './aside.ts';
import type { Settings } from './config/settings.ts';
import { decodeMessage, encodeMessage } from './gossip/wire.ts';
import { silent } from './host/log.ts';
import { identify } from './identity.ts';
import { decodeJoin, encodeJoined } from './membership/codec.ts';
import type { JoinResult } from './membership/codec.ts';
import { bind, firstConfiguration } from './membership/configuration.ts';
import { logId } from './replica/types.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { MemoryNames } from './testing/memory-names.ts';
import { MemoryNet } from './testing/memory-net.ts';
import { SimClock } from './testing/sim-clock.ts';
import { SimRandom } from './testing/sim-random.ts';

const member = (slot: number) => ({ id: BigInt(slot + 1), name: `r${slot}`, slot, peerURLs: [`http://r${slot}:2380`] });

/** A replica r1 with an empty disk, and a member r0 that answers as told; null: not at all. */
async function world(): Promise<{ clock: SimClock; disk: MemoryDisk; asked: number[]; answers: (JoinResult | null)[]; start: () => ReturnType<ReturnType<typeof identify>>; identified: ReturnType<typeof identify>; identifier: (initial: readonly string[]) => ReturnType<typeof identify> }> {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const disk = new MemoryDisk({ random });
  await disk.makeDir('data');
  const net = new MemoryNet({ clock, random });
  const asked: number[] = [];
  const answers: (JoinResult | null)[] = [];
  await net.machine('r0').listen('http://r0:2380', (link) => {
    link.onMessage = (bytes) => {
      const message = decodeMessage(bytes);
      if (message.type !== 'join') return;
      const { incarnation } = decodeJoin(message.bytes);
      asked.push(incarnation);
      const result = answers.shift();
      if (result == null) return link.close(1001, 'gone');
      const configuration = bind(firstConfiguration([0, 1].map(member)), 1, logId(1, incarnation))!;
      link.send(encodeMessage({ type: 'joined', bytes: encodeJoined({ result, reason: '', clusterId: 'c1', id: 2n, slot: 1, configuration }) }));
    };
  });
  const settings: Partial<Settings> = {
    name: 'r1', slot: 1, slotGiven: true, dataDir: 'data', joining: true, clusterId: 0xc1n, memberId: 2n, initialClusterToken: 't',
    advertisePeerUrls: ['http://r1:2380'], advertiseClientUrls: [],
  };
  const identifier = (initial: readonly string[]): ReturnType<typeof identify> => {
    const initialCluster = initial.map((name) => ({ slot: Number(name.slice(1)), id: BigInt(name.slice(1)) + 1n, name, peerUrls: [`http://${name}:2380`] }));
    return identify({ ...settings, initialCluster } as Settings, { clock, random, disk, net: net.machine('r1'), names: new MemoryNames() }, silent);
  };
  const identified = identifier(['r0', 'r1']);
  return { clock, disk, asked, answers, identified, identifier, start: () => identified(null, null) };
}

test('a replica that dies before its identity is on the disk asks with the same incarnation again: its place is its own, and not that of a log that nobody writes', async () => {
  const { clock, disk, asked, answers, start, identified } = await world();
  void start();
  await clock.run(100);
  disk.powerLoss();
  answers.push('joined');
  const { incarnation } = await clock.wait(start(), 60_000);
  expect([asked.length, new Set(asked)]).toEqual([2, new Set([incarnation])]);
  await clock.wait(identified(null, logId(1, incarnation)), 1_000);
  expect(await disk.list('data')).toEqual([]);
});

test('an incarnation that was removed before the replica heard that it had a place is replaced, on the disk, too', async () => {
  const { clock, disk, asked, answers, start } = await world();
  answers.push('spent', 'joined');
  const { incarnation } = await clock.wait(start(), 60_000);
  expect([asked.length, new Set(asked).size, asked[1]]).toEqual([2, 2, incarnation]);
  expect(await disk.list('data')).toEqual([`asked-${incarnation.toString(16).padStart(8, '0')}`]);
});

test('a replica whose disk was set aside asks those who were members then: all that it was told at its first start may be gone', async () => {
  for (const initial of [['r1', 'r2'], ['r1']]) {
    const { clock, asked, answers, disk, identifier } = await world();
    await setAside(disk, 'data', ['http://r0:2380', 'http://r1:2380']);
    answers.push('joined');
    const { incarnation, membership } = await clock.wait(identifier(initial)(null, null), 60_000);
    expect([initial, asked, membership.configuration.members.length]).toEqual([initial, [incarnation], 2]);
  }
});
