import { expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { logId } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { toys } from '../testing/toy-replica.ts';
import type { MembershipPort } from './types.ts';

test('three replicas converge', async () => {
  const cluster = new GossipCluster(toys, 1, 3);
  const [a, b, c] = await cluster.startAll();
  a!.replica.put('x', 'from a');
  b!.replica.put('y', 'from b');
  c!.replica.put('z', 'from c');
  await cluster.converge(5_000);
  expect(a!.replica.state()).toEqual({ x: 'from a', y: 'from b', z: 'from c' });
  await cluster.stop();
});

test('a single write on an idle link is pushed at once', async () => {
  const cluster = new GossipCluster(toys, 2, 3, { delayMs: 10, jitterMs: 0 });
  const [a] = await cluster.startAll();
  await cluster.clock.run(3_000);
  a!.replica.put('x', '1');
  expect(await cluster.converge()).toBeLessThanOrEqual(10);
  expect(cluster.stats('m0', 'm1').pulls + cluster.stats('m1', 'm0').pulls).toBeLessThanOrEqual(4);
  await cluster.stop();
});

test('many writes go out in few messages', async () => {
  const cluster = new GossipCluster(toys, 3, 2);
  const [a] = await cluster.startAll();
  await cluster.clock.run(1_000);
  const before = cluster.net.stats.messages;
  for (let i = 0; i < 100; i++) {
    a!.replica.put('x', String(i));
    await cluster.clock.run(1);
  }
  await cluster.converge();
  expect(cluster.stats('m0', 'm1').framesSent).toBe(100);
  expect(cluster.net.stats.messages - before).toBeLessThan(100 / limits.push_batch_ms + 10);
  await cluster.stop();
});

test('each pair has exactly one link', async () => {
  for (let seed = 10; seed < 30; seed++) {
    const cluster = new GossipCluster(toys, seed, 4, { jitterMs: 200 });
    await cluster.startAll();
    await cluster.clock.run(10_000);
    for (const x of cluster.names) for (const y of cluster.names) if (x !== y) expect([seed, cluster.net.linksBetween(x, y)]).toEqual([seed, 1]);
    for (const x of cluster.names) for (const y of cluster.names) if (x !== y) expect(cluster.stats(x, y).connected).toBe(true);
    await cluster.stop();
    await cluster.clock.run(1_000);
    expect(cluster.net.linksBetween('m0', 'm1')).toBe(0);
  }
});

test('the slot of a member that writes another log for now belongs to the log that it continues', async () => {
  const cluster = new GossipCluster(toys, 40, 2);
  const official = logId(1, 7);
  const membership = (continues: LogId | null): MembershipPort => ({
    doubtful: false, encoded: new Uint8Array(0), learn: () => {}, received: () => {}, join: () => Promise.reject(new Error('no')), place: () => null, continues: () => continues, refused: () => {},
  });
  const met: [number, LogId][] = [];
  await cluster.start('m0', { gossip: { membership: membership(null), onMember: (slot, log) => met.push([slot, log]) } });
  await cluster.start('m1', { gossip: { membership: membership(official) } });
  await cluster.clock.run(3_000);
  expect(met).toContainEqual([1, official]);
  expect(met.every(([, log]) => log === official)).toBe(true);
  await cluster.stop();
});
