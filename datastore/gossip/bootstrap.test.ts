import { describe, expect, test } from '@jest/globals';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import type { Node } from '../testing/gossip-cluster.ts';
import { smallReplicas } from '../testing/small-replica.ts';
import type { SmallReplica } from '../testing/small-replica.ts';

/** When and how a node became ready. */
function watch(node: Node<SmallReplica>): { how: string | null } {
  const seen: { how: string | null } = { how: null };
  void node.gossip.ready.then((how) => (seen.how = how));
  return seen;
}

describe('an empty disk', () => {
  test('a one-member cluster that is new is ready at once', async () => {
    const cluster = new GossipCluster(smallReplicas, 1, 1);
    const seen = watch(await cluster.start('m0', { state: 'new' }));
    await cluster.clock.run(0);
    expect(seen.how).toBe('bootstrapped');
    await cluster.stop();
  });

  test('a new cluster waits for a majority', async () => {
    const cluster = new GossipCluster(smallReplicas, 2, 3);
    const a = watch(await cluster.start('m0', { state: 'new' }));
    await cluster.clock.run(60_000);
    expect(a.how).toBeNull();
    const b = watch(await cluster.start('m1', { state: 'new' }));
    await cluster.clock.run(15_000);
    expect([a.how, b.how].filter((how) => how === 'bootstrapped').length).toBeGreaterThan(0);
    expect([a.how, b.how]).not.toContain(null);
    const c = watch(await cluster.start('m2', { state: 'new' }));
    await cluster.clock.run(15_000);
    expect(c.how).toBe('caught up');
    await cluster.stop();
  });

  test('told that the cluster is new, but somebody has data: it catches up before it serves', async () => {
    const cluster = new GossipCluster(smallReplicas, 3, 3);
    const a = await cluster.start('m0');
    a.replica.put('precious', '1');
    await cluster.clock.run(1_000);
    const b = await cluster.start('m1', { state: 'new' });
    let held: unknown;
    void b.gossip.ready.then(() => (held = b.replica.state()));
    const c = await cluster.start('m2', { state: 'new' });
    const seen = [watch(b), watch(c)];
    cluster.net.cut('m0', 'm1');
    cluster.net.cut('m0', 'm2');
    cluster.net.breakLinks('m0', 'm1');
    cluster.net.breakLinks('m0', 'm2');
    await cluster.clock.run(15_000);
    cluster.net.heal('m0', 'm2');
    cluster.net.heal('m0', 'm1');
    await cluster.clock.run(30_000);
    expect(seen.map((s) => s.how)).not.toContain(null);
    expect(cluster.converged).toBe(true);
    expect(b.replica.state()).toEqual({ precious: '1' });
    void held;
    await cluster.stop();
  });

  test('existing: not ready before an answer of a ready peer is applied and durable', async () => {
    const cluster = new GossipCluster(smallReplicas, 4, 3);
    const a = await cluster.start('m0');
    for (let i = 0; i < 50; i++) a.replica.put(`k${i}`, 'v'.repeat(500));
    await cluster.clock.run(1_000);
    const b = await cluster.start('m1', { state: 'existing' });
    let keysWhenReady = -1;
    void b.gossip.ready.then(() => (keysWhenReady = Object.keys(b.replica.state()).length));
    await cluster.clock.run(15_000);
    expect(keysWhenReady).toBe(50);
    expect(b.replica.replica.visibleRevision).toBeGreaterThan(0);
    await cluster.stop();
  });

  test('existing: other empty disks do not make it ready', async () => {
    const cluster = new GossipCluster(smallReplicas, 5, 3);
    const nodes = await cluster.startAll({ state: 'existing' });
    const seen = nodes.map(watch);
    await cluster.clock.run(60_000);
    expect(seen.map((s) => s.how)).toEqual([null, null, null]);
    expect(nodes.map((node) => node.gossip.state)).toEqual(['existing', 'existing', 'existing']);
    await cluster.stop();
  });

  test('new: whoever says that the cluster exists stops the bootstrap', async () => {
    const cluster = new GossipCluster(smallReplicas, 6, 3);
    const a = watch(await cluster.start('m0', { state: 'new' }));
    const b = watch(await cluster.start('m1', { state: 'existing' }));
    const c = watch(await cluster.start('m2', { state: 'existing' }));
    await cluster.clock.run(60_000);
    expect([a.how, b.how, c.how]).toEqual([null, null, null]);
    await cluster.stop();
  });

  test('nobody is told that it is ready before that is durable: whoever dies before, the others begin without it', async () => {
    const cluster = new GossipCluster(smallReplicas, 7, 3);
    const begun: string[] = [];
    const begin = (how: string): Promise<void> => {
      begun.push(how);
      return new Promise(() => {});
    };
    const a = await cluster.start('m0', { state: 'new', gossip: { begin } });
    const b = await cluster.start('m1', { state: 'new', gossip: { begin } });
    const seen = [watch(a), watch(b)];
    await cluster.clock.run(15_000);
    expect(begun.length).toBeGreaterThan(0);
    expect([...seen.map((s) => s.how), a.gossip.state, b.gossip.state]).toEqual([null, null, 'new', 'new']);
    const c = watch(await cluster.start('m2', { state: 'new' }));
    await cluster.clock.run(15_000);
    expect(c.how).toBe('bootstrapped');
    await cluster.stop();
  });

  test('all new at once, whatever the order: all become ready and converge', async () => {
    for (let seed = 10; seed < 25; seed++) {
      const cluster = new GossipCluster(smallReplicas, seed, 3, { jitterMs: 300 });
      const nodes = await cluster.startAll({ state: 'new' });
      const seen = nodes.map(watch);
      for (const node of nodes) void node.gossip.ready.then(() => node.replica.put(node.name, 'first'));
      await cluster.clock.run(30_000);
      expect([seed, ...seen.map((s) => s.how)]).not.toContain(null);
      await cluster.converge();
      expect(Object.keys(nodes[0]!.replica.state())).toEqual(['m0', 'm1', 'm2']);
      await cluster.stop();
    }
  });
});

test('a replica with its own disk serves at once, even alone', async () => {
  const cluster = new GossipCluster(smallReplicas, 30, 3);
  const seen = watch(await cluster.start('m0', { state: 'ready' }));
  await cluster.clock.run(0);
  expect(seen.how).toBe('own disk');
  await cluster.stop();
});
