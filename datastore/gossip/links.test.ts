/** What happens to links, and who is let in. In virtual time, over toys. */
import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import type { Link } from '../host/host.ts';
import { silent } from '../host/log.ts';
import type { Logger } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import { GossipCluster } from '../testing/gossip-cluster.ts';
import { toys } from '../testing/toy-replica.ts';
import type { ToyReplica } from '../testing/toy-replica.ts';
import { closeReasons } from './close-codes.ts';
import { decodeMessage, encodeMessage } from './wire.ts';
import type { Hello } from './hello.ts';

const hello = (change: Partial<Hello> = {}): Hello => ({
  versionMin: 1,
  versionMax: 1,
  clusterId: 'cluster',
  memberId: 101n,
  name: 'm1',
  slot: 1,
  log: logId(1, 1_001),
  run: 'by hand',
  startedWallMs: 0,
  configNumber: 1,
  state: 'ready',
  proof: new Uint8Array(0),
  ...change,
});

/** A link into m0 that the test speaks on itself. */
async function byHand(seed = 1, members = 2) {
  const cluster = new GossipCluster<ToyReplica>(toys, seed, members);
  const m0 = await cluster.start('m0');
  const link = await cluster.clock.wait(cluster.net.machine('m1').dial('http://m0:2380'), 1_000);
  const closed: number[] = [];
  const received: Uint8Array[] = [];
  link.onClose = (code) => closed.push(code);
  link.onMessage = (message) => received.push(message);
  return { cluster, m0, link, closed, received };
}

describe('the handshake', () => {
  test('nothing but a hello is accepted first', async () => {
    for (const message of [encodeMessage({ type: 'nudge' }), encodeMessage({ type: 'vector', request: 1, full: true, vector: new Uint8Array(0), digest: new Uint8Array(0) })]) {
      const { cluster, link, closed, received } = await byHand();
      link.send(message);
      await cluster.clock.run(1_000);
      expect(closed).toEqual([closeReasons.unexpected.code]);
      // Not a byte of data: only its own hello.
      expect(received).toHaveLength(1);
    }
  });

  test('silence is not waited for', async () => {
    const { cluster, closed } = await byHand();
    await cluster.clock.run(limits.handshake_ms + 100);
    expect(closed).toEqual([closeReasons.handshakeTimeout.code]);
  });

  test('a second hello is refused', async () => {
    const { cluster, link, closed } = await byHand();
    link.send(encodeMessage({ type: 'hello', hello: hello() }));
    await cluster.clock.run(100);
    expect(closed).toEqual([]);
    link.send(encodeMessage({ type: 'hello', hello: hello() }));
    await cluster.clock.run(100);
    expect(closed).toEqual([closeReasons.unexpected.code]);
  });

  test.each([
    ['a short one', Uint8Array.of(1)],
    ['an empty one', new Uint8Array(0)],
    ['noise', Uint8Array.from({ length: 100 }, (_, i) => i * 7)],
    ['a large one before the hello', new Uint8Array(100_000)],
  ])('malformed messages close the link: %s', async (_what, message) => {
    const { cluster, m0, link, closed } = await byHand();
    link.send(message);
    await cluster.clock.run(100);
    expect(closed).toEqual([closeReasons.malformed.code]);
    m0.replica.put('still', 'alive');
    expect(m0.replica.state()).toEqual({ still: 'alive' });
  });

  test.each(['frames', 'report', 'vector', 'chunk'] as const)('a malformed frame, vector or report closes an accepted link: %s', async (type) => {
    const { cluster, m0, link, closed } = await byHand();
    link.send(encodeMessage({ type: 'hello', hello: hello() }));
    await cluster.clock.run(100);
    const junk = Uint8Array.of(1, 2, 3);
    if (type === 'frames') link.send(encodeMessage({ type, ackWanted: false, frames: [junk] }));
    if (type === 'report') link.send(encodeMessage({ type, report: junk }));
    if (type === 'vector') link.send(encodeMessage({ type, request: 1, full: false, vector: junk, digest: junk }));
    if (type === 'chunk') link.send(encodeMessage({ type, request: 1, last: true, mismatch: false, piece: junk }));
    await cluster.clock.run(100);
    expect(closed).toEqual([closeReasons.malformed.code]);
    expect(m0.gossip.stats()[0]!.connected).toBe(false);
  });

  test('a frame after a gap is answered with a vector', async () => {
    const { cluster, m0, link, closed, received } = await byHand();
    link.send(encodeMessage({ type: 'hello', hello: hello() }));
    await cluster.clock.run(100);
    const asks = () => received.map((bytes) => decodeMessage(bytes)).filter((message) => message.type === 'vector');
    const first = asks()[0]!;
    expect(asks()).toHaveLength(1);
    link.send(encodeMessage({ type: 'chunk', request: first.request, last: true, mismatch: false, piece: new Uint8Array(0) }));
    await cluster.clock.run(100);
    const record = { log: logId(1, 1_001), clock: 5, lamport: 5, key: 'x', value: '1', deps: [] };
    const frame = new TextEncoder().encode(JSON.stringify({ sender: logId(1, 1_001), records: [record], reports: [] }));
    link.send(encodeMessage({ type: 'frames', ackWanted: false, frames: [frame] }));
    await cluster.clock.run(100);
    expect(asks()).toHaveLength(2);
    expect(m0.gossip.stats()[0]).toMatchObject({ framesGap: 1, pulls: 2 });
    // In another's name, not.
    link.send(encodeMessage({ type: 'frames', ackWanted: false, frames: [new TextEncoder().encode(JSON.stringify({ sender: 5, records: [], reports: [] }))] }));
    await cluster.clock.run(100);
    expect(closed).toEqual([closeReasons.malformed.code]);
  });

  test('an answer that nobody asked for closes the link', async () => {
    const { cluster, link, closed } = await byHand();
    link.send(encodeMessage({ type: 'hello', hello: hello() }));
    await cluster.clock.run(100);
    link.send(encodeMessage({ type: 'chunk', request: 77, last: true, mismatch: false, piece: new Uint8Array(0) }));
    await cluster.clock.run(100);
    expect(closed).toEqual([closeReasons.unexpected.code]);
  });

  test('links that say nothing are bounded', async () => {
    const { cluster } = await byHand();
    const codes: number[] = [];
    for (let i = 0; i < limits.unknown_links + 10; i++) {
      const link: Link = await cluster.clock.wait(cluster.net.machine('m1').dial('http://m0:2380'), 1_000);
      link.onClose = (code) => codes.push(code);
    }
    await cluster.clock.run(100);
    expect(codes.filter((code) => code === closeReasons.overloaded.code)).toHaveLength(11);
  });

  test('another cluster is refused by both sides, and nothing is exchanged', async () => {
    const cluster = new GossipCluster(toys, 5, 2);
    const a = await cluster.start('m0');
    const b = await cluster.start('m1', { clusterId: 'other' });
    a.replica.put('x', 'a');
    b.replica.put('y', 'b');
    await cluster.clock.run(30_000);
    expect(a.replica.state()).toEqual({ x: 'a' });
    expect(b.replica.state()).toEqual({ y: 'b' });
    for (const node of [a, b]) expect(node.gossip.refusals.get('wrong cluster')).toBeGreaterThan(0);
    // Slowly: nothing changes by trying again and again.
    expect(cluster.net.stats.dials).toBeLessThan(20);
    await cluster.stop();
  });

  test('another secret is refused', async () => {
    const cluster = new GossipCluster(toys, 6, 2);
    const a = await cluster.start('m0', { gossip: { proof: Uint8Array.of(1, 2) } });
    await cluster.start('m1', { gossip: { proof: Uint8Array.of(1, 3) } });
    await cluster.clock.run(3_000);
    expect(a.gossip.refusals.get(closeReasons.badProof.name)).toBeGreaterThan(0);
    expect(cluster.stats('m0', 'm1').connects).toBe(0);
    await cluster.stop();
  });

  test('two members with one slot: refused by both, with an alarm at both', async () => {
    const cluster = new GossipCluster(toys, 7, 2);
    const a = await cluster.start('m0');
    const b = await cluster.start('m1', { slot: 0, incarnation: 5 });
    await cluster.clock.run(5_000);
    expect(a.alarms[0]).toEqual({ type: 'slotClash', slot: 0, peer: 'm1' });
    expect(b.alarms[0]).toEqual({ type: 'slotClash', slot: 0, peer: 'm0' });
    await cluster.stop();
  });

  test('a cloned disk: both live, so both are refused, and the alarm names the log', async () => {
    const cluster = new GossipCluster(toys, 8, 3);
    const a = await cluster.start('m0');
    const c = await cluster.start('m2');
    const one = await cluster.start('m1');
    await cluster.clock.run(5_000);
    expect(cluster.stats('m0', 'm1').connected).toBe(true);
    await cluster.start('m1', { machine: 'elsewhere', incarnation: 1_001 });
    await cluster.clock.run(20_000);
    for (const node of [a, c]) {
      expect(node.alarms).toContainEqual({ type: 'duplicateIdentity', log: logId(1, 1_001), peer: 'm1' });
      expect(node.gossip.stats().find((s) => s.name === 'm1')!.connected).toBe(false);
      expect(node.gossip.stats().find((s) => s.name !== 'm1')!.connected).toBe(true);
    }
    one.replica.put('fork', '1');
    await cluster.clock.run(10_000);
    expect(a.replica.state()).toEqual({});
    await cluster.stop();
  });

  test('a member that is removed is not talked to', async () => {
    const cluster = new GossipCluster(toys, 9, 3);
    const [a, b] = await cluster.startAll();
    await cluster.clock.run(2_000);
    a!.gossip.setPeers(cluster.addresses.filter((address) => address.name !== 'm1'));
    b!.replica.put('x', 'b');
    await cluster.clock.run(1_000);
    expect(cluster.net.linksBetween('m0', 'm1')).toBe(0);
    expect(a!.gossip.stats().map((s) => s.name)).toEqual(['m2']);
    // And let in again.
    a!.gossip.setPeers(cluster.addresses);
    await cluster.converge(30_000);
    expect(a!.replica.state()).toEqual({ x: 'b' });
    expect(cluster.net.linksBetween('m0', 'm1')).toBe(1);
    await cluster.stop();
  });
});

describe('links', () => {
  test('a restart is not taken for a clone, even if the old link is still up', async () => {
    const cluster = new GossipCluster(toys, 20, 3);
    const [a] = await cluster.startAll();
    await cluster.clock.run(3_000);
    const disk = cluster.crash('m1', 'silent').replica.disk();
    await cluster.start('m1', { disk });
    await cluster.clock.run(1_000);
    a!.replica.put('x', '1');
    await cluster.converge(10_000);
    expect(a!.alarms).toEqual([]);
    await cluster.stop();
  });

  test('half-open links are noticed', async () => {
    const cluster = new GossipCluster(toys, 21, 2);
    await cluster.startAll();
    await cluster.clock.run(3_000);
    cluster.crash('m1', 'silent');
    await cluster.clock.run(limits.silence_ms + limits.ping_ms * 2);
    expect(cluster.stats('m0', 'm1').connected).toBe(false);
    await cluster.stop();
  });

  test('a broken link is dialled again, patiently at last', async () => {
    const cluster = new GossipCluster(toys, 22, 2);
    await cluster.startAll();
    await cluster.clock.run(10_000);
    cluster.crash('m1');
    const before = cluster.net.stats.dials;
    await cluster.clock.run(120_000);
    const dials = cluster.net.stats.dials - before;
    expect(dials).toBeGreaterThan(12);
    expect(dials).toBeLessThan(60);
    await cluster.start('m1');
    expect(await cluster.clock.until(() => cluster.stats('m0', 'm1').connected, 60_000)).toBeLessThan(limits.dial_backoff_max_ms);
    await cluster.stop();
  });

  test('round trip and clock skew are measured', async () => {
    const cluster = new GossipCluster(toys, 23, 2, { delayMs: 25, jitterMs: 0 });
    await cluster.start('m0');
    await cluster.start('m1', { wallSkewMs: 5_000 });
    await cluster.clock.run(20_000);
    const stats = cluster.stats('m0', 'm1');
    expect(stats.rttMs).toBeCloseTo(50, 0);
    expect(Math.abs(stats.clockSkewMs - 5_000)).toBeLessThan(2);
    await cluster.stop();
  });

  test('quiet when idle', async () => {
    const cluster = new GossipCluster(toys, 24, 3);
    await cluster.startAll();
    await cluster.clock.run(10_000);
    const before = { ...cluster.net.stats };
    await cluster.clock.run(60_000);
    // Pings, and now and then a comparison of vectors.
    expect(cluster.net.stats.messages - before.messages).toBeLessThan(60 * 6);
    expect(cluster.net.stats.bytes - before.bytes).toBeLessThan(60 * 600);
    await cluster.stop();
  });
});

test('why a peer cannot be reached is logged once for each change', async () => {
  const lines: string[] = [];
  const log: Logger = {
    ...silent,
    info: (message, fields) => void (message === 'peer connected' && lines.push(`${message} ${String(fields?.['dialled'])}`)),
    warn: (message, fields) => void lines.push(`${message}: ${String(fields?.['why'])}`),
    with: () => log,
  };
  const cluster = new GossipCluster<ToyReplica>(toys, 3, 2);
  await cluster.start('m0', { log });
  await cluster.clock.run(30_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^peer cannot be reached: ./);
  await cluster.start('m1');
  await cluster.clock.until(() => lines.length === 2, 30_000);
  expect(lines[1]).toMatch(/^peer connected/);
  cluster.crash('m1');
  await cluster.clock.run(30_000);
  expect(lines.slice(2)).toEqual([lines[0]]);
  await cluster.stop();
});
