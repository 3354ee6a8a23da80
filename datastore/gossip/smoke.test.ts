/** The one test on real sockets and real time: three replicas over WebSockets on the loopback. */
import { expect, test } from '@jest/globals';
import type { Clock } from '../host/host.ts';
import { silent } from '../host/log.ts';
import { nodeClock } from '../host/node-clock.ts';
import { nodeNetwork } from '../host/node-net.ts';
import type { Listener } from '../host/node-net.ts';
import { logId } from '../replica/types.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { SmallReplica } from '../testing/small-replica.ts';
import { Gossip } from './mesh.ts';

async function eventually(clock: Clock, done: () => boolean): Promise<void> {
  while (!done()) await new Promise<void>((resolve) => clock.after(5, resolve));
}

test('three replicas converge over WebSockets', async () => {
  const clock = nodeClock;
  const nodes: { gossip: Gossip; replica: SmallReplica; url: string; name: string }[] = [];
  for (const slot of [0, 1, 2]) {
    const random = new SimRandom(slot + 1);
    const replica = new SmallReplica(logId(slot, 77), clock, random, []);
    const net = nodeNetwork({ clock });
    let url = '';
    const gossip = new Gossip({
      clock,
      random,
      // Ports are only known once they are bound.
      net: { dial: net.dial, listen: async (at, onLink) => {
        const listener: Listener = await net.listen(at, onLink);
        url = listener.url;
        return listener;
      } },
      log: silent,
      replica: replica.port,
      self: { clusterId: 'smoke', memberId: BigInt(slot + 1), name: `m${slot}`, slot },
      listen: ['http://127.0.0.1:0'],
      peers: [],
      state: 'ready',
    });
    await gossip.run();
    nodes.push({ gossip, replica, url, name: `m${slot}` });
  }
  for (const node of nodes) node.gossip.setPeers(nodes.map(({ name, url }) => ({ name, urls: [url] })));
  await eventually(clock, () => nodes.every((node) => node.gossip.stats().every((peer) => peer.connected)));
  for (let i = 0; i < 200; i++) for (const node of nodes) node.replica.put(`${node.name}-${i}`, 'x'.repeat(i));
  nodes[0]!.replica.put('large', 'y'.repeat(1_000_000));
  await eventually(clock, () => nodes.every((node) => Object.keys(node.replica.state()).length === 601));
  await eventually(clock, () => nodes.every((node) => node.gossip.stats().every((peer) => peer.unackedRecords === 0)));
  const [first, ...others] = nodes.map((node) => JSON.stringify(node.replica.state()));
  for (const other of others) expect(other).toBe(first);
  for (const node of nodes) {
    await node.gossip.stop();
    await node.replica.replica.stop();
  }
});
