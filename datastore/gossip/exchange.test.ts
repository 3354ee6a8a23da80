/** What the peers get of each other when links are slow, late or missing. In virtual time. */
import { describe, expect, test } from '@jest/globals';
import { silent } from '../host/log.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { smallReplicas } from '../testing/small-replica.ts';
import { toys } from '../testing/toy-replica.ts';
import type { MembershipPort } from './types.ts';

const MIB = 1_048_576;

test('what peers held of an earlier log of this replica is not counted as held of the present one', async () => {
  const cluster = new GossipCluster(smallReplicas, 5, 2);
  const [a] = await cluster.startAll();
  for (let i = 0; i < 50; i++) a!.replica.put(`k${i}`, 'x');
  await cluster.clock.run(1_000);
  const { gossip, replica } = a!;
  expect(gossip.holders(replica.replica.vector().get(replica.replica.log)!.clock)).toBe(1);
  cluster.net.cut('m0', 'm1');
  await cluster.clock.wait(replica.replica.reincarnate(77), 1_000);
  replica.put('new', 'y');
  await cluster.clock.run(100);
  const { clock } = replica.replica.vector().get(replica.replica.log)!;
  expect(clock).toBeGreaterThan(0);
  expect(gossip.holders(clock)).toBe(0);
  cluster.net.heal('m0', 'm1');
  gossip.reconnect();
  await cluster.clock.until(() => gossip.holders(clock) === 1, 30_000);
  await cluster.stop();
});

test('a replica that goes on in another log says so to its peers before it sends anything of it', async () => {
  const warnings: string[] = [];
  const log: Logger = { ...silent, warn: (message) => void warnings.push(message), with: () => log };
  const cluster = new GossipCluster(smallReplicas, 7, 2);
  const a = await cluster.start('m0');
  const b = await cluster.start('m1', { log });
  await cluster.clock.run(1_000);
  // What comes in meanwhile is reported.
  for (let i = 0; i < 20; i++) b.replica.put(`b${i}`, 'x');
  await cluster.clock.run(5);
  const done = a.replica.replica.reincarnate(78);
  for (let i = 0; i < 20; i++) {
    b.replica.put(`c${i}`, 'x');
    await cluster.clock.run(20);
  }
  await cluster.clock.wait(done, 1_000);
  a.replica.put('new', 'y');
  await cluster.clock.until(() => b.replica.state()['new'] === 'y', 5_000);
  expect(warnings).toEqual([]);
  await cluster.stop();
});

test('a replica that catches up after its hello vouches for what others hold, without anybody writing anything', async () => {
  const cluster = new GossipCluster(smallReplicas, 6, 2);
  const heard: string[] = [];
  const a = await cluster.start('m0', { gossip: { heard: ({ name, state }) => heard.push(`${name} ${state}`) } });
  a.replica.put('x', '1');
  await cluster.clock.run(1_000);
  await cluster.start('m1', { state: 'existing' });
  await cluster.clock.until(() => heard.includes('m1 ready'), 30_000);
  expect(heard[0]).toBe('m1 existing');
  await cluster.stop();
});

describe('a disk that nobody has vouched for, asked by one that has nothing yet', () => {
  const membership: MembershipPort = {
    doubtful: true, encoded: new Uint8Array(0), learn: () => {}, received: () => {}, join: () => Promise.reject(new Error('no')), place: () => null, continues: () => null, refused: () => {},
  };

  test('answers nothing while there may be somebody else to ask, and does after a while: two that wait for each other would wait for ever', async () => {
    const cluster = new GossipCluster(smallReplicas, 8, 2);
    const a = await cluster.start('m0', { gossip: { membership } });
    a.replica.put('x', '1');
    await cluster.clock.run(1_000);
    const b = await cluster.start('m1', { state: 'existing' });
    await cluster.clock.run(limits.donor_doubt_wait_ms - 1_000);
    expect([b.replica.state(), b.gossip.state]).toEqual([{}, 'existing']);
    await cluster.clock.until(() => b.gossip.state === 'ready', 15_000);
    expect(b.replica.state()).toEqual({ x: '1' });
    await cluster.stop();
  });

  test('and the other, whose disk is not in doubt, answers at once', async () => {
    const cluster = new GossipCluster(smallReplicas, 9, 3);
    const a = await cluster.start('m0', { gossip: { membership } });
    await cluster.start('m2');
    a.replica.put('x', '1');
    await cluster.clock.run(1_000);
    const b = await cluster.start('m1', { state: 'existing' });
    await cluster.clock.until(() => b.gossip.state === 'ready', limits.donor_doubt_wait_ms - 1_000);
    expect(b.replica.state()).toEqual({ x: '1' });
    expect(cluster.stats('m0', 'm1').answers).toBe(0);
    await cluster.stop();
  });
});

describe('anti-entropy', () => {
  test('a replica that was down catches up, and asks one peer for it', async () => {
    const cluster = new GossipCluster(smallReplicas, 1, 3);
    const [a, b, c] = await cluster.startAll();
    await cluster.clock.run(3_000);
    c!.replica.put('mine', 'c');
    await cluster.clock.run(500);
    const disk = cluster.crash('m2').replica.disk();
    for (let i = 0; i < 100; i++) a!.replica.put(`k${i}`, 'x'.repeat(1_000));
    b!.replica.put('last', 'b');
    await cluster.clock.run(5_000);
    const before = cluster.net.stats.bytes;
    // It takes so long that both are connected before the first has answered.
    for (const from of ['m0', 'm1']) cluster.net.shape(from, 'm2', { bytesPerMs: 40 });
    const back = await cluster.start('m2', { disk });
    await cluster.converge(20_000);
    expect(Object.keys(back.replica.state())).toHaveLength(102);
    // Not once from each.
    expect(cluster.net.stats.bytes - before).toBeLessThan(150_000);
    await cluster.stop();
  });

  test('a cut link is routed around through a third', async () => {
    const cluster = new GossipCluster(smallReplicas, 2, 3);
    cluster.net.cut('m0', 'm1');
    const [a, b] = await cluster.startAll();
    await cluster.clock.run(5_000);
    a!.replica.put('x', 'a');
    b!.replica.put('y', 'b');
    await cluster.clock.until(() => cluster.converged && 'x' in b!.replica.state() && 'y' in a!.replica.state(), limits.anti_entropy_ms * 6);
    expect(cluster.stats('m0', 'm1').connected).toBe(false);
    await cluster.stop();
  });

  test('reports are relayed, too: lag is 0 although the link is cut', async () => {
    const cluster = new GossipCluster(smallReplicas, 3, 3);
    const [a, b] = await cluster.startAll();
    await cluster.clock.run(2_000);
    a!.replica.put('x', '1');
    await cluster.clock.run(1_000);
    expect(cluster.stats('m0', 'm1').lagMs).toBe(0);
    cluster.net.cut('m0', 'm1');
    cluster.net.breakLinks('m0', 'm1');
    a!.replica.put('x', '2');
    await cluster.clock.run(300);
    expect(cluster.stats('m0', 'm1').lagMs).toBeGreaterThan(200);
    await cluster.clock.until(() => b!.replica.state()['x'] === '2', 30_000);
    await cluster.clock.until(() => cluster.stats('m0', 'm1').lagMs === 0, 30_000);
    await cluster.stop();
  });

  test('a direction that is cut stalls nobody else', async () => {
    const cluster = new GossipCluster(toys, 4, 3);
    const [a, b, c] = await cluster.startAll();
    await cluster.clock.run(2_000);
    cluster.net.cutOneWay('m1', 'm0');
    c!.replica.put('x', 'c');
    await cluster.clock.run(50);
    expect(a!.replica.state()).toEqual({ x: 'c' });
    b!.replica.put('y', 'b');
    await cluster.clock.until(() => a!.replica.state()['y'] === 'b', limits.anti_entropy_ms * 6);
    cluster.net.heal('m0', 'm1');
    await cluster.converge();
    await cluster.stop();
  });

  test('equal vectors, other contents: noticed by both, alarmed, repaired', async () => {
    const cluster = new GossipCluster(toys, 5, 2);
    const [a, b] = await cluster.startAll();
    a!.replica.put('x', '1');
    await cluster.clock.run(3_000);
    b!.replica.damage = 'a flipped bit';
    await cluster.clock.run(limits.anti_entropy_ms * 3);
    for (const node of [a!, b!]) expect(node.alarms[0]?.type).toBe('digestMismatch');
    expect(b!.replica.damage).toBe('');
    expect(cluster.stats('m0', 'm1').digestMismatches).toBeGreaterThan(0);
    expect(cluster.stats('m1', 'm0').digestMismatches).toBeGreaterThan(0);
    const repairs = cluster.stats('m0', 'm1').fullSyncs + cluster.stats('m1', 'm0').fullSyncs;
    expect(repairs).toBeGreaterThan(0);
    await cluster.clock.run(limits.anti_entropy_ms * 10);
    expect(cluster.stats('m0', 'm1').fullSyncs + cluster.stats('m1', 'm0').fullSyncs).toBe(repairs);
    await cluster.stop();
  });

  test('damage that a repair does not heal makes no storm of repairs', async () => {
    const cluster = new GossipCluster(toys, 6, 2);
    const [a, b] = await cluster.startAll();
    a!.replica.put('x', '1');
    await cluster.clock.run(3_000);
    const damage = (): void => {
      b!.replica.damage = 'for good';
      cluster.clock.after(100, damage);
    };
    damage();
    await cluster.clock.run(limits.full_sync_interval_ms * 3);
    expect(cluster.stats('m0', 'm1').fullSyncs).toBeLessThanOrEqual(4);
    expect(cluster.stats('m0', 'm1').fullSyncs).toBeGreaterThanOrEqual(2);
    await cluster.stop();
  });
});

describe('pushes', () => {
  test('a frame that overtakes its cause waits for it, and nothing is asked for', async () => {
    const cluster = new GossipCluster(toys, 10, 3, { delayMs: 1, jitterMs: 0 });
    const [a, b, c] = await cluster.startAll();
    await cluster.clock.run(3_000);
    cluster.net.shape('m0', 'm2', { delayMs: 30 });
    const pulls = cluster.stats('m2', 'm1').pulls + cluster.stats('m2', 'm0').pulls;
    a!.replica.put('cause', '1');
    await cluster.clock.run(5);
    expect(b!.replica.state()).toEqual({ cause: '1' });
    b!.replica.put('effect', '2');
    b!.replica.put('more', '3');
    await cluster.clock.run(10);
    expect(c!.replica.state()).toEqual({});
    expect(cluster.stats('m2', 'm1').framesWaited).toBe(2);
    await cluster.clock.run(20);
    expect(c!.replica.state()).toEqual({ cause: '1', effect: '2', more: '3' });
    expect(cluster.stats('m2', 'm1').pulls + cluster.stats('m2', 'm0').pulls).toBe(pulls);
    await cluster.stop();
  });

  test('a cause that does not come is fetched', async () => {
    const cluster = new GossipCluster(toys, 11, 3, { delayMs: 1, jitterMs: 0 });
    const [a, b, c] = await cluster.startAll();
    await cluster.clock.run(3_000);
    cluster.net.cut('m0', 'm2');
    a!.replica.put('cause', '1');
    await cluster.clock.run(5);
    b!.replica.put('effect', '2');
    await cluster.clock.run(limits.frame_wait_ms + 50);
    expect(c!.replica.state()).toEqual({ cause: '1', effect: '2' });
    await cluster.stop();
  });

  test('a peer that does not keep up loses its queue, not this replica its memory', async () => {
    const cluster = new GossipCluster(toys, 12, 3);
    const [a] = await cluster.startAll();
    await cluster.clock.run(3_000);
    cluster.net.shape('m0', 'm1', { bytesPerMs: 100 });
    let most = 0;
    for (let i = 0; i < 60; i++) {
      a!.replica.put(`k${i % 3}`, 'x'.repeat(MIB));
      await cluster.clock.run(10);
      most = Math.max(most, cluster.stats('m0', 'm1').bufferedBytes);
    }
    expect(cluster.stats('m0', 'm1').overflows).toBe(1);
    expect(most).toBeLessThanOrEqual(limits.peer_buffer_bytes);
    expect(most).toBeGreaterThan(limits.peer_buffer_bytes / 2);
    expect(cluster.nodes.get('m2')!.replica.port.vector()).toEqual(a!.replica.vector());
    cluster.net.shape('m0', 'm1', { bytesPerMs: Infinity });
    // It is told to ask; waiting for the next comparison in the background would take seconds.
    await cluster.converge(200);
    expect(cluster.stats('m0', 'm1').connects).toBe(1);
    // Pushing has begun again.
    await cluster.clock.run(500);
    a!.replica.put('after', '1');
    await cluster.clock.run(10);
    expect(cluster.converged).toBe(true);
    await cluster.stop();
  });

  test('a slow link carries a large answer without being taken for dead', async () => {
    const cluster = new GossipCluster(toys, 13, 2, { bytesPerMs: 50 });
    const a = await cluster.start('m0');
    for (let i = 0; i < 5; i++) a.replica.put(`k${i}`, 'x'.repeat(MIB));
    await cluster.start('m1');
    const took = await cluster.converge(300_000);
    expect(took).toBeGreaterThan(limits.silence_ms * 2);
    expect(cluster.stats('m0', 'm1').connects).toBe(1);
    expect(cluster.stats('m1', 'm0').pullsDone).toBeGreaterThan(0);
    await cluster.stop();
  });

  test('nor does one large push, and small ones follow it', async () => {
    const cluster = new GossipCluster(toys, 16, 2, { bytesPerMs: 50 });
    const [a, b] = await cluster.startAll();
    await cluster.clock.run(3_000);
    a!.replica.put('large', 'x'.repeat(MIB + MIB / 2));
    a!.replica.put('small', '1');
    await cluster.clock.until(() => b!.replica.state()['small'] === '1', 120_000);
    expect(cluster.stats('m0', 'm1')).toMatchObject({ connects: 1, framesSent: 2 });
    await cluster.stop();
  });

  test('what was written before the stop still goes out', async () => {
    const cluster = new GossipCluster(toys, 17, 2, { bytesPerMs: 500 });
    const [a, b] = await cluster.startAll();
    await cluster.clock.run(3_000);
    for (let i = 0; i < 10; i++) a!.replica.put(`k${i}`, 'x'.repeat(50_000));
    await cluster.clock.wait(a!.gossip.stop(), limits.stop_ms + 100);
    expect(Object.keys(b!.replica.state())).toHaveLength(10);
    await cluster.stop();
  });

  test('lag, unacknowledged records and bytes', async () => {
    const cluster = new GossipCluster(smallReplicas, 14, 2, { delayMs: 200, jitterMs: 0 });
    const [a] = await cluster.startAll();
    await cluster.clock.run(5_000);
    expect(cluster.stats('m0', 'm1')).toMatchObject({ lagMs: 0, unackedRecords: 0, unackedBytes: 0 });
    a!.replica.put('x', '1');
    a!.replica.put('y', '1');
    await cluster.clock.run(100);
    const stats = cluster.stats('m0', 'm1');
    expect(stats.unackedRecords).toBe(2);
    expect(stats.unackedBytes).toBeGreaterThan(20);
    expect(stats.lagMs).toBeGreaterThan(90);
    await cluster.clock.run(1_000);
    expect(cluster.stats('m0', 'm1')).toMatchObject({ lagMs: 0, unackedRecords: 0, unackedBytes: 0 });
    await cluster.stop();
  });

  test('who waits for a report gets it at once', async () => {
    for (const ackWanted of [false, true]) {
      const cluster = new GossipCluster(smallReplicas, 15, 3, { delayMs: 1, jitterMs: 0 });
      const heard: string[] = [];
      const [a] = await cluster.startAll({ gossip: { ackWanted, onReport: (peer) => heard.push(peer) } });
      await cluster.clock.run(3_000);
      let worst = 0;
      for (let i = 0; i < 20; i++) {
        a!.replica.put('x', `${i}`);
        const clock = () => a!.replica.port.clock;
        const before = clock();
        worst = Math.max(worst, await cluster.clock.until(() => clock() > before && a!.gossip.holders(clock()) === 2, 1_000));
      }
      if (ackWanted) expect(worst).toBeLessThan(30);
      else expect(worst).toBeGreaterThan(50);
      await cluster.stop();
    }
  });
});
