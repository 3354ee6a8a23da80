import { describe, expect, test } from '@jest/globals';
import * as Y from 'yjs';
import { InvariantError } from './assert.ts';
import { MalformedError } from '../bytes.ts';
import { inspectUpdate } from './inspect.ts';
import { LogDoc } from './log-doc.ts';
import type { LogUpdate } from './log-doc.ts';
import { decodeRecord, RecordWriter } from './record.ts';
import type { Cut, Segment } from './segment.ts';
import { logId } from './types.ts';

const log = logId(1, 4242);
const shape = { segmentRecords: 4, segmentBytes: 100_000, groupSegments: 3, pieceRecords: 4, pieceBytes: 100_000 };
const writer = new RecordWriter();
let lamport = 0;
const record = (key = 'k', value = 'v') =>
  writer.encode({ lamport: ++lamport, log }, 0, new Map(), [{ space: 0, key, value: new Uint8Array(Buffer.from(value)), lease: 0n }]);
const records = (n: number) => Array.from({ length: n }, () => record());
const owner = () => {
  const doc = new LogDoc(log, shape);
  doc.own();
  return doc;
};
const whole = (segment: Segment): Cut => ({ segment, count: segment.records.length });
const stamps = (doc: LogDoc) => [...doc.segments.values()].flatMap((s) => s.records.map((r) => r.lamport)).sort((a, b) => a - b);

describe('a log document', () => {
  test('records go into segments, one transaction is one update, and bytes become the document’s own', () => {
    const doc = owner();
    const some = records(10);
    const before = some.map((r) => r.bytes);
    const update = doc.write(some, [], lamport);
    expect([update.fromClock, update.toClock]).toEqual([0, doc.clock]);
    expect([...doc.segments.values()].map((s) => s.records.length)).toEqual([4, 4, 2]);
    some.forEach((r, i) => {
      expect(r.bytes).toEqual(before[i]);
      expect(r.bytes).not.toBe(before[i]);
    });
    const peer = new LogDoc(log);
    inspectUpdate(update);
    const { added, removed } = peer.apply(update);
    expect([added.length, removed.length, peer.clock, peer.lamport]).toEqual([10, 0, doc.clock, lamport]);
    expect(peer.digest).toBe(doc.digest);
  });

  test('a few records for the head are encoded first and placed later, to the same effect', () => {
    const doc = owner();
    const peer = new LogDoc(log);
    const twin = owner();
    expect(doc.append([record()], lamport)).toBeNull(); // no head yet
    const first = record();
    peer.apply(doc.write([first], [], lamport));
    twin.write([decodeRecord(first.bytes)], [], lamport);
    const two = records(2);
    const appended = doc.append(two, lamport)!;
    expect([appended.update.fromClock, appended.update.toClock, doc.clock]).toEqual([doc.clock, doc.clock + 2, appended.update.fromClock]);
    appended.place();
    expect(twin.write(two.map((r) => decodeRecord(r.bytes)), [], lamport)).toEqual(appended.update);
    inspectUpdate(appended.update);
    expect(peer.apply(appended.update).added.length).toBe(2);
    expect([doc.clock, doc.lamport, doc.digest]).toEqual([peer.clock, peer.lamport, peer.digest]);
    expect(doc.append(records(2), lamport)).toBeNull(); // room for one only
    const full = doc.append([record()], lamport)!;
    full.place();
    expect(doc.append([record()], lamport)).toBeNull(); // the head is full
    peer.apply(full.update);
    expect(stamps(doc)).toEqual(stamps(peer));
  });

  test('an append does not survive another change', () => {
    const doc = owner();
    doc.write([record()], [], lamport);
    const appended = doc.append([record()], lamport)!;
    doc.write([record()], [], lamport);
    expect(() => appended.place()).toThrow(InvariantError);
  });

  test('a rewritten segment goes in the same update as its copies; with none there is a marker', () => {
    const doc = owner();
    const peer = new LogDoc(log);
    for (let i = 0; i < 3; i++) peer.apply(doc.write(records(4), [], lamport));
    const [first, second] = [...doc.segments.values()];
    let update = doc.write([record()], [whole(first!)], lamport);
    let applied = peer.apply(update);
    expect([applied.added.length, applied.removed.length]).toEqual([1, 4]);
    update = doc.write([], [whole(second!)], lamport);
    expect(update.toClock).toBeGreaterThan(update.fromClock);
    applied = peer.apply(update);
    expect([applied.added.length, applied.removed.length]).toEqual([0, 4]);
    expect(stamps(peer)).toEqual(stamps(doc));
    expect(peer.digest).toBe(doc.digest);
  });

  test('a segment may go a piece at a time, from its beginning', () => {
    const doc = owner();
    const peer = new LogDoc(log);
    for (let i = 0; i < 2; i++) peer.apply(doc.write(records(4), [], lamport));
    const [first] = [...doc.segments.values()];
    const all = stamps(doc);
    for (const [count, left] of [[1, 3], [2, 1]] as const) {
      const { added, removed } = peer.apply(doc.write([record()], [{ segment: first!, count }], lamport));
      expect([added.length, removed.map((r) => r.lamport)]).toEqual([1, all.splice(0, count)]);
      expect([first!.records.length, first!.cost]).toEqual([left, first!.records.reduce((sum, r) => sum + r.cost, 0)]);
      expect([peer.digest, peer.records, peer.bytes]).toEqual([doc.digest, doc.records, doc.bytes]);
    }
    peer.apply(doc.write([], [whole(first!)], lamport));
    expect([doc.segments.has(first!.number), peer.segments.has(first!.number)]).toEqual([false, false]);
    expect([stamps(peer), peer.digest]).toEqual([stamps(doc), doc.digest]);
  });

  test('a segment that has lost its beginning and won as much again', () => {
    const doc = owner();
    doc.write(records(4), [], lamport);
    const peer = new LogDoc(log);
    peer.apply(doc.updateSince(0));
    doc.write([], [{ segment: [...doc.segments.values()][0]!, count: 2 }], lamport);
    // Loaded again, its owner goes on in it.
    const again = new LogDoc(log, shape);
    again.apply(doc.updateSince(0));
    again.own();
    again.write(records(2), [], lamport);
    expect([...again.segments.values()].map((s) => s.records.length)).toEqual([4]);
    const { added, removed } = peer.apply(again.updateSince(peer.clock));
    expect([added.length, removed.length]).toEqual([2, 2]);
    expect([stamps(peer), peer.digest]).toEqual([stamps(again), again.digest]);
  });

  test('a dead group leaves hardly anything behind', () => {
    const doc = owner();
    const peer = new LogDoc(log);
    for (let i = 0; i < 300; i++) {
      const old = [...doc.segments.values()];
      const update = doc.write(records(4), [], lamport);
      peer.apply(update);
      if (old.length > 0) peer.apply(doc.write([], old.map(whole), lamport));
    }
    expect(doc.structs).toBeLessThan(300);
    expect(peer.structs).toBe(doc.structs);
    expect(stamps(peer)).toEqual(stamps(doc));
  });

  test('what is missing since any clock, deletions included, is one update', () => {
    const doc = owner();
    const states: LogUpdate[] = [];
    const peers: LogDoc[] = [];
    for (let i = 0; i < 40; i++) {
      const old = [...doc.segments.values()];
      // Of two segments all, and of a third the beginning.
      const cuts = old.filter((segment) => segment.sealed).slice(0, 3).map((segment, n) => ({ segment, count: Math.min(n < 2 ? 4 : 1 + (i % 2), segment.records.length) }));
      doc.write(records(3), i % 3 === 2 ? cuts : [], lamport);
      const peer = new LogDoc(log);
      peer.apply(doc.updateSince(0));
      peers.push(peer);
      states.push(doc.updateSince(0));
    }
    peers.forEach((peer, i) => {
      const update = doc.updateSince(peer.clock);
      inspectUpdate(update);
      peer.apply(update);
      expect(stamps(peer)).toEqual(stamps(doc));
      expect([peer.digest, peer.records, peer.bytes]).toEqual([doc.digest, doc.records, doc.bytes]);
      // Stale and doubled states change nothing.
      const { added, removed } = peer.apply({ ...states[i]!, lamport: 0 });
      expect([added.length, removed.length]).toEqual([0, 0]);
      expect(peer.digest).toBe(doc.digest);
    });
  });

  test('loaded again, its owner goes on writing', () => {
    const doc = owner();
    doc.write(records(6), [], lamport);
    const again = new LogDoc(log, shape);
    again.apply(doc.updateSince(0));
    expect(() => again.write(records(1), [], lamport)).toThrow(InvariantError);
    again.own();
    again.write(records(1), [], lamport);
    expect([...again.segments.values()].map((s) => s.records.length)).toEqual([4, 3]);
    expect(() => again.apply(doc.updateSince(0))).toThrow(InvariantError);
  });

  test('gaps never reach Yjs', () => {
    const doc = owner();
    doc.write(records(2), [], lamport);
    const later = doc.write(records(2), [], lamport);
    expect(() => new LogDoc(log).apply(later)).toThrow(InvariantError);
    expect(() => inspectUpdate({ ...later, fromClock: 0 })).toThrow(MalformedError);
  });

  test('an update that is not what it says is found before Yjs sees it', () => {
    const doc = owner();
    const update = doc.write(records(3), [], lamport);
    const peer = new LogDoc(log);
    const bad: Partial<LogUpdate>[] = [{ toClock: update.toClock + 1 }, { toClock: update.toClock - 1 }, { lamport: lamport - 1 }, { update: update.update.subarray(0, 20) }];
    for (const change of bad) expect(() => inspectUpdate({ ...update, ...change })).toThrow(MalformedError);
    const foreign = new Y.Doc();
    foreign.clientID = 7;
    foreign.getMap('s').set('x', 1);
    expect(() => inspectUpdate({ ...update, toClock: 1, update: Y.encodeStateAsUpdate(foreign) })).toThrow(MalformedError);
    const rubbish = new Y.Doc();
    rubbish.clientID = peer.client;
    rubbish.getArray('s').push([new Uint8Array([1, 2, 3, 4, 5])]);
    expect(() => inspectUpdate({ ...update, toClock: 1, update: Y.encodeStateAsUpdate(rubbish) })).toThrow(MalformedError);
    expect(peer.clock).toBe(0);
    inspectUpdate(update);
  });

  test('bits flipped in an update never crash the inspection', () => {
    const doc = owner();
    const update = doc.write(records(3), [], lamport);
    for (let bit = 0; bit < update.update.length * 8; bit++) {
      const bytes = new Uint8Array(update.update);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      try {
        inspectUpdate({ ...update, update: bytes });
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }
  });
});
