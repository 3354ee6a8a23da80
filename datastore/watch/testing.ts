/** A keyspace's history, an output and a clock for the tests of this folder. */
import type { Change } from '../keyspace/types.ts';
import type { Clock, Timer } from '../host/host.ts';
import type { WatchSource } from './source.ts';
import type { WatchCreate, WatchMessage, WatchOutput } from './types.ts';

const empty = new Uint8Array(0);

/** History in memory: `write` applies one revision, `show` makes what was written visible as one batch. */
export class FakeHistory implements WatchSource {
  readonly all: Change[] = [];
  visibleRevision = 1;
  compactedRevision = 0;
  #revision = 1;
  #shown = 0;
  readonly #current = new Map<string, Change>();
  #listener: ((changes: readonly Change[], revision: number) => void) | null = null;

  write(ops: readonly { key: string; delete?: boolean; size?: number }[]): number {
    const revision = this.#revision + 1;
    let changed = false;
    for (const op of ops) {
      const before = this.#current.get(op.key);
      const prev = before === undefined || before.type === 'delete' ? null : before.kv;
      if (op.delete === true && prev === null) continue;
      const change: Change = op.delete === true
        ? { type: 'delete', kv: { key: op.key, createRevision: 0, modRevision: revision, version: 0, lease: 0n, value: empty }, prev, revision }
        : { type: 'put', kv: { key: op.key, createRevision: prev?.createRevision ?? revision, modRevision: revision, version: (prev?.version ?? 0) + 1, lease: 0n, value: new Uint8Array(op.size ?? 1) }, prev, revision };
      this.#current.set(op.key, change);
      this.all.push(change);
      changed = true;
    }
    if (changed) this.#revision = revision;
    return this.#revision;
  }

  show(): void {
    const batch = this.all.slice(this.#shown);
    this.#shown = this.all.length;
    this.visibleRevision = this.#revision;
    this.#listener?.(batch, this.visibleRevision);
  }

  /** The counter moves without a write. */
  advance(revision: number): void {
    this.#revision = revision;
    this.show();
  }

  compact(revision: number): void {
    this.compactedRevision = revision;
  }

  /** Index of the first change at or after a revision. */
  #search(revision: number): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle] as Change).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *changes(from: number, to: number): Iterable<Change> {
    if (from < this.compactedRevision) throw new Error(`history below ${this.compactedRevision} is gone, asked for ${from}`);
    if (to > this.visibleRevision) throw new Error('asked for what is not visible yet');
    for (let i = this.#search(from); i < this.all.length; i++) {
      const change = this.all[i] as Change;
      if (change.revision > to) return;
      yield change;
    }
  }

  onVisible(listener: (changes: readonly Change[], revision: number) => void): void {
    this.#listener = listener;
  }
}

/** Runs what is due when the test says so. `tick` is what each look at the clock costs. */
export class StepClock implements Clock {
  now = 0;
  tick: () => number = () => 0;
  readonly #soon: (() => void)[] = [];
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  wallMs(): number {
    return 1_700_000_000_000 + this.now;
  }
  monotonicMs(): number {
    this.now += this.tick();
    return this.now;
  }
  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.now + delayMs, fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
  soon(fn: () => void): void {
    this.#soon.push(fn);
  }

  /** One turn of the event loop. False if nothing was due. */
  step(): boolean {
    const fn = this.#soon.shift();
    fn?.();
    return fn !== undefined;
  }
  settle(): void {
    while (this.step());
  }
  pass(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers].filter((timer) => timer.at <= this.now).sort((a, b) => a.at - b.at)) {
      if (this.#timers.delete(timer)) timer.fn();
    }
    this.settle();
  }
}

/** Keeps what is sent; counts `bytesPerEvent` for each event until `drain`. */
export class FakeOutput implements WatchOutput {
  readonly messages: WatchMessage[] = [];
  bufferedBytes = 0;
  ended = false;
  bytesPerEvent = 0;
  #drained: (() => void)[] = [];
  onMessage: (message: WatchMessage) => void = () => {};

  send(message: WatchMessage): void {
    if (this.ended) throw new Error('sent after the end');
    this.messages.push(message);
    if (message.type === 'events') this.bufferedBytes += message.changes.length * this.bytesPerEvent;
    this.onMessage(message);
  }
  onDrain(fn: () => void): void {
    this.#drained.push(fn);
  }
  end(): void {
    this.ended = true;
  }
  drain(): void {
    this.bufferedBytes = 0;
    const fns = this.#drained;
    this.#drained = [];
    for (const fn of fns) fn();
  }
  take(): WatchMessage[] {
    return this.messages.splice(0);
  }
}

export const watchOf = (start: string, more: Partial<WatchCreate> & { end?: string } = {}): WatchCreate => ({
  range: { start, end: more.end }, startRevision: 0, progressNotify: false, noPut: false, noDelete: false, prevKv: false, watchId: 0n, fragment: false, ...more,
});
