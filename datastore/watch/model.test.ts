import { describe, expect, test } from '@jest/globals';
import type { Change } from '../keyspace/types.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { createWatchHub } from './hub.ts';
import { FakeHistory, FakeOutput, StepClock, watchOf } from './testing.ts';
import type { WatchCreate, WatchMessage, WatchStream } from './types.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 40);
const FIRST = Number(process.env['SEED'] ?? 1);

const keys = Array.from({ length: 12 }, (_, i) => `/${'abc'[i % 3]}/${'xyz'[i % 2]}${i}`);

interface Expectation {
  readonly id: bigint;
  readonly request: WatchCreate;
  /** The first revision it is due. */
  readonly from: number;
  /** How much of history has been compared with what it got, and up to which revision it was told. */
  position: number;
  over: boolean;
}

/** A client that knows the whole history and holds every message against it. */
class Judge {
  readonly output = new FakeOutput();
  readonly watchers = new Map<bigint, Expectation>();
  stream: WatchStream | null = null;
  events = 0;
  progress = 0;
  compacted = 0;
  #announced: { request: WatchCreate; from: number } | null = null;
  readonly #history: FakeHistory;

  constructor(history: FakeHistory) {
    this.#history = history;
    this.output.onMessage = (message) => this.#judge(message);
  }

  create(request: WatchCreate): void {
    this.#announced = { request, from: request.startRevision > 0 ? request.startRevision : this.#history.visibleRevision + 1 };
    this.stream?.create(request);
    this.#announced = null;
  }

  /** The next change that this watcher is due, at or after its position. */
  due(watcher: Expectation): Change | undefined {
    const all = this.#history.all;
    while (watcher.position < all.length) {
      const change = all[watcher.position] as Change;
      if (change.revision > this.#history.visibleRevision) return undefined;
      if (change.revision >= watcher.from && wanted(watcher.request, change)) return change;
      watcher.position++;
    }
    return undefined;
  }

  #judge(message: WatchMessage): void {
    switch (message.type) {
      case 'created': {
        const announced = this.#announced;
        if (announced === null) throw new Error('created without a request');
        expect(this.watchers.get(message.watchId)?.over ?? true).toBe(true);
        this.watchers.set(message.watchId, { id: message.watchId, ...announced, position: 0, over: false });
        return;
      }
      case 'events': {
        const watcher = this.#live(message.watchId);
        let last = 0;
        for (const change of message.changes) {
          if (this.due(watcher) !== change) throw new Error(`watcher ${watcher.id}: got ${change.kv.key}@${change.revision}, due ${this.due(watcher)?.kv.key}@${this.due(watcher)?.revision}`);
          watcher.position++;
          this.events++;
          last = change.revision;
        }
        if (this.due(watcher)?.revision === last) throw new Error(`revision ${last} was split`);
        if (message.revision < last) throw new Error('the header is older than the events');
        return;
      }
      case 'progress': {
        this.progress++;
        const told = message.watchId === -1n ? [...this.watchers.values()] : [this.#live(message.watchId)];
        for (const watcher of told) {
          const due = watcher.over ? undefined : this.due(watcher);
          if (due !== undefined && due.revision <= message.revision) throw new Error(`progress to ${message.revision} overtook ${due.kv.key}@${due.revision}`);
        }
        return;
      }
      case 'canceled': {
        // As in etcd, the id of a compacted watcher stays taken until the client cancels it, which is answered.
        const watcher = message.compactRevision === 0 ? (this.watchers.get(message.watchId) as Expectation) : this.#live(message.watchId);
        watcher.over = true;
        if (message.compactRevision === 0) return;
        this.compacted++;
        if (message.compactRevision !== this.#history.compactedRevision || message.revision !== 0 || message.reason !== '') throw new Error('wrong answer to a compaction');
        if (watcher.from >= message.compactRevision) throw new Error('canceled although nothing that it wanted is compacted');
        return;
      }
      case 'refused':
        throw new Error(`refused: ${message.reason}`);
    }
  }

  #live(id: bigint): Expectation {
    const watcher = this.watchers.get(id);
    if (watcher === undefined || watcher.over) throw new Error(`a message for watcher ${id}, which is not there`);
    return watcher;
  }
}

function wanted(request: WatchCreate, change: Change): boolean {
  if (change.type === 'put' ? request.noPut : request.noDelete) return false;
  const { start, end } = request.range;
  const key = change.kv.key;
  return end === undefined ? key === start : key >= start && (end === '\0' || key < end);
}

function play(seed: number): { events: number; progress: number; compacted: number; slow: number } {
  const random = new SimRandom(seed);
  const history = new FakeHistory();
  const clock = new StepClock();
  clock.tick = () => (random.chance(0.3) ? random.below(8) : 0);
  const hub = createWatchHub({ clock, random: random.fork('hub') }, history, () => 'ok', { progressIntervalMs: 1_000 });
  const judges: Judge[] = [];
  let slow = 0;

  const open = (): void => {
    const judge = new Judge(history);
    judge.output.bytesPerEvent = random.chance(0.5) ? 0 : 30_000;
    judge.stream = hub.open(judge.output);
    judges.push(judge);
  };
  const create = (judge: Judge): void => {
    const start = random.pick([...keys, '/', '/a/', '/b/', '\0']);
    const end = random.pick([undefined, undefined, '\0', `${start}~`, `${start}0`]);
    if (judge.watchers.size > 60) return;
    const kind = random.below(4);
    const startRevision = kind < 2 ? 0 : kind === 2 ? 1 + random.below(history.visibleRevision + 3) : Math.max(1, history.visibleRevision - random.below(700));
    judge.create(watchOf(start, { ...(end === undefined ? {} : { end }), range: { start, end }, startRevision, noPut: random.chance(0.1), noDelete: random.chance(0.1), prevKv: random.chance(0.5), progressNotify: random.chance(0.3) }));
  };
  const write = (): void => {
    for (let n = random.below(random.chance(0.03) ? 600 : 8); n >= 0; n--) {
      const used = new Set<string>();
      for (let k = random.below(3); k >= 0; k--) used.add(random.pick(keys));
      history.write([...used].map((key) => ({ key, delete: random.chance(0.2) })));
    }
    if (random.chance(0.02)) history.advance(history.visibleRevision + 5_000);
    else history.show();
  };

  open();
  for (let round = 0; round < 500; round++) {
    const judge = random.pick(judges);
    const draw = random.below(100);
    if (draw < 35) write();
    else if (draw < 50) clock.step();
    else if (draw < 70) create(judge);
    else if (draw < 74) judge.stream?.cancel(BigInt(random.below(20)));
    else if (draw < 80) judge.stream?.requestProgress();
    else if (draw < 88) judge.output.drain();
    else if (draw < 90) judge.output.bytesPerEvent = random.pick([0, 1_000, 100_000]);
    else if (draw < 92 && judges.length < 8) open();
    else if (draw < 93) clock.pass(500);
    else if (draw < 94) history.compact(Math.max(history.compactedRevision, history.visibleRevision - random.below(400)));
    else if (draw < 95 && judges.length > 1) {
      judge.stream?.close();
      judges.splice(judges.indexOf(judge), 1);
    }
    slow = Math.max(slow, hub.stats.slowWatchers);
  }

  // In the end everybody gets everything.
  for (let i = 0; i < 10_000 && hub.stats.slowWatchers > 0; i++) {
    for (const judge of judges) judge.output.drain();
    clock.settle();
  }
  expect(hub.stats.slowWatchers).toBe(0);
  const total = { events: 0, progress: 0, compacted: 0, slow };
  let watchers = 0;
  for (const judge of judges) {
    for (const watcher of judge.watchers.values()) {
      if (watcher.over) continue;
      watchers++;
      const due = judge.due(watcher);
      if (due !== undefined) throw new Error(`watcher ${watcher.id} from ${watcher.from} never got ${due.kv.key}@${due.revision}`);
    }
    total.events += judge.events;
    total.progress += judge.progress;
    total.compacted += judge.compacted;
  }
  expect(hub.stats.watchers).toBe(watchers);
  hub.closeAll();
  expect(hub.stats).toMatchObject({ watchers: 0, slowWatchers: 0, streams: 0 });
  return total;
}

describe('every watcher gets what history says, in order, once, whole', () => {
  const totals = { events: 0, progress: 0, compacted: 0, slow: 0 };
  test.each(Array.from({ length: SEEDS }, (_, i) => FIRST + i))('seed %i', (seed) => {
    const total = play(seed);
    for (const name of ['events', 'progress', 'compacted', 'slow'] as const) totals[name] += total[name];
  });

  test('the schedules reach what they are there for', () => {
    if (process.env['SHOW'] !== undefined) console.log(totals);
    expect(Math.min(totals.events, totals.progress, totals.compacted, totals.slow)).toBeGreaterThan(0);
  });
});
