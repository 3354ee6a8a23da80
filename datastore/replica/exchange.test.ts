import { describe, expect, test } from '@jest/globals';
import { LwwSink } from '../testing/lww-sink.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { MalformedError } from './bytes.ts';
import { Exchange } from './exchange.ts';
import { Replica } from './replica.ts';

function make(slot: number) {
  const clock = new ManualClock();
  const sink = new LwwSink();
  const journal = new MemoryJournal();
  const replica = new Replica({ clock, sink });
  void replica.initialise({ slot, incarnation: slot + 7, striding: true });
  replica.start(journal);
  const put = (key: string, value: Uint8Array) => replica.commit([{ space: 0, key, value, lease: 0n }]);
  return { clock, sink, journal, replica, exchange: new Exchange(replica), put };
}

describe('answers', () => {
  test('a large one goes in chunks that are applied together', async () => {
    const a = make(1);
    const b = make(2);
    for (let i = 0; i < 5; i++) a.put(`k${i}`, new Uint8Array(700_000).fill(i));
    await a.clock.settle();
    await b.clock.settle();
    const chunks = [...{ [Symbol.iterator]: () => a.exchange.missing(b.exchange.vector()) }];
    expect(chunks.length).toBeGreaterThan(3);
    chunks.forEach((chunk, i) => {
      expect(b.sink.get('k0')).toBeNull();
      expect(b.exchange.stage(1, chunk, i === chunks.length - 1)).toBe('applied');
    });
    expect(b.sink.state()).toBe(a.sink.state());
    await b.clock.settle();
    expect(b.exchange.digest()).toEqual(a.exchange.digest());
    expect(b.exchange.vector()).toEqual(a.exchange.vector());
    expect(a.exchange.missing(b.exchange.vector()).next().done).toBe(true);
  });

  test('nothing leaves that is not durable here', async () => {
    const a = make(1);
    const b = make(2);
    await a.clock.settle();
    await b.clock.settle();
    a.journal.held = true;
    a.put('k', Uint8Array.of(65));
    await a.clock.settle();
    const answer = a.exchange.missing(b.exchange.vector());
    expect(b.exchange.stage(1, answer.next().value, false)).toBe('applied');
    await a.clock.settle();
    expect(b.exchange.stage(1, answer.next().value, false)).toBe('applied');
    expect(b.exchange.stage(1, Uint8Array.of(0), true)).toBe('known');
    a.journal.release();
    await a.clock.settle();
    const chunk = answer.next().value;
    expect(b.exchange.stage(2, chunk, true)).toBe('applied');
    expect(b.sink.get('k')).toBe('A');
    expect(() => b.exchange.stage(3, Uint8Array.of(9, 9), true)).toThrow(MalformedError);
  });

  test('reports say how far the own log is held durably', async () => {
    const a = make(1);
    const b = make(2);
    a.put('k', Uint8Array.of(65));
    await a.clock.settle();
    b.journal.held = true;
    const answer = a.exchange.missing(null);
    expect(b.exchange.stage(1, answer.next().value, true)).toBe('applied');
    await b.clock.settle();
    expect(a.exchange.reported(b.exchange.report())).toBe(0);
    b.journal.release();
    await b.clock.settle();
    b.journal.release();
    await b.clock.settle();
    expect(a.exchange.reported(b.exchange.report())).toBe(a.replica.vector().get(a.replica.log)!.clock);
    expect(() => a.exchange.reported(Uint8Array.of(1, 2, 3, 4, 5, 6))).toThrow(MalformedError);
  });
});
