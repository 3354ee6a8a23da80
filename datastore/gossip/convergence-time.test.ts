/** In virtual time, over toys. */
import { expect, test } from '@jest/globals';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { toys } from '../testing/toy-replica.ts';
import type { ToyReplica } from '../testing/toy-replica.ts';
import { Convergence } from './convergence.ts';

async function pair(seed: number, wallSkewMs: number) {
  const cluster = new GossipCluster<ToyReplica>(toys, seed, 2, { delayMs: 25, jitterMs: 0 });
  const seconds: number[] = [];
  const m0 = await cluster.start('m0');
  await cluster.start('m1', { wallSkewMs, gossip: { onConverged: (s) => seconds.push(s) } });
  await cluster.clock.until(() => cluster.stats('m1', 'm0').connected, 60_000);
  // A ping tells how far the clocks are apart.
  await cluster.clock.run(5_000);
  return { cluster, m0, seconds };
}

test.each([0, 3_600_000, -3_600_000])('it is the delay of the link, whatever the wall clocks say (%d ms apart)', async (skewMs) => {
  const { cluster, m0, seconds } = await pair(1, skewMs);
  for (let i = 0; i < 5; i++) {
    m0.replica.put(`k${i}`, 'v');
    await cluster.clock.run(1_000);
  }
  expect(seconds).toHaveLength(5);
  for (const s of seconds) expect(Math.abs(s - 0.025)).toBeLessThan(0.003);
  await cluster.stop();
});

test('at most ten a second are told', async () => {
  const { cluster, m0, seconds } = await pair(2, 0);
  for (let i = 0; i < 400; i++) {
    m0.replica.put('k', String(i));
    await cluster.clock.run(5);
  }
  expect(seconds.length).toBeGreaterThanOrEqual(19);
  expect(seconds.length).toBeLessThanOrEqual(21);
  await cluster.stop();
});

test('what a cut held up counts with all its time', async () => {
  const { cluster, m0, seconds } = await pair(3, 1_000);
  cluster.net.cut('m0', 'm1');
  cluster.net.breakLinks('m0', 'm1');
  m0.replica.put('k', 'old');
  await cluster.clock.run(100_000);
  m0.replica.put('k', 'new');
  await cluster.clock.run(1_000);
  cluster.net.heal('m0', 'm1');
  await cluster.converge();
  await cluster.clock.run(1_000);
  expect(Math.max(...seconds)).toBeGreaterThan(100);
  expect(Math.max(...seconds)).toBeLessThan(125);
  await cluster.stop();
});

test('what is here already is not counted, nor what another log of the peer had', () => {
  const convergence = new Convergence();
  convergence.told(1, { clock: 5, wallMs: 1_000 }, 5);
  expect(convergence.arrived(9, 2_000)).toEqual([]);
  convergence.told(1, { clock: 10, wallMs: 1_000 }, 5);
  convergence.told(2, { clock: 3, wallMs: 1_500 }, 0);
  expect(convergence.arrived(20, 2_000)).toEqual([0.5]);
});
