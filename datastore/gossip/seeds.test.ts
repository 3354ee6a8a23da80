/** Members that are found at addresses which may be anybody's. In virtual time, over toys. */
import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { GossipCluster, urlOf } from '../testing/gossip-cluster.ts';
import { toys } from '../testing/toy-replica.ts';
import type { ToyReplica } from '../testing/toy-replica.ts';
import type { SeedAddress } from './seeds.ts';

const HEADLESS = 'http://headless:2380';
/** As a headless name: whoever is there at the moment. */
const at = (...machines: string[]): SeedAddress[] => machines.map((address) => ({ url: HEADLESS, address }));
const connects = (cluster: GossipCluster<ToyReplica>, node: string): number[] => cluster.nodes.get(node)!.gossip.stats().map((peer) => peer.connects);

describe('seeds', () => {
  test('members whose URLs are not known are found by a name that stands for all of them', async () => {
    const cluster = new GossipCluster<ToyReplica>(toys, 1, 3);
    const peers = cluster.names.map((name) => ({ name, urls: [] }));
    for (const name of cluster.names) await cluster.start(name, { peers, gossip: { seeds: () => Promise.resolve(at('m0', 'm1', 'm2')) } });
    cluster.nodes.get('m0')!.replica.put('k', 'v');
    await cluster.converge();
    await cluster.clock.until(() => cluster.names.every((name) => cluster.nodes.get(name)!.gossip.stats().every((peer) => peer.connected)), 60_000);
    await cluster.stop();
  });

  test('a member that comes back under another address is found there, whoever has its old one', async () => {
    const cluster = new GossipCluster<ToyReplica>(toys, 2, 3);
    const where = new Map(cluster.names.map((name) => [name, name]));
    const options = { gossip: { seeds: () => Promise.resolve(at(...where.values())) } };
    for (const name of cluster.names) await cluster.start(name, options);
    await cluster.clock.until(() => cluster.nodes.get('m0')!.gossip.stats().every((peer) => peer.connected), 60_000);
    const { replica } = cluster.crash('m1');
    where.set('m1', 'elsewhere');
    await cluster.clock.run(30_000);
    await cluster.start('m1', { ...options, machine: 'elsewhere', disk: replica.disk(), peers: cluster.addresses.map((peer) => ({ ...peer, urls: peer.name === 'm0' ? peer.urls : [] })) });
    await cluster.clock.until(() => ['m0', 'm2'].every((name) => cluster.stats(name, 'm1').connected), 60_000);
    await cluster.stop();
  });

  test('who has a link is left in peace while another is looked for', async () => {
    const cluster = new GossipCluster<ToyReplica>(toys, 3, 3);
    const options = { gossip: { seeds: () => Promise.resolve(at('m0', 'm1')) } };
    await cluster.start('m0', options);
    await cluster.start('m1', options);
    await cluster.clock.until(() => cluster.stats('m0', 'm1').connected && cluster.stats('m1', 'm0').connected, 60_000);
    const before = [connects(cluster, 'm0'), connects(cluster, 'm1')];
    const dials = cluster.net.stats.dials;
    await cluster.clock.run(120_000);
    expect([connects(cluster, 'm0'), connects(cluster, 'm1')]).toEqual(before);
    // Nobody is asked more often than a dead member is: m2's own URL, and the two seeds, from both sides.
    expect(cluster.net.stats.dials - dials).toBeLessThan(6 * 4 * 120_000 / limits.dial_backoff_max_ms);
    await cluster.stop();
  });

  test('nobody looks when every member has a link', async () => {
    const cluster = new GossipCluster<ToyReplica>(toys, 4, 2);
    let asked = 0;
    const options = { gossip: { seeds: () => Promise.resolve(at((asked++, 'm0'))) } };
    await cluster.startAll(options);
    await cluster.clock.until(() => cluster.stats('m0', 'm1').connected, 60_000);
    asked = 0;
    await cluster.clock.run(60_000);
    expect(asked).toBe(0);
    await cluster.stop();
  });
});

test('a URL that leads to another member serves for that one; a link that it has already is not disturbed', async () => {
  const cluster = new GossipCluster<ToyReplica>(toys, 5, 3);
  // m0 takes m2's address for m1's.
  const peers = [{ name: 'm1', urls: [urlOf('m2')] }, { name: 'm2', urls: [] }];
  await cluster.start('m2', { peers: [{ name: 'm0', urls: [] }, { name: 'm1', urls: [] }] });
  await cluster.start('m0', { peers });
  await cluster.clock.until(() => cluster.stats('m0', 'm2').connected, 60_000);
  await cluster.clock.run(60_000);
  expect([cluster.stats('m0', 'm2').connects, cluster.stats('m2', 'm0').connects]).toEqual([1, 1]);
  expect(cluster.stats('m0', 'm1').connected).toBe(false);
  // m1 comes, and finds m0 by itself.
  await cluster.start('m1', { peers: [{ name: 'm0', urls: [urlOf('m0')] }, { name: 'm2', urls: [] }] });
  await cluster.clock.until(() => cluster.stats('m0', 'm1').connected, 60_000);
  expect(cluster.stats('m0', 'm2').connects).toBe(1);
  await cluster.stop();
});
