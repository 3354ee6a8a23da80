import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { createWatchHub } from './hub.ts';
import type { CheckRevision } from './source.ts';
import { FakeHistory, FakeOutput, StepClock, watchOf } from './testing.ts';
import type { WatchMessage } from './types.ts';

function setUp(check: CheckRevision = () => 'ok') {
  const history = new FakeHistory();
  const clock = new StepClock();
  const hub = createWatchHub({ clock, random: new SimRandom(1) }, history, check, { progressIntervalMs: 1_000 });
  const output = new FakeOutput();
  const stream = hub.open(output);
  const put = (key: string, size = 1): number => {
    const revision = history.write([{ key, size }]);
    history.show();
    return revision;
  };
  return { history, clock, hub, output, stream, put };
}
const brief = (messages: readonly WatchMessage[]): string[] => messages.map((message) => {
  switch (message.type) {
    case 'events': return `${message.watchId} ${message.changes.map((change) => `${change.type} ${change.kv.key}@${change.revision}`).join(', ')}`;
    case 'progress': return `${message.watchId} progress ${message.revision}`;
    case 'created': return `${message.watchId} created`;
    case 'canceled': return `${message.watchId} canceled ${message.compactRevision} ${message.revision}`;
    case 'refused': return `${message.watchId} refused ${message.reason}`;
  }
});

test('a foreign revision that is answered only when the counter is above it: no progress meanwhile, and it can be cancelled', async () => {
  const settled = Promise.withResolvers<void>();
  const { stream, output, hub } = setUp((revision) => (revision === 777 ? { compacted: 1_000, settled: settled.promise } : 'ok'));
  stream.create(watchOf('a'));
  stream.create(watchOf('a', { startRevision: 777 }));
  stream.create(watchOf('a', { startRevision: 777 }));
  stream.requestProgress();
  stream.cancel(2n);
  expect(brief(output.take())).toEqual(['0 created', '1 created', '2 created', '2 canceled 0 1']);
  expect(hub.stats.watchers).toBe(1);
  settled.resolve();
  await settled.promise;
  expect(brief(output.take())).toEqual(['1 canceled 1000 0']);
  stream.requestProgress();
  expect(brief(output.take())).toEqual(['-1 progress 1']);
  stream.close();
  expect(hub.stats.watchers).toBe(0);
});

describe('watch ids and refusals', () => {
  test('the server counts from 0 and passes over ids in use', () => {
    const { stream, output } = setUp();
    stream.create(watchOf('a'));
    stream.create(watchOf('a', { watchId: 1n }));
    stream.create(watchOf('a', { watchId: 2n }));
    stream.create(watchOf('a'));
    stream.create(watchOf('a', { watchId: 3n }));
    expect(brief(output.take())).toEqual(['0 created', '1 created', '2 created', '3 created', '-1 refused mvcc: duplicate watch ID provided on the WatchStream']);
  });

  test('empty ranges and negative revisions', () => {
    const { stream, output } = setUp();
    stream.create(watchOf('b', { range: { start: 'b', end: 'a' } }));
    stream.create(watchOf('b', { range: { start: 'b', end: 'b' } }));
    stream.create(watchOf('b', { startRevision: -1 }));
    expect(brief(output.take())).toEqual(['-1 refused mvcc: watcher range is empty', '-1 refused mvcc: watcher range is empty', '-1 refused etcdserver: mvcc: required revision has been compacted']);
  });

  test('cancel is answered once; an unknown id is not answered', () => {
    const { stream, output, put } = setUp();
    stream.create(watchOf('a'));
    stream.cancel(0n);
    stream.cancel(0n);
    stream.cancel(17n);
    put('a');
    expect(brief(output.take())).toEqual(['0 created', '0 canceled 0 1']);
  });
});

describe('where a watch starts', () => {
  test('now, in the past, in the future; all with `created` first', () => {
    const { stream, output, put } = setUp();
    put('a');
    put('a');
    stream.create(watchOf('a'));
    stream.create(watchOf('a', { startRevision: 2 }));
    stream.create(watchOf('a', { startRevision: 5 }));
    expect(brief(output.take())).toEqual(['0 created', '1 created', '1 put a@2, put a@3', '2 created']);
    put('a');
    expect(brief(output.take())).toEqual(['0 put a@4', '1 put a@4']);
    put('a');
    expect(brief(output.take())).toEqual(['0 put a@5', '1 put a@5', '2 put a@5']);
  });

  test('below the compacted revision it is canceled, at it it works, and the id stays taken until the client cancels', () => {
    const { stream, output, history, put } = setUp();
    for (let i = 0; i < 5; i++) put('a');
    history.compact(4);
    stream.create(watchOf('a', { startRevision: 3, watchId: 9n }));
    stream.create(watchOf('a', { startRevision: 4 }));
    expect(brief(output.take())).toEqual(['9 created', '9 canceled 4 0', '0 created', '0 put a@4, put a@5, put a@6']);
    stream.create(watchOf('a', { watchId: 9n }));
    stream.cancel(9n);
    stream.create(watchOf('a', { watchId: 9n }));
    expect(brief(output.take())).toEqual(['-1 refused mvcc: duplicate watch ID provided on the WatchStream', '9 canceled 0 6', '9 created']);
  });

  test('a revision that another replica issued', () => {
    const { stream, output, hub } = setUp((revision) => (revision === 777 ? { compacted: 1_000 } : 'ok'));
    stream.create(watchOf('a', { startRevision: 777 }));
    expect(brief(output.take())).toEqual(['0 created', '0 canceled 1000 0']);
    expect(hub.stats.watchers).toBe(0);
  });

  test('everything: no key and no end', () => {
    const { stream, output, put } = setUp();
    stream.create(watchOf('', { range: { start: '', end: '\0' } }));
    put('\0');
    put('zzz');
    expect(brief(output.take())).toEqual(['0 created', '0 put \0@2', '0 put zzz@3']);
  });
});

describe('events', () => {
  test('filters, and what a watcher shares with others of its range', () => {
    const { stream, output, history } = setUp();
    stream.create(watchOf('a', { end: 'b', range: { start: 'a', end: 'b' } }));
    stream.create(watchOf('a', { range: { start: 'a', end: 'b' }, noPut: true }));
    stream.create(watchOf('a', { range: { start: 'a', end: 'b' }, noDelete: true }));
    stream.create(watchOf('a', { range: { start: 'a', end: 'b' } }));
    output.take();
    history.write([{ key: 'a1' }, { key: 'b' }]);
    history.write([{ key: 'a1', delete: true }]);
    history.show();
    const messages = output.take();
    expect(brief(messages)).toEqual(['0 put a1@2, delete a1@3', '1 delete a1@3', '2 put a1@2', '3 put a1@2, delete a1@3']);
    const changes = messages.map((message) => (message.type === 'events' ? message.changes : null));
    expect(changes[0]).toBe(changes[3]);
  });

  test('large batches go out in several messages, but never a part of a revision', () => {
    const { stream, output, history } = setUp();
    stream.create(watchOf('a', { range: { start: 'a', end: 'z' } }));
    output.take();
    const size = limits.watch_message_bytes * 0.4;
    history.write([{ key: 'a', size }, { key: 'b', size }, { key: 'c', size }]);
    history.write([{ key: 'a', size }]);
    history.write([{ key: 'a', size }]);
    history.write([{ key: 'a', size }]);
    history.show();
    const messages = output.take();
    expect(brief(messages)).toEqual(['0 put a@2, put b@2, put c@2', '0 put a@3, put a@4', '0 put a@5']);
    expect(messages.map((message) => (message.type === 'events' ? message.revision : 0))).toEqual([2, 4, 5]);
  });
});

describe('progress', () => {
  test('of the stream: with no watcher or one in the future there is no answer', () => {
    const { stream, output, put } = setUp();
    stream.requestProgress();
    expect(output.take()).toEqual([]);
    stream.create(watchOf('a'));
    put('b');
    stream.requestProgress();
    expect(brief(output.take())).toEqual(['0 created', '-1 progress 2']);
    stream.create(watchOf('a', { startRevision: 10 }));
    stream.requestProgress();
    expect(brief(output.take())).toEqual(['1 created']);
  });

  test('does not overtake events that a slow stream is still to get', () => {
    const { stream, output, clock, hub, put } = setUp();
    stream.create(watchOf('a'));
    output.bytesPerEvent = limits.watch_buffer_bytes + 1;
    put('a');
    put('a');
    put('a');
    expect(hub.stats).toMatchObject({ slowWatchers: 1, pendingEvents: 1 });
    stream.requestProgress();
    expect(brief(output.take())).toEqual(['0 created', '0 put a@2']);
    output.bytesPerEvent = 0;
    output.drain();
    clock.settle();
    expect(brief(output.take())).toEqual(['0 put a@3, put a@4', '-1 progress 4']);
    put('a');
    expect(brief(output.take())).toEqual(['0 put a@5']);
  });

  test('periodic, for who asked, and not right after an event', () => {
    const { stream, output, clock, put } = setUp();
    stream.create(watchOf('a', { progressNotify: true }));
    stream.create(watchOf('a'));
    output.take();
    clock.pass(1_100);
    expect(brief(output.take())).toEqual(['0 progress 1']);
    put('a');
    output.take();
    clock.pass(1_100);
    expect(output.take()).toEqual([]);
    clock.pass(1_100);
    expect(brief(output.take())).toEqual(['0 progress 2']);
    stream.cancel(0n);
    output.take();
    clock.pass(10_000);
    expect(output.take()).toEqual([]);
  });
});

describe('slow streams', () => {
  test('one that a compaction overtakes is canceled', () => {
    const { stream, output, clock, history, put } = setUp();
    stream.create(watchOf('a'));
    output.bytesPerEvent = limits.watch_buffer_bytes + 1;
    for (let i = 0; i < 10; i++) put('a');
    output.take();
    history.compact(8);
    output.drain();
    clock.settle();
    expect(brief(output.take())).toEqual(['0 canceled 8 0']);
  });

  test('a quiet watcher is not canceled for a compaction of what it has passed', () => {
    const { stream, output, clock, history, put } = setUp();
    stream.create(watchOf('quiet'));
    stream.create(watchOf('a'));
    output.take();
    for (let i = 0; i < 10; i++) put('a');
    history.compact(9);
    output.bytesPerEvent = limits.watch_buffer_bytes + 1;
    put('a');
    put('a');
    output.take();
    output.bytesPerEvent = 0;
    output.drain();
    clock.settle();
    put('quiet');
    expect(brief(output.take())).toEqual(['1 put a@13', '0 put quiet@14']);
  });

  test('more watchers than a turn can serve get their events in later turns', () => {
    const { stream, output, clock, hub, put } = setUp();
    for (let i = 0; i < 1_000; i++) stream.create(watchOf('a'));
    output.take();
    clock.tick = () => 4;
    put('a');
    expect(output.messages.length).toBeLessThan(500);
    expect(hub.stats.slowWatchers).toBeGreaterThan(500);
    put('b');
    put('a');
    clock.settle();
    const got = new Map<bigint, string>();
    for (const message of output.take()) if (message.type === 'events') for (const change of message.changes) got.set(message.watchId, `${got.get(message.watchId) ?? ''}${change.revision} `);
    expect([...new Set(got.values())]).toEqual(['2 4 ']);
    expect(got.size).toBe(1_000);
    expect(hub.stats.slowWatchers).toBe(0);
  });
});

test('closeAll ends every stream, and those that come later', () => {
  const { stream, output, hub, put } = setUp();
  stream.create(watchOf('a'));
  hub.closeAll();
  expect(output.ended).toBe(true);
  put('a');
  stream.create(watchOf('a'));
  stream.requestProgress();
  const late = new FakeOutput();
  hub.open(late);
  expect(late.ended).toBe(true);
  expect(hub.stats).toMatchObject({ watchers: 0, streams: 0 });
});
