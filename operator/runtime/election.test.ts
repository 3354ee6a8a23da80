import { expect, test } from '@jest/globals';
import { silent } from '../../datastore/host/log.ts';
import { SimClock } from '../../datastore/testing/sim-clock.ts';
import { SimRandom } from '../../datastore/testing/sim-random.ts';
import { ApiError } from './client.ts';
import { Election } from './election.ts';
import { microtime, time } from './microtime.ts';
import type { KubeObject } from './objects.ts';
import { FakeApi, conflict, notFound } from './testing.ts';

/** A Lease as an apiserver keeps it: optimistic concurrency and all. */
function leases(): { api: () => FakeApi; holder: () => string; cut: Set<FakeApi> } {
  let lease: KubeObject | null = null;
  let version = 0;
  const cut = new Set<FakeApi>();
  const api = (): FakeApi => {
    const fake = new FakeApi();
    fake.answer = ({ method, body }) => {
      if (cut.has(fake)) throw new Error('no route to host');
      if (method === 'GET') {
        if (lease === null) throw notFound();
        return lease;
      }
      const given = body as KubeObject;
      if (method === 'POST' && lease !== null) throw new ApiError(409, 'AlreadyExists', 'exists');
      if (method === 'PUT' && given.metadata.resourceVersion !== lease?.metadata.resourceVersion) throw conflict();
      return (lease = { ...given, metadata: { ...given.metadata, resourceVersion: String(++version) } });
    };
    return fake;
  };
  return { api, cut, holder: () => (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity ?? '' };
}

function operator(name: string, api: FakeApi, clock: SimClock) {
  const log: string[] = [];
  const election = new Election({ client: api, clock: clock.machine(), random: new SimRandom(name.length), log: silent, namespace: 'n', name: 'l', identity: name, onGained: () => log.push('gained'), onLost: () => log.push('lost') });
  election.run();
  return { election, log };
}

test('of two one leads; the other takes over when the lease has stood still for its time, not before', async () => {
  const clock = new SimClock();
  const { api, cut, holder } = leases();
  const [apiA, apiB] = [api(), api()];
  const a = operator('a', apiA, clock);
  await clock.run(100);
  const b = operator('bb', apiB, clock);
  await clock.run(60_000);
  expect([a.log, b.log, holder()]).toEqual([['gained'], [], 'a']);
  cut.add(apiA);
  const from = clock.monotonicMs();
  // The one that cannot renew stops before the other begins.
  await clock.until(() => a.log.includes('lost'), 20_000);
  const lost = clock.monotonicMs() - from;
  expect(b.log).toEqual([]);
  await clock.until(() => b.log.includes('gained'), 30_000);
  expect(lost).toBeLessThanOrEqual(15_000);
  expect(clock.monotonicMs() - from).toBeGreaterThan(lost);
  await b.election.stop();
});

test('at its end it gives the lease back, and the next one need not wait for it to expire', async () => {
  const clock = new SimClock();
  const { api, holder } = leases();
  const a = operator('a', api(), clock);
  await clock.run(100);
  const b = operator('bb', api(), clock);
  await clock.run(10_000);
  await clock.wait(a.election.stop(), 5_000);
  expect(holder()).toBe('');
  expect(await clock.until(() => b.log.includes('gained'), 10_000)).toBeLessThan(5_000);
  await b.election.stop();
});

test('a lease whose times lie in the future is judged by what is observed', async () => {
  const clock = new SimClock();
  const { api } = leases();
  const writer = api();
  const ahead = microtime(clock.wallMs() + 86_400_000);
  await writer.call({ method: 'POST', path: '', body: { metadata: { name: 'l', namespace: 'n' }, spec: { holderIdentity: 'gone', leaseDurationSeconds: 15, acquireTime: ahead, renewTime: ahead } } });
  const a = operator('a', api(), clock);
  await clock.run(14_000);
  expect(a.log).toEqual([]);
  await clock.run(5_000);
  expect(a.log).toEqual(['gained']);
  await a.election.stop();
});

test('times as Kubernetes takes them', () => {
  expect(microtime(1_700_000_000_123)).toBe('2023-11-14T22:13:20.123000Z');
  expect(time(1_700_000_000_123)).toBe('2023-11-14T22:13:20Z');
});
