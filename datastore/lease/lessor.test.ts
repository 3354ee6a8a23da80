import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { FakeCluster } from './testing.ts';

const one = () => {
  const cluster = new FakeCluster(1);
  return { cluster, replica: cluster.at(0) };
};

describe('as etcd', () => {
  test('grants: chosen and given ids, the least TTL, texts of errors', async () => {
    const { replica } = one();
    const { lessor } = replica;
    expect(await lessor.grant(7n, 1)).toEqual({ id: 7n, ttl: 2 });
    await expect(lessor.grant(7n, 10)).rejects.toThrow('etcdserver: lease already exists');
    await expect(lessor.grant(0n, 9_000_000_001)).rejects.toThrow('etcdserver: too large lease TTL');
    expect((await lessor.grant(8n, 9_000_000_000)).ttl).toBe(9_000_000_000);
    const { id } = await lessor.grant(0n, 10);
    expect(id).toBeGreaterThan(0n);
    expect(id).toBeLessThan(2n ** 63n);
    expect(id & 0xffn).toBe(0n);
    expect(replica.revision).toBe(1);
    await lessor.grant(-5n, 10);
    expect(lessor.exists(-5n)).toBe(true);
    replica.full = true;
    await expect(lessor.grant(0n, 10)).rejects.toThrow('etcdserver: mvcc: database space exceeded');
  });

  test('what is missing', async () => {
    const { lessor } = one().replica;
    await expect(lessor.revoke(9n)).rejects.toThrow('etcdserver: requested lease not found');
    expect(await lessor.keepAlive(9n)).toEqual({ id: 9n, ttl: 0 });
    expect(lessor.timeToLive(9n, true)).toEqual({ id: 9n, ttl: -1, grantedTTL: 0, keys: [] });
  });

  test('revocation deletes the keys in one revision; without keys it uses none', async () => {
    const { replica } = one();
    await replica.lessor.grant(1n, 100);
    for (let i = 0; i < 1_000; i++) replica.put(`k${i}`, 1n);
    replica.put('other', 0n);
    const before = replica.revision;
    expect(replica.lessor.timeToLive(1n, true).keys).toHaveLength(1_000);
    await replica.lessor.revoke(1n);
    expect(replica.revision).toBe(before + 1);
    expect(replica.keys()).toEqual(['other']);
    await replica.lessor.grant(2n, 100);
    await replica.lessor.revoke(2n);
    expect(replica.revision).toBe(before + 1);
    expect(replica.lessor.stats).toMatchObject({ leases: 0, granted: 2, revoked: 2, expired: 0 });
  });

  test('expiry at the deadline, renewal puts it off, the list begins with what ends first', async () => {
    const { cluster, replica } = one();
    const { lessor } = replica;
    await lessor.grant(1n, 10);
    await lessor.grant(2n, 5);
    await lessor.grant(3n, 20);
    replica.put('a', 1n);
    replica.put('b', 2n);
    expect(lessor.list()).toEqual([2n, 1n, 3n]);
    await cluster.time.run(4_000);
    expect(lessor.timeToLive(2n, false)).toMatchObject({ ttl: 1, grantedTTL: 5 });
    expect(await lessor.keepAlive(2n)).toEqual({ id: 2n, ttl: 5 });
    await cluster.time.run(4_900);
    expect(replica.keys()).toEqual(['a', 'b']);
    await cluster.time.run(200);
    expect(replica.keys()).toEqual(['a']);
    await cluster.time.run(1_000);
    expect(replica.keys()).toEqual([]);
    expect(lessor.list()).toEqual([3n]);
  });

  test('many at once end at a limited rate, and a disk that is full only delays', async () => {
    const { cluster, replica } = one();
    for (let i = 1; i <= 350; i++) await replica.lessor.grant(BigInt(i), 10);
    await cluster.time.run(10_000);
    expect(replica.lessor.stats.leases).toBe(250);
    await cluster.time.run(150);
    expect(replica.lessor.stats.leases).toBe(150);
    replica.refuse = 1;
    await cluster.time.run(2_000);
    expect(replica.lessor.stats.leases).toBe(0);
  });

  test('an id that is used again has a deadline of its own', async () => {
    const { cluster, replica } = one();
    await replica.lessor.grant(1n, 5);
    await replica.lessor.revoke(1n);
    await replica.lessor.grant(1n, 20);
    await cluster.time.run(19_000);
    expect(replica.lessor.exists(1n)).toBe(true);
    await cluster.time.run(1_100);
    expect(replica.lessor.exists(1n)).toBe(false);
  });
});

describe('restart', () => {
  test('remaining time survives', async () => {
    const { cluster, replica } = one();
    await replica.lessor.grant(1n, 60);
    await replica.lessor.grant(2n, 60);
    await cluster.time.run(30_000);
    await replica.lessor.keepAlive(2n);
    await cluster.time.run(limits.lease_checkpoint_ms);
    replica.restart();
    const left = replica.lessor.timeToLive(1n, false).ttl;
    expect(left).toBeGreaterThanOrEqual(25);
    expect(left).toBeLessThanOrEqual(30);
    expect(replica.lessor.timeToLive(2n, false).ttl).toBeGreaterThanOrEqual(54);
    await cluster.time.run(31_000);
    expect(replica.lessor.exists(1n)).toBe(false);
    expect(replica.lessor.exists(2n)).toBe(true);
  });

  test('a lease that was about to end gives its clients time to come back; one that no checkpoint names is whole', async () => {
    const { cluster, replica } = one();
    await replica.lessor.grant(1n, 20);
    await cluster.time.run(19_500);
    await replica.lessor.grant(2n, 20);
    replica.restart();
    expect(replica.lessor.timeToLive(1n, false).ttl).toBeGreaterThanOrEqual(2);
    expect(replica.lessor.timeToLive(2n, false).ttl).toBeGreaterThanOrEqual(18);
  });

  test('a lease granted again is not taken for the earlier one of its id, which a checkpoint names', async () => {
    const { cluster, replica } = one();
    await replica.lessor.grant(1n, 60);
    await cluster.time.run(limits.lease_checkpoint_ms + 1_000);
    await replica.lessor.revoke(1n);
    await replica.lessor.grant(1n, 3_600);
    replica.restart();
    expect(replica.lessor.timeToLive(1n, false).ttl).toBeGreaterThanOrEqual(3_595);
  });

  test('checkpoints are rare, and stop when nothing changes that matters', async () => {
    const { cluster, replica } = one();
    await replica.lessor.grant(1n, 3_600);
    await cluster.time.run(5_000);
    expect(replica.notes).toHaveLength(1);
    await cluster.time.run(170_000);
    expect(replica.notes).toHaveLength(1);
    await cluster.time.run(20_000);
    expect(replica.notes).toHaveLength(2);
  });

  test('keys whose lease is gone are found and deleted', async () => {
    const { cluster, replica } = one();
    replica.put('k', 99n);
    replica.restart();
    await cluster.time.run(11_000);
    expect(replica.keys()).toEqual([]);
  });
});

describe('several replicas', () => {
  test('only the keeper ends a lease; a renewal elsewhere makes that the keeper, with one record', async () => {
    const cluster = new FakeCluster(3);
    await cluster.at(0).lessor.grant(1n, 10);
    cluster.at(0).put('k', 1n);
    cluster.exchange();
    await cluster.run(5_000);
    const records = cluster.at(1).records.length;
    expect(await cluster.at(1).lessor.keepAlive(1n)).toEqual({ id: 1n, ttl: 10 });
    await cluster.at(1).lessor.keepAlive(1n);
    expect(cluster.at(1).records).toHaveLength(records + 1);
    await cluster.run(9_000);
    expect(cluster.at(0).keys()).toEqual(['k']);
    await cluster.run(2_000);
    for (const replica of cluster.replicas) {
      expect(replica.keys()).toEqual([]);
      expect(replica.lessor.exists(1n)).toBe(false);
    }
    expect(cluster.replicas.map((replica) => replica.lessor.stats.expired)).toEqual([0, 1, 0]);
  });

  test('a keeper out of reach is replaced after a grace beyond the TTL', async () => {
    const cluster = new FakeCluster(3);
    await cluster.at(0).lessor.grant(1n, 10);
    cluster.at(0).put('k', 1n);
    cluster.exchange();
    await cluster.run(3_000);
    await cluster.at(0).lessor.close();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    await cluster.run(19_000);
    expect(cluster.at(1).keys()).toEqual(['k']);
    await cluster.run(20_000);
    expect(cluster.at(1).keys()).toEqual([]);
    expect(cluster.at(1).lessor.stats.takenOver + cluster.at(2).lessor.stats.takenOver).toBe(1);
  });

  test.each([[1, 2], [2, 1]])('a renewal beats an expiry that did not know of it (slots %i and %i)', async (old, renewer) => {
    const cluster = new FakeCluster(3);
    await cluster.at(old).lessor.grant(1n, 10);
    cluster.at(old).put('k', 1n, 'value');
    cluster.at(old).put('l', 1n);
    cluster.exchange();
    await cluster.time.run(9_500);
    await cluster.at(renewer).lessor.keepAlive(1n); // not yet known to the keeper
    await cluster.time.run(1_000);
    expect(cluster.at(old).keys()).toEqual([]);
    cluster.exchange();
    expect(cluster.at(renewer).lessor.exists(1n)).toBe(true);
    await cluster.run(2_000);
    for (const replica of cluster.replicas) {
      expect(replica.keys()).toEqual(['k', 'l']);
      expect(Buffer.from(replica.get('k')?.value ?? []).toString()).toBe('value');
      expect(replica.lessor.exists(1n)).toBe(true);
    }
    expect(new Set(cluster.replicas.map((replica) => replica.state())).size).toBe(1);
    expect(cluster.at(renewer).lessor.stats.rescued).toBe(1);
    // It ends when its last renewal says, not later.
    await cluster.run(8_000);
    for (const replica of cluster.replicas) expect(replica.keys()).toEqual([]);
  });

  test('a keeper that was cut off, not dead, gets its leases back', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 5);
    cluster.at(0).put('k', 1n);
    cluster.exchange();
    cluster.cut(0, 1);
    for (let i = 0; i < 15; i++) {
      await cluster.run(2_000);
      await cluster.at(0).lessor.keepAlive(1n);
    }
    expect(cluster.at(1).keys()).toEqual([]);
    expect(cluster.at(0).keys()).toEqual(['k']);
    cluster.heal();
    await cluster.run(3_000);
    for (const replica of cluster.replicas) expect(replica.keys()).toEqual(['k']);
    expect(cluster.at(0).state()).toBe(cluster.at(1).state());
  });

  test('a keeper that was restarted lets an expiry be: nobody has renewed with it', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 5);
    cluster.at(0).put('k', 1n);
    cluster.exchange();
    cluster.cut(0, 1);
    await cluster.run(4_000);
    await cluster.at(0).lessor.keepAlive(1n);
    await cluster.run(4_000);
    await cluster.at(0).lessor.keepAlive(1n);
    while (cluster.at(1).keys().length > 0) {
      await cluster.run(4_000);
      await cluster.at(0).lessor.keepAlive(1n);
    }
    cluster.at(0).restart();
    expect(cluster.at(0).keys()).toEqual(['k']);
    cluster.heal();
    await cluster.run(1_000);
    for (const replica of cluster.replicas) expect(replica.keys()).toEqual([]);
  });

  test('a rescue leaves alone what somebody has put in the meantime', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 10);
    cluster.at(0).put('k', 1n, 'old');
    cluster.exchange();
    await cluster.time.run(9_500);
    await cluster.at(1).lessor.keepAlive(1n);
    await cluster.time.run(1_000);
    cluster.deliver(0, 1);
    cluster.at(1).put('k', 0n, 'new');
    await cluster.run(1_000);
    for (const replica of cluster.replicas) expect(Buffer.from(replica.get('k')?.value ?? []).toString()).toBe('new');
  });

  test('a revocation is final, also for a keeper whose clients renew', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 10);
    cluster.at(0).put('k', 1n);
    cluster.exchange();
    await cluster.at(1).lessor.revoke(1n);
    await cluster.at(0).lessor.keepAlive(1n);
    cluster.exchange();
    await cluster.run(1_000);
    for (const replica of cluster.replicas) {
      expect(replica.keys()).toEqual([]);
      expect(replica.lessor.exists(1n)).toBe(false);
    }
  });

  test('a revocation while the lease is being rescued is final', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 10);
    cluster.exchange();
    await cluster.time.run(9_500);
    await cluster.at(1).lessor.keepAlive(1n);
    await cluster.time.run(1_000);
    cluster.deliver(0, 1);
    await cluster.at(1).lessor.revoke(1n);
    await cluster.run(2_000);
    for (const replica of cluster.replicas) expect(replica.lessor.exists(1n)).toBe(false);
  });

  test('a key attached while the lease ended elsewhere does not stay for ever', async () => {
    const cluster = new FakeCluster(2);
    await cluster.at(0).lessor.grant(1n, 5);
    cluster.exchange();
    await cluster.time.run(4_900);
    cluster.at(1).put('k', 1n);
    await cluster.time.run(200);
    expect(cluster.at(0).lessor.exists(1n)).toBe(false);
    cluster.exchange();
    expect(cluster.at(0).keys()).toEqual(['k']);
    await cluster.run(14_000);
    for (const replica of cluster.replicas) expect(replica.keys()).toEqual([]);
  });
});
