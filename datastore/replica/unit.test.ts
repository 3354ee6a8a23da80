/** What a replica takes in steps is what it would have taken at once; whatever ends it in between, it is all or nothing. */
import { describe, expect, test } from '@jest/globals';
import { LwwSink } from '../testing/lww-sink.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { answerOf, pull } from '../testing/pulling.ts';
import { decodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import { Replica } from './replica.ts';
import type { Write } from './types.ts';

const shape = { segmentRecords: 8, segmentBytes: 1_000, groupSegments: 3, pieceRecords: 8, pieceBytes: 1_000 };
const put = (key: string, value: string): Write => ({ space: 0, key, value: new Uint8Array(Buffer.from(value)), lease: 0n });
const del = (key: string): Write => ({ space: 0, key, value: null, lease: 0n });

interface Made { replica: Replica; sink: LwwSink; clock: ManualClock; journal: MemoryJournal; failures: unknown[] }

function make(slot: number, entries: readonly Uint8Array[] = [], segmentBytes = shape.segmentBytes): Made {
  const clock = new ManualClock();
  clock.lookMs = 2;
  const sink = new LwwSink(true);
  const journal = new MemoryJournal();
  journal.durable.push(...entries);
  const failures: unknown[] = [];
  const replica = new Replica({ clock, sink, shape: { ...shape, segmentBytes }, onFatal: (error) => failures.push(error) });
  replica.onNote('other', () => {});
  for (const entry of entries) replica.applyEntry(entry);
  if (!replica.initialised) void replica.initialise({ slot, incarnation: 500 + slot, striding: true });
  replica.start(journal);
  return { replica, sink, clock, journal, failures };
}

async function fill({ replica, clock }: Made, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    replica.commit(i % 7 === 6 ? [del(`k${(i * 5) % 40}`)] : [put(`k${(i * 11) % 40}`, `${replica.slot}:${i}`), put(`own${replica.slot}`, `${i}`)]);
    if (i % 3 === 0) await clock.settle();
  }
  await clock.settle();
}

const pieces = (from: Made, to: Made, pieceBytes: number, piece?: () => void): Promise<Frame[]> =>
  answerOf(from, to.replica.vector(), pieceBytes, piece === undefined ? {} : { piece });
const settle = (from: Made, to: Made): Promise<string> => pull(to, from, 400);

/** Two that know each other, so that their logs refer to each other, and collect all the while. */
async function donor(): Promise<Made> {
  const [x, y] = [make(0), make(1)];
  for (let round = 0; round < 4; round++) {
    await fill(x, round * 50, round * 50 + 50);
    await settle(x, y);
    await fill(y, round * 50, round * 50 + 50);
    await settle(y, x);
  }
  return x;
}

describe('a unit', () => {
  test('in steps gives what one frame gives, the donor writing and collecting meanwhile', async () => {
    const a = await donor();
    const [stepped, whole] = [make(2), make(3)];
    let n = 1_000;
    const unit = await pieces(a, stepped, 200, () => void a.replica.commit([put(`k${n % 40}`, `${n++}`)]));
    expect(unit.length).toBeGreaterThan(20);
    await a.clock.settle();
    const result = stepped.replica.integrateUnit(unit);
    await stepped.clock.settle();
    expect(await result).toBe('applied');
    // The answer ended before the last writes.
    await settle(a, stepped);
    const all = await pieces(a, whole, 1e9);
    expect(all.length).toBe(1);
    expect(whole.replica.integrate(all[0]!)).toBe('applied');
    await whole.clock.settle();
    expect(stepped.sink.state()).toBe(whole.sink.state());
    expect(stepped.sink.physical).toBe(whole.sink.physical);
    for (const [log, digest] of whole.replica.digests()) if (log !== whole.replica.log) expect(stepped.replica.digests().get(log)).toBe(digest);
    expect(stepped.failures).toEqual([]);
  });

  test('shows nothing before it is complete, and a crash at any entry leaves all or nothing', async () => {
    const a = make(0);
    await fill(a, 0, 200);
    const b = make(1);
    b.replica.commit([put('mine', '1')]);
    await b.clock.settle();
    const before = { visible: b.sink.visible, state: b.sink.state(), vector: b.replica.vector(), entries: b.journal.durable.length };
    const done = b.replica.integrateUnit(await pieces(a, b, 300));
    let half = 0;
    for (let i = 0; i < 5_000; i++) {
      await b.clock.turns(1);
      if (b.replica.settled() === null) {
        if (half > 0) break;
        continue;
      }
      half++;
      // Others' small state goes on, and becomes durable meanwhile.
      void b.replica.note('other', new Uint8Array(1));
      expect(b.sink.visible).toBe(before.visible);
      expect(b.replica.vector()).toEqual(before.vector);
      expect(b.replica.integrate(decodeFrame(a.replica.reportFrame()))).toBe('waiting');
    }
    expect(half).toBeGreaterThan(5);
    await b.clock.settle();
    expect(await done).toBe('applied');
    expect(b.sink.state()).toBe([...a.sink.state().split('\n'), 'mine=1'].sort().join('\n'));
    let all = false;
    for (let entries = before.entries; entries <= b.journal.durable.length; entries++) {
      const again = make(1, b.journal.durable.slice(0, entries));
      expect([before.state, b.sink.state()]).toContain(again.sink.state());
      if (entries === b.journal.durable.length) expect(again.sink.state()).toBe(b.sink.state());
      else all ||= again.sink.state() === b.sink.state();
      if (all) expect(again.sink.state()).toBe(b.sink.state());
      // It can go on, and take the unit after all.
      await settle(a, again);
      expect(again.sink.state()).toBe(b.sink.state());
    }
  });

  test('a snapshot made between its parts has them', async () => {
    const a = make(0);
    await fill(a, 0, 200);
    const b = make(1);
    b.replica.commit([put('mine', '1')]);
    await b.clock.settle();
    const first = b.journal.durable.length;
    expect(await settle(a, b)).toBe('applied');
    for (let at = first; at < b.journal.durable.length; at++) {
      const early = new Replica({ clock: new ManualClock(), sink: new LwwSink(), shape });
      early.onNote('other', () => {});
      for (const entry of b.journal.durable.slice(0, at)) early.applyEntry(entry);
      const sink = new LwwSink();
      const late = new Replica({ clock: new ManualClock(), sink, shape });
      await late.loadState([...early.encodeState()]);
      sink.restore([...late.logs.values()].flatMap((log) => [...log.segments.values()].flatMap((segment) => segment.records)));
      for (const entry of b.journal.durable.slice(at)) late.applyEntry(entry);
      expect(sink.state()).toBe(b.sink.state());
    }
  });

  test('an own write in the middle of it finishes it first, and has seen it', async () => {
    const a = make(0);
    await fill(a, 0, 100);
    const b = make(1);
    await b.clock.settle();
    const done = b.replica.integrateUnit(await pieces(a, b, 300));
    while (b.replica.settled() === null) await b.clock.turns(1);
    const { durable } = b.replica.commit([put('own0', 'mine')]);
    expect(b.replica.settled()).toBeNull();
    await b.clock.settle();
    await durable;
    expect(await done).toBe('applied');
    expect(b.sink.get('own0')).toBe('mine');
    const again = make(1, b.journal.durable);
    expect(again.sink.trace).toEqual(b.sink.trace);
  });

  test('gets its turn also where writes never pause', async () => {
    const a = make(0);
    await fill(a, 0, 100);
    const b = make(1);
    await b.clock.settle();
    let writes = 0;
    let over = false;
    // As the engine does it: what is decided while one journal write is under way begins the next at once.
    const writer = async (): Promise<void> => {
      while (!over) {
        for (let settled = b.replica.settled(); settled !== null; settled = b.replica.settled()) await settled;
        writes++;
        await b.replica.commit([put(`mine${writes % 5}`, `${writes}`)]).durable;
      }
    };
    const writers = [writer(), Promise.resolve().then(() => b.clock.turns(1)).then(writer)];
    let result = '';
    void b.replica.integrateUnit(await pieces(a, b, 300)).then((outcome) => (result = outcome));
    for (let i = 0; i < 2_000 && result === ''; i++) await b.clock.turns(1);
    expect(result).toBe('applied');
    const during = writes;
    for (let i = 0; i < 50; i++) await b.clock.turns(1);
    expect(writes).toBeGreaterThan(during);
    over = true;
    await b.clock.settle();
    await Promise.all(writers);
    expect(b.sink.get('own0')).toBe(a.sink.get('own0'));
    expect(b.failures).toEqual([]);
  });

  test('that is small against a segment is taken at once: no write waits for it', async () => {
    for (const [segmentBytes, small] of [[100_000, true], [1_000, false]] as const) {
      const a = make(0);
      await fill(a, 0, 5);
      const b = make(1, [], segmentBytes);
      b.journal.held = true;
      b.replica.commit([put('mine', '1')]);
      await b.clock.settle();
      const before = b.sink.visible;
      const done = b.replica.integrateUnit(await pieces(a, b, 300));
      await b.clock.settle();
      // Its own write is not durable yet.
      expect(b.replica.settled()).toBeNull();
      expect(b.sink.get('own0') === a.sink.get('own0')).toBe(small);
      expect(b.sink.visible).toBe(before);
      b.journal.held = false;
      b.journal.release();
      await b.clock.settle();
      expect(await done).toBe('applied');
      expect(b.sink.state()).toBe([...a.sink.state().split('\n'), 'mine=1'].sort().join('\n'));
      const again = make(1, b.journal.durable, segmentBytes);
      expect(again.sink.trace).toEqual(b.sink.trace);
    }
  });

  test('that deletes much is not small', async () => {
    const a = make(0, [], 100_000);
    const b = make(1, [], 100_000);
    for (let i = 0; i < 100; i++) a.replica.commit([put(`k${i}`, 'x')]);
    await a.clock.settle();
    expect(await settle(a, b)).toBe('applied');
    for (const other of [a, b]) other.replica.setMembers([a, b].map(({ replica }) => ({ slot: replica.slot, log: replica.log })));
    a.replica.reported(b.replica.report());
    // Everything is overwritten by one record, so that segments die whole: the update is short.
    for (let round = 0; round < 3; round++) {
      a.replica.commit(Array.from({ length: 100 }, (_, i) => put(`k${i}`, 'y')));
      await a.clock.settle();
    }
    const unit = await pieces(a, b, 1e9);
    expect(unit.reduce((bytes, { updates }) => bytes + updates.reduce((sum, { update }) => sum + update.length, 0), 0)).toBeLessThan(100_000 / 16);
    const done = b.replica.integrateUnit(unit);
    let steps = 0;
    for (let i = 0; i < 1_000; i++) {
      await b.clock.turns(1);
      if (b.replica.settled() !== null) steps++;
    }
    expect(await done).toBe('applied');
    expect(steps).toBeGreaterThan(0);
    expect(b.sink.state()).toBe(a.sink.state());
  });

  test('does not make writes wait for a full disk', async () => {
    const a = make(0);
    await fill(a, 0, 100);
    const b = make(1);
    await b.clock.settle();
    b.journal.held = true;
    b.replica.commit([put('mine', '1')]);
    await b.clock.turns(1);
    const done = b.replica.integrateUnit(await pieces(a, b, 300));
    b.journal.release(1);
    for (let i = 0; i < 100 && b.replica.settled() === null; i++) {
      await b.clock.turns(1);
      // The pieces have to become durable; then there is a write to wait for.
      b.replica.commit([put('mine', `${i}`)]);
      if (b.replica.settled() === null) b.journal.release();
    }
    const waiting = b.replica.settled();
    expect(waiting).not.toBeNull();
    let told = false;
    void waiting!.then(() => (told = true));
    b.journal.full = true;
    b.journal.release();
    await b.clock.turns(3);
    expect(b.replica.writable).toBe(false);
    expect([told, b.replica.settled()]).toEqual([true, null]);
    b.journal.held = b.journal.full = false;
    b.clock.advance(1_000);
    await b.clock.settle();
    expect(await done).toBe('applied');
    expect(b.failures).toEqual([]);
  });

  test('lets clients write again after some journal writes, if there is always something more', async () => {
    const a = make(0);
    await fill(a, 0, 100);
    const b = make(1);
    await b.clock.settle();
    // Like leases that end: what does not ask whether it should wait.
    let over = false;
    const done = b.replica.integrateUnit(await pieces(a, b, 300)).then((outcome) => {
      over = true;
      return outcome;
    });
    let longest = 0;
    let appends = 0;
    let waiting: Promise<void> | null = null;
    for (let i = 0; i < 400 && !over; i++) {
      if (i < 300) b.replica.commit([put('lease', `${i}`)]);
      await b.clock.turns(1);
      const settled = i < 300 ? b.replica.settled() : null;
      if (settled === null || settled !== waiting) appends = b.journal.appends;
      else longest = Math.max(longest, b.journal.appends - appends);
      waiting = settled;
    }
    await b.clock.settle();
    expect(await done).toBe('applied');
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThanOrEqual(4);
    expect(b.sink.get('own0')).toBe(a.sink.get('own0'));
  });
});
