/** A replica with `--merge off` beside two that merge: all three say so and come to the same, and every write that was beaten is listed, on every replica. */
import { edgestoreCluster } from '../../support/edgestore.ts';
import type { EtcdLike } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';
import { Rpc } from '../shared/rpc.ts';
import { alarmed, all, check, cli, conflictsOf, deployment, DIFFER, expectEqual, lines, until } from './shared.ts';
import type { Edit } from './shared.ts';

const OFF = 2;
const NAMES = ['x', 'y', 'z'] as const;
const key = (name: string): string => `/registry/off/${name}`;

export async function besideOff(): Promise<void> {
  await using dir = TempDir.create('merge-off');
  await using cluster = await edgestoreCluster({ dir, members: 3, peerDelay_ms: 0, memberFlags: (i) => ['--merge', i === OFF ? 'off' : 'field'] });
  await cluster.start();
  const members = cluster.members as unknown as readonly EtcdLike[];
  const rpcs = members.map(({ endpoint }) => new Rpc(endpoint));
  using cleanup = new DisposableStack();
  for (const rpc of rpcs) cleanup.defer(() => rpc.close());
  const equal = async (): Promise<boolean> => new Set((await Promise.all(rpcs.map(all))).map((held) => JSON.stringify([...held]))).size === 1;

  await check('one replica of three does not merge: all of them say so', async () => {
    await until('all raise the alarm', async () => (await Promise.all(members.map(alarmed))).every(Boolean));
    const status = await cli('status', '--endpoints', members.map(({ endpoint }) => new URL(endpoint).host).join());
    expectEqual('alarms in edgestore status', status.split('\n').filter((line) => line.includes('alarm MERGE-TABLES')).length, 3);
    for (const member of members) if (lines(member, DIFFER) === 0) throw new Error(`${member.name} does not say it in its log`);
  });

  /** What each replica wrote while it was alone. */
  const edits: readonly Edit[] = members.map((_, i) => ({ replicas: 4 + i, labels: { [`from-${i}`]: 'yes' } }));

  await check('all three edit the same objects while they are cut apart: one write stays, the same everywhere, whoever made it, and none is lost unseen', async () => {
    for (const name of NAMES) await rpcs[0]!.put(key(name), deployment(name, {}));
    await until('all have what is to be edited', async () => (await Promise.all(rpcs.map(all))).every((held) => NAMES.every((name) => held.has(key(name)))));
    for (const proxy of cluster.peerProxies) proxy.cut();
    for (const [i, rpc] of rpcs.entries()) {
      for (const [n, name] of NAMES.entries()) {
        // Who writes most has the later stamp: another replica for each object.
        for (let more = (n + i) % 3; more > 0; more--) await rpc.put(`/elsewhere/${i}`, String(more));
        await rpc.put(key(name), deployment(name, edits[i]!));
      }
    }
    await rpcs[0]!.put('/healed', 'yes');
    for (const proxy of cluster.peerProxies) proxy.heal();
    await until('all show the same', async () => (await all(rpcs[OFF]!)).has('/healed') && await equal());
    const held = await all(rpcs[0]!);
    for (const name of NAMES) {
      const written = edits.map((edit) => deployment(name, edit));
      const shown = held.get(key(name));
      if (shown === undefined || !written.includes(shown)) throw new Error(`${name} is what nobody wrote: ${shown}`);
      for (const member of members) {
        const listed = (await conflictsOf(member, key(name))).map(({ lost }) => lost);
        const unseen = written.filter((value) => value !== shown && !listed.includes(value));
        if (unseen.length > 0) throw new Error(`${member.name} does not list what was beaten of ${name}: ${JSON.stringify({ unseen, listed, shown })}`);
      }
    }
  });

  await check('and so it is after all of them have been started again', async () => {
    const before = JSON.stringify([...await all(rpcs[0]!)]);
    await Promise.all(members.map((member) => member.restart()));
    await until('all serve the same as before', async () => JSON.stringify([...await all(rpcs[0]!)]) === before && await equal());
  });
}
