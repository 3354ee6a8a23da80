import { expect, test } from '@jest/globals';
import { silent } from '../../datastore/host/log.ts';
import { SimClock } from '../../datastore/testing/sim-clock.ts';
import { SimRandom } from '../../datastore/testing/sim-random.ts';
import { Cache } from './cache.ts';
import type { KubeObject } from './objects.ts';
import { Reflector } from './reflector.ts';
import { FakeApi } from './testing.ts';

const object = (name: string, version: number, uid = name): KubeObject => ({ metadata: { name, namespace: 'n', uid, resourceVersion: String(version) } });
const list = (version: number, items: KubeObject[], more = ''): KubeObject => ({ metadata: { name: '', resourceVersion: String(version), continue: more }, items }) as unknown as KubeObject;
const event = (type: string, of: unknown): unknown => ({ type, object: of });
const resource = { group: '', version: 'v1', plural: 'things', kind: 'Thing' };

function make() {
  const api = new FakeApi();
  const clock = new SimClock();
  const cache = new Cache();
  const changes: string[] = [];
  cache.onChange(({ type, object: { metadata } }) => changes.push(`${type} ${metadata.name}@${metadata.resourceVersion}`));
  let lists = 0;
  const reflector = new Reflector({ client: api, resource, namespace: null, cache, clock, random: new SimRandom(1), log: silent, onList: () => lists++ });
  return { api, clock, cache, changes, reflector, lists: () => lists };
}

test('a list in pages, then a watch from its version, with bookmarks', async () => {
  const { api, clock, cache, changes, reflector } = make();
  api.answer = ({ query }) => (query?.['continue'] === 'p2' ? list(10, [object('b', 2)]) : list(10, [object('a', 1)], 'p2'));
  reflector.run();
  await clock.run(1);
  await reflector.synced;
  expect([...cache.values()].map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  expect(api.streams[0]?.query).toMatchObject({ resourceVersion: '10', allowWatchBookmarks: true, watch: true });
  const timeout = Number(api.streams[0]?.query['timeoutSeconds']);
  expect(timeout >= 300 && timeout <= 600).toBe(true);
  api.streams[0]?.push(event('MODIFIED', object('a', 11)));
  api.streams[0]?.push(event('DELETED', object('b', 12)));
  api.streams[0]?.push(event('BOOKMARK', object('', 90)));
  await clock.run(1);
  expect(changes).toEqual(['added a@1', 'added b@2', 'changed a@11', 'deleted b@12']);
  // A clean end: it goes on from the bookmark, and not at once.
  api.streams[0]?.push(null);
  await clock.run(1);
  expect(api.streams.length).toBe(1);
  await clock.run(1_000);
  expect(api.streams[1]?.query).toMatchObject({ resourceVersion: '90' });
  await reflector.stop();
});

test('410 means a new list; what it lacks is gone', async () => {
  const { api, clock, changes, reflector, lists } = make();
  api.answer = () => list(10, [object('a', 1), object('b', 2)]);
  reflector.run();
  await clock.run(1);
  api.answer = () => list(50, [object('b', 44)]);
  api.streams[0]?.push(event('ERROR', { code: 410, reason: 'Expired', message: 'too old' }));
  await clock.run(1_000);
  expect(lists()).toBe(2);
  expect(changes.slice(2)).toEqual(['changed b@44', 'deleted a@1']);
  expect(api.streams[1]?.query).toMatchObject({ resourceVersion: '50' });
  await reflector.stop();
});

test('other failures keep the version, and wait longer and longer', async () => {
  const { api, clock, reflector, lists } = make();
  api.answer = () => list(10, []);
  reflector.run();
  await clock.run(1);
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    api.streams[i]?.push(new Error('reset by peer'));
    times.push(await clock.until(() => api.streams.length === i + 2, 60_000));
  }
  expect(lists()).toBe(1);
  expect(api.streams.at(-1)?.query).toMatchObject({ resourceVersion: '10' });
  expect(Math.max(...times)).toBeGreaterThan(5_000);
  expect(Math.max(...times)).toBeLessThanOrEqual(30_000);
  await reflector.stop();
});

test('an apiserver that is away at the start is waited for', async () => {
  const { api, clock, reflector, lists } = make();
  reflector.run();
  await clock.run(5_000);
  expect(lists()).toBe(0);
  api.answer = () => list(10, []);
  await clock.run(60_000);
  expect(lists()).toBe(1);
  await reflector.stop();
});

test('what is older than a write of one\'s own is no news; the same name with another uid is', () => {
  const cache = new Cache();
  cache.set(object('a', 20));
  cache.set(object('a', 19));
  expect(cache.get('n/a')?.metadata.resourceVersion).toBe('20');
  cache.set(object('a', 5, 'other'));
  expect(cache.get('n/a')?.metadata.uid).toBe('other');
});

test('an answer to a write of one\'s own that comes after the deletion brings nothing back', () => {
  const cache = new Cache();
  cache.set(object('a', 1));
  cache.delete(object('a', 3));
  cache.learn(object('a', 2));
  expect(cache.size).toBe(0);
  cache.learn(object('a', 4, 'another'));
  expect(cache.size).toBe(1);
});

test('a list of one namespace says nothing about another', () => {
  const cache = new Cache();
  cache.set({ metadata: { name: 'x', namespace: 'm', uid: 'x', resourceVersion: '1' } });
  cache.replace([object('a', 1)], 'n');
  cache.replace([], 'n');
  expect([...cache.values()].map(({ metadata }) => metadata.name)).toEqual(['x']);
});
