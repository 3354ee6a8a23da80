import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { LwwSink } from '../testing/lww-sink.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { pull } from '../testing/pulling.ts';
import { MalformedError } from '../bytes.ts';
import { decodeFrame } from './frame.ts';
import { Replica, StaleDiskError } from './replica.ts';
import { usualShape } from './segment.ts';
import type { Shape } from './segment.ts';
import type { Write } from './types.ts';

const put = (key: string, value: string): Write => ({ space: 0, key, value: new Uint8Array(Buffer.from(value)), lease: 0n });
const del = (key: string): Write => ({ space: 0, key, value: null, lease: 0n });
const system = (key: string): Write => ({ space: 1, key, value: new Uint8Array(1), lease: 0n });

function make(slot = 0, striding = false, entries: readonly Uint8Array[] = [], shape: Shape = usualShape) {
  const clock = new ManualClock();
  const sink = new LwwSink(true);
  const journal = new MemoryJournal();
  journal.durable.push(...entries);
  const frames: Uint8Array[] = [];
  const failures: unknown[] = [];
  const notes: string[] = [];
  const replica = new Replica({ clock, sink, onFatal: (e) => failures.push(e), shape });
  replica.onFrame((f) => frames.push(f.bytes));
  replica.onNote('test', (body) => notes.push(Buffer.from(body).toString()));
  for (const entry of entries) replica.applyEntry(entry);
  if (!replica.initialised) void replica.initialise({ slot, incarnation: 1000 + slot, striding });
  replica.start(journal);
  return { clock, sink, journal, frames, failures, replica, notes };
}

describe('own commits', () => {
  test('revisions begin at 1, the first put makes 2, system writes use none', async () => {
    const { replica, clock, sink } = make();
    expect(replica.currentRevision).toBe(1);
    expect(replica.nextRevision).toBe(2);
    expect(replica.commit([put('a', '1')]).revision).toBe(2);
    expect(replica.commit([system('s')]).revision).toBe(2);
    expect(replica.commit([put('b', '2'), put('c', '3')]).revision).toBe(3);
    await clock.settle();
    expect(sink.visible).toBe(3);
    expect(replica.visibleRevision).toBe(3);
    expect(sink.state()).toBe('a=1\nb=2\nc=3');
  });

  test('nothing is visible, acknowledged or sent before it is durable; one group is one entry and one frame', async () => {
    const { replica, clock, sink, journal, frames } = make();
    await clock.settle();
    journal.held = true;
    const order: string[] = [];
    const first = replica.commit([put('a', '1')]);
    void first.durable.then(() => order.push(`a visible ${sink.visible}`));
    await clock.settle();
    void replica.commit([put('b', '1')]).durable.then(() => order.push(`b visible ${sink.visible}`));
    void replica.commit([put('c', '1')]).durable.then(() => order.push(`c visible ${sink.visible}`));
    await clock.settle();
    expect([sink.visible, order, frames.length, journal.waiting]).toEqual([1, [], 0, 1]);
    journal.release();
    await clock.settle();
    expect([sink.visible, order, frames.length, journal.waiting]).toEqual([2, ['a visible 2'], 1, 1]);
    journal.release();
    await clock.settle();
    expect(order).toEqual(['a visible 2', 'b visible 4', 'c visible 4']);
    expect(frames.length).toBe(2);
    expect(journal.durable.length).toBe(3);
    expect(decodeFrame(frames[1]!).updates.length).toBe(1);
  });

  test('replay gives the same calls in the same order', async () => {
    const a = make();
    a.replica.commit([put('a', '1'), put('b', '1')]);
    a.replica.commitLocal([put('compact_rev_key', '7')]);
    a.replica.commit([put('a', '2')]);
    await a.clock.settle();
    void a.replica.note('test', Buffer.from('hello'));
    a.replica.commit([del('b')]);
    void a.replica.compact(3);
    void a.replica.stride();
    a.replica.commit([put('c', '3')]);
    await a.clock.settle();
    const b = make(0, false, a.journal.durable);
    expect(b.sink.trace).toEqual(a.sink.trace);
    expect(b.sink.state()).toBe(a.sink.state());
    expect(b.notes).toEqual(a.notes);
    expect([b.replica.currentRevision, b.replica.lamport, b.sink.visible]).toEqual([a.replica.currentRevision, a.replica.lamport, a.sink.visible]);
    expect(b.replica.digests()).toEqual(a.replica.digests());
    b.replica.commit([put('d', '4')]);
    await b.clock.settle();
    expect(b.replica.currentRevision).toBeGreaterThan(a.replica.currentRevision);
    expect(b.failures).toEqual([]);
  });

  test('a full disk: the group waits, nothing is lost, writes are refused meanwhile', async () => {
    const { replica, clock, sink, journal } = make();
    await clock.settle();
    journal.full = true;
    let done = false;
    void replica.commit([put('a', '1')]).durable.then(() => (done = true));
    await clock.settle();
    expect([replica.writable, done, sink.visible]).toEqual([false, false, 1]);
    clock.advance(1000);
    await clock.settle();
    expect(done).toBe(false);
    journal.full = false;
    clock.advance(1000);
    await clock.settle();
    expect([replica.writable, done, sink.visible]).toEqual([true, true, 2]);
  });
});

describe('the disk', () => {
  test('a broken journal stops everything: nothing more is acknowledged', async () => {
    const { replica, clock, sink, journal, failures } = make();
    await clock.settle();
    const broken = new Error('EIO');
    journal.append = () => Promise.reject(broken);
    const outcomes: unknown[] = [];
    replica.commit([put('a', '1')]).durable.catch((error: unknown) => outcomes.push(error));
    await clock.settle();
    replica.commit([put('b', '1')]).durable.catch((error: unknown) => outcomes.push(error));
    await clock.settle();
    expect(outcomes).toEqual([broken, broken]);
    expect(failures).toEqual([broken]);
    expect([sink.visible, replica.writable]).toEqual([1, false]);
    await expect(replica.flushed()).rejects.toBe(broken);
  });
});

describe('what is forgotten', () => {
  test('overwrites and deletions leave no more than about a third, and nothing in Yjs that grows', async () => {
    const { replica, clock, sink } = make(1, true);
    replica.setMembers([{ slot: 1, log: replica.log }]);
    let structs = 0;
    for (let i = 0; i < 24_000; i++) {
      const key = `k${(i * 7919) % 1500}`;
      replica.commit([i % 5 === 0 ? del(key) : put(key, `v${i}`)]);
      if (i % 100 === 99) await clock.settle();
      if (i === 11_999) structs = replica.logs.get(replica.log)!.structs;
    }
    const log = replica.logs.get(replica.log)!;
    expect(log.records).toBeLessThan(1500 * 1.5 + 2 * 1024);
    expect(log.structs).toBeLessThan(structs + 300);
    for (let i = 0; i < 1500; i++) replica.commit([del(`k${i}`)]);
    await clock.settle();
    for (let i = 0; i < 40; i++) {
      clock.advance(1000);
      await clock.settle();
    }
    expect(sink.state()).toBe('');
    expect(sink.remembered).toBeLessThan(1024);
    expect(sink.physical).toBeLessThan(1024);
  });

  test('a deletion stays as long as a member may not know it', async () => {
    const shape = { segmentRecords: 4, segmentBytes: 1000, groupSegments: 4, pieceRecords: 4, pieceBytes: 1_000 };
    const { replica, clock, sink } = make(1, true, [], shape);
    replica.setMembers([{ slot: 1, log: replica.log }, { slot: 2, log: 2 * 2 ** 32 + 1 }]);
    for (let i = 0; i < 40; i++) replica.commit([put(`k${i}`, '1')]);
    for (let i = 0; i < 40; i++) replica.commit([del(`k${i}`)]);
    const rest = async () => {
      for (let i = 0; i < 60; i++) {
        clock.advance(1000);
        await clock.settle();
      }
    };
    await rest();
    expect([sink.remembered, sink.physical]).toEqual([40, 40]);
    replica.reported({ ...replica.report(), log: 2 * 2 ** 32 + 1 });
    await rest();
    expect(sink.remembered).toBeLessThan(8);
  });
});

describe('frames', () => {
  test('a peer integrates them, in a causal order, as new local revisions', async () => {
    const a = make(1, true);
    const b = make(2, true);
    a.replica.commit([put('k', 'a')]);
    await a.clock.settle();
    for (const f of a.frames.splice(0)) expect(b.replica.integrate(decodeFrame(f))).toBe('applied');
    const before = b.replica.currentRevision;
    b.replica.commit([put('k', 'b')]);
    expect(b.replica.currentRevision).toBeGreaterThan(before);
    await b.clock.settle();
    for (const f of b.frames.splice(0)) {
      expect(a.replica.integrate(decodeFrame(f))).toBe('applied');
      expect(a.replica.integrate(decodeFrame(f))).toBe('known');
    }
    await a.clock.settle();
    expect([a.sink.get('k'), b.sink.get('k')]).toEqual(['b', 'b']);
    expect(a.replica.digests()).toEqual(b.replica.digests());
    expect(a.sink.visible % 512).toBe(2);
    expect(b.sink.visible % 512).toBe(4);
  });

  test('a lost frame is a gap; anti-entropy brings everything', async () => {
    const a = make(1, true);
    const b = make(2, true);
    for (const v of ['1', '2', '3']) {
      a.replica.commit([put('k', v)]);
      await a.clock.settle();
    }
    expect(b.replica.integrate(decodeFrame(a.frames[2]!))).toBe('gap');
    expect(await pull(b, a)).toBe('applied');
    expect(b.sink.get('k')).toBe('3');
    expect(await pull(b, a)).toBe('known');
  });

  test('a group larger than a frame goes in several', async () => {
    const [a, b] = [make(1, true), make(2, true)];
    for (let i = 0; i < 30; i++) a.replica.commit([{ ...put(`k${i}`, ''), value: new Uint8Array(1_000_000) }]);
    await a.clock.settle();
    expect(a.frames.length).toBeGreaterThan(1);
    expect(a.journal.appends).toBe(1);
    for (const frame of a.frames) {
      expect(frame.length).toBeLessThan(limits.frame_bytes);
      expect(b.replica.integrate(decodeFrame(frame))).toBe('applied');
    }
    await b.clock.settle();
    expect(b.sink.state()).toBe(a.sink.state());
    expect(b.replica.digests()).toEqual(new Map([...a.replica.digests(), [b.replica.log, b.replica.digests().get(b.replica.log)!]]));
  });

  test('an answer leaves only once all of it is durable', async () => {
    const [a, b] = [make(1, true), make(2, true)];
    await a.clock.settle();
    a.journal.held = true;
    a.replica.commit([put('k', '1')]);
    await a.clock.settle();
    let result: string | null = null;
    void pull(b, a).then((r) => (result = r));
    await a.clock.settle();
    expect([result, a.replica.vector().get(a.replica.log)!.clock]).toEqual([null, 0]);
    a.journal.release();
    for (let i = 0; i < 5; i++) for (const { clock } of [a, b]) await clock.settle();
    expect(result).toBe('applied');
    expect(b.sink.get('k')).toBe('1');
  });

  test('a peer that holds more of the own log than this disk: the disk is an old copy', async () => {
    const a = make(1, true);
    a.replica.commit([put('k', '1')]);
    await a.clock.settle();
    const old = [...a.journal.durable];
    a.replica.commit([put('k', '2')]);
    await a.clock.settle();
    const b = make(2, true);
    for (const frame of a.frames) b.replica.integrate(decodeFrame(frame));
    b.replica.commit([put('x', '1')]);
    await b.clock.settle();
    const restored = make(1, true, old);
    expect(() => restored.replica.integrate(decodeFrame(b.frames[0]!))).toThrow(StaleDiskError);
    expect(restored.sink.state()).toBe('k=1');

    // It may go on as a new incarnation while there is nobody to ask. Who holds more of the old log shows that it must begin anew.
    const before = restored.replica.currentRevision;
    const done = restored.replica.reincarnate(4321);
    await restored.clock.settle();
    await done;
    expect(restored.replica.log).not.toBe(a.replica.log);
    expect(restored.replica.currentRevision).toBeGreaterThan(before + 512 * (limits.incarnation_gap - 1));
    expect(restored.replica.classify(before)).toBe('compacted');
    restored.replica.commit([put('new', '1')]);
    await restored.clock.settle();
    await expect(pull(restored, b)).rejects.toThrow(StaleDiskError);
    expect(restored.sink.state()).toBe('k=1\nnew=1');
    const again = make(1, true, restored.journal.durable);
    expect(again.sink.trace).toEqual(restored.sink.trace);
    expect(again.replica.log).toBe(restored.replica.log);
    again.replica.commit([put('newer', '1')]);
    await again.clock.settle();
    expect(again.failures).toEqual([]);
  });

  test('the counter moves above a foreign revision, once, also at replay', async () => {
    const a = make(1, true);
    a.replica.setMembers([{ slot: 1, log: a.replica.log }, { slot: 2, log: null }]);
    const foreign = 512 * 1000 + 4;
    expect(a.replica.classify(foreign)).toBe('foreign');
    const moved = a.replica.advanceAbove(foreign)!;
    expect(moved.revision).toBe(512 * (1000 + limits.foreign_jump) + 2);
    expect(a.replica.advanceAbove(foreign)).toBeNull();
    const { revision } = a.replica.commit([put('k', '1')]);
    expect(revision).toBe(moved.revision + 512);
    await a.clock.settle();
    expect(a.sink.visible).toBe(revision);
    expect(a.replica.lamport).toBe(1001 + limits.foreign_jump);
    const again = make(1, true, a.journal.durable);
    expect(again.sink.trace).toEqual(a.sink.trace);
  });

  test('frames that are damaged, or lie, change nothing', async () => {
    const [a, b] = [make(1, true), make(2, true)];
    a.replica.commit([put('k', '1')]);
    await a.clock.settle();
    const frame = decodeFrame(a.frames[0]!);
    const [update] = frame.updates;
    expect(() => b.replica.integrate({ ...frame, updates: [{ ...update!, toClock: update!.toClock + 5 }] })).toThrow(MalformedError);
    expect(() => b.replica.integrate({ ...frame, updates: [{ ...update!, update: update!.update.subarray(3) }] })).toThrow(MalformedError);
    await b.clock.settle();
    expect([b.sink.state(), b.failures, b.replica.logs.size]).toEqual(['', [], 1]);
    expect(b.replica.integrate(frame)).toBe('applied');
  });

  test('an effect waits for its cause', async () => {
    const [a, b, c] = [make(1, true), make(2, true), make(3, true)];
    a.replica.commit([put('cause', '1')]);
    await a.clock.settle();
    b.replica.integrate(decodeFrame(a.frames[0]!));
    b.replica.commit([put('effect', '1')]);
    await b.clock.settle();
    expect(c.replica.integrate(decodeFrame(b.frames[0]!))).toBe('waiting');
    expect(c.sink.state()).toBe('');
    expect(c.replica.integrate(decodeFrame(a.frames[0]!))).toBe('applied');
    expect(c.replica.integrate(decodeFrame(b.frames[0]!))).toBe('applied');
    expect(c.sink.state()).toBe('cause=1\neffect=1');
  });
});

describe('snapshots', () => {
  test('a snapshot and the entries after it give the same state', async () => {
    const a = make();
    for (let i = 0; i < 3000; i++) {
      a.replica.commit([put(`k${i % 700}`, `v${i}`)]);
      if (i % 50 === 0) await a.clock.settle();
    }
    await a.clock.settle();
    const entries = a.journal.durable.length;
    const chunks = [...a.replica.encodeState()];
    a.replica.commit([put('after', '1'), del('k1')]);
    await a.clock.settle();
    const clock = new ManualClock();
    const sink = new LwwSink();
    const b = new Replica({ clock, sink });
    await b.loadState(chunks);
    const log = a.replica.log;
    expect(b.recordByStamp(log, 3000)?.writes[0]?.key).toBe('k199');
    expect(b.recordByStamp(log, 1)).toBeUndefined();
    sink.restore([...b.logs.values()].flatMap((l) => [...l.segments.values()].flatMap((s) => s.records)));
    for (const entry of a.journal.durable.slice(entries)) b.applyEntry(entry);
    b.start(new MemoryJournal());
    expect(sink.state()).toBe(a.sink.state());
    expect(b.digests()).toEqual(a.replica.digests());
    expect([b.currentRevision, b.lamport]).toEqual([a.replica.currentRevision, a.replica.lamport]);
    b.commit([put('more', '1')]);
    await clock.settle();
    expect(sink.get('more')).toBe('1');
  });
});
