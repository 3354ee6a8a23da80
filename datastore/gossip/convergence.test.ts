/** Real replicas over a bad network: whatever happens to the links, all end with the same. */
import { describe, expect, test } from '@jest/globals';
import { logId } from '../replica/types.ts';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { smallReplicas } from '../testing/small-replica.ts';
import type { SmallReplica } from '../testing/small-replica.ts';
import { toys } from '../testing/toy-replica.ts';
import type { Subject } from '../testing/gossip-cluster.ts';

test('three real replicas converge', async () => {
  const cluster = new GossipCluster(smallReplicas, 1, 3);
  const [a, b, c] = await cluster.startAll();
  a!.replica.put('x', 'from a');
  b!.replica.put('y', 'from b');
  c!.replica.put('z', 'from c');
  await cluster.clock.run(2_000);
  await cluster.converge(5_000);
  expect(a!.replica.state()).toEqual({ x: 'from a', y: 'from b', z: 'from c' });
  a!.replica.remove('y');
  await cluster.clock.run(100);
  for (const node of [a, b, c]) expect(node!.replica.state()).toEqual({ x: 'from a', z: 'from c' });
  await cluster.stop();
});

/** Random writes while random things happen to the network and the processes; then peace. */
async function storm<S extends Subject>(cluster: GossipCluster<S>, steps: number, crashes: boolean): Promise<void> {
  const random = cluster.random.fork('storm');
  const names = cluster.names;
  await cluster.startAll();
  for (let i = 0; i < steps; i++) {
    const [a, b] = [random.pick(names), random.pick(names)];
    const dice = random.float();
    if (dice < 0.45) cluster.nodes.get(a)?.replica.put(`k${random.below(20)}`, `${i}`);
    else if (dice < 0.6) cluster.nodes.get(a)?.replica.remove(`k${random.below(20)}`);
    else if (dice < 0.66) cluster.net.cutOneWay(a, b);
    else if (dice < 0.72) cluster.net.cut(a, b);
    else if (dice < 0.84) cluster.net.heal(a, b);
    else if (dice < 0.92) cluster.net.breakLinks(a, b);
    else if (dice < 0.94) cluster.net.shape(a, b, { bytesPerMs: random.pick([0.5, 5, Infinity]), jitterMs: random.pick([0, 5, 100]) });
    else if (dice < 0.96) {
      const at = random.below(names.length);
      cluster.net.partition(names.slice(0, at), names.slice(at));
    } else if (crashes && cluster.nodes.has(a) && cluster.nodes.size > 1) {
      const disk = cluster.crash(a, random.chance(0.5) ? 'silent' : 'reset').replica.disk();
      await cluster.clock.run(random.below(3_000));
      await cluster.start(a, { disk });
    }
    await cluster.clock.run(random.pick([0, 1, 10, 10, 100, 1_000]));
  }
  for (const a of names) for (const b of names) if (a !== b) cluster.net.shape(a, b, { cut: false, bytesPerMs: Infinity, jitterMs: 1 });
  await cluster.converge(120_000);
}

describe('after a storm', () => {
  test.each([101, 102, 103, 104, 105, 106, 107, 108])('toys, seed %i', async (seed) => {
    const cluster = new GossipCluster(toys, seed, 3 + (seed % 3));
    await storm(cluster, 150, true);
    for (const node of cluster.nodes.values()) expect(node.alarms).toEqual([]);
    await cluster.stop();
  });

  test.each([201, 202, 203, 204, 205, 206])('real replicas, seed %i', async (seed) => {
    const members = [0, 1, 2].map((slot) => ({ slot, log: logId(slot, 1_000 + slot) }));
    const cluster = new GossipCluster<SmallReplica>(
      (...args) => {
        const made = smallReplicas(...args);
        made.replica.setMembers(members, 1);
        return made;
      },
      seed,
      3,
    );
    await storm(cluster, 120, true);
    for (const node of cluster.nodes.values()) expect(node.alarms).toEqual([]);
    await cluster.stop();
  });
});
