import type { Host } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Change } from '../keyspace/types.ts';
import { CatchUp } from './catch-up.ts';
import { deliver, partsFor } from './delivery.ts';
import type { Part } from './delivery.ts';
import type { CheckRevision, WatchSource } from './source.ts';
import { Stream } from './stream.ts';
import type { WatchHub, WatchOutput, WatchStream } from './types.ts';
import { WatcherIndex } from './watcher-index.ts';
import { covers } from './watcher.ts';
import type { Watcher, WatcherState } from './watcher.ts';

export interface WatchOptions {
  /** etcd: --watch-progress-notify-interval. Jittered by up to a tenth. */
  readonly progressIntervalMs: number;
}
export const defaultWatchOptions: WatchOptions = { progressIntervalMs: 600_000 };

const isLagging = (state: WatcherState): boolean => state === 'catching' || state === 'waiting' || state === 'blocked';

/** Starts watching a keyspace. Times in milliseconds. */
export function createWatchHub(host: Pick<Host, 'clock' | 'random'>, source: WatchSource, checkRevision: CheckRevision, options: WatchOptions = defaultWatchOptions): WatchHub {
  return new Hub(host, source, checkRevision, options);
}

/**
 * Tells every watcher of every change that becomes visible, each exactly once and in order.
 *
 * Each watcher is in one place at a time (`WatcherState`), and moving it between places moves its position with it: what the place has
 * passed on so far is `fanned` here, `cursor` in `CatchUp`. Nothing is done for a watcher whose stream is blocked.
 */
export class Hub implements WatchHub {
  readonly checkRevision: CheckRevision;
  /** Everything up to here has been passed on to the watchers in the index. */
  fanned: number;
  readonly #host: Pick<Host, 'clock' | 'random'>;
  readonly #source: WatchSource;
  readonly #options: WatchOptions;
  readonly #synced = new WatcherIndex();
  readonly #catchUp: CatchUp;
  readonly #streams = new Set<Stream>();
  #watchers = 0;
  #lagging = 0;
  #eventsSent = 0;
  #changesSeen = 0;
  #closed = false;

  constructor(host: Pick<Host, 'clock' | 'random'>, source: WatchSource, checkRevision: CheckRevision, options: WatchOptions) {
    this.#host = host;
    this.#source = source;
    this.checkRevision = checkRevision;
    this.#options = options;
    this.#catchUp = new CatchUp(this);
    this.fanned = source.visibleRevision;
    source.onVisible((changes, revision) => this.#fanOut(changes, revision));
  }

  get visibleRevision(): number {
    return this.#source.visibleRevision;
  }
  get compactedRevision(): number {
    return this.#source.compactedRevision;
  }

  get stats(): WatchHub['stats'] {
    let pendingEvents = 0;
    for (const stream of this.#streams) if (stream.blocked) pendingEvents += this.#changesSeen - stream.blockedAtChange;
    return { watchers: this.#watchers, slowWatchers: this.#lagging, streams: this.#streams.size, pendingEvents, eventsSent: this.#eventsSent };
  }

  open(output: WatchOutput): WatchStream {
    const stream = new Stream(this, output);
    this.#streams.add(stream);
    if (this.#closed) this.#end(stream);
    return stream;
  }

  closeAll(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) this.#end(stream);
  }

  #end(stream: Stream): void {
    stream.close();
    stream.output.end();
  }

  /** A new watcher, already announced to its client. Short histories are sent at once, long ones in slices. */
  start(watcher: Watcher): void {
    this.#watchers++;
    watcher.state = 'synced';
    if (watcher.next <= this.fanned && watcher.next >= this.compactedRevision && !watcher.stream.blocked && !this.blockIfFull(watcher.stream)) this.#readShortHistory(watcher);
    this.place(watcher);
  }

  /** Puts a watcher, which is in no place now, where its position and its stream's state say. */
  place(watcher: Watcher): void {
    if (watcher.stream.blocked) this.setState(watcher, 'blocked');
    else if (watcher.next > this.fanned) {
      this.#synced.add(watcher);
      this.setState(watcher, 'synced');
    } else if (watcher.next < this.compactedRevision) this.cancelCompacted(watcher, this.compactedRevision);
    else this.#catchUp.add(watcher);
  }

  /** Takes a watcher out of its place, with its position. */
  #take(watcher: Watcher): void {
    if (watcher.state === 'synced') {
      if (watcher.subject === null) return;
      this.#synced.delete(watcher);
      watcher.next = Math.max(watcher.next, this.fanned + 1);
    } else if (watcher.state === 'catching' || watcher.state === 'waiting') this.#catchUp.remove(watcher);
  }

  /** Its client, or its stream, is done with it. */
  drop(watcher: Watcher): void {
    this.#take(watcher);
    // One that never started was never counted.
    if (watcher.state !== 'compacted' && watcher.state !== 'gone') this.#watchers--;
    this.setState(watcher, 'gone');
  }

  /** etcd: canceled with compact_revision, no reason, and a header without revision. */
  cancelCompacted(watcher: Watcher, compactRevision: number): void {
    this.#take(watcher);
    // One that never started (its revision is foreign) was never counted.
    if (watcher.state !== 'gone') this.#watchers--;
    watcher.stream.output.send({ type: 'canceled', watchId: watcher.id, reason: '', compactRevision, revision: 0 });
    this.setState(watcher, 'compacted');
  }

  setState(watcher: Watcher, state: WatcherState): void {
    const was = isLagging(watcher.state);
    const is = isLagging(state);
    watcher.state = state;
    if (was === is) return;
    this.#lagging += is ? 1 : -1;
    watcher.stream.lagging += is ? 1 : -1;
    if (watcher.stream.lagging === 0 && !watcher.stream.closed) watcher.stream.caughtUp();
  }

  /** If the stream's output is full, stops reading for all its watchers until it has drained. True if it is blocked. */
  blockIfFull(stream: Stream): boolean {
    if (stream.blocked) return true;
    if (stream.output.bufferedBytes <= limits.watch_buffer_bytes) return false;
    stream.blocked = true;
    stream.blockedAtChange = this.#changesSeen;
    for (const watcher of stream.watchers.values()) {
      if (watcher.state === 'compacted' || watcher.state === 'gone') continue;
      this.#take(watcher);
      this.setState(watcher, 'blocked');
    }
    stream.output.onDrain(() => this.#unblock(stream));
    return true;
  }

  #unblock(stream: Stream): void {
    if (stream.closed) return;
    stream.blocked = false;
    for (const watcher of stream.watchers.values()) if (watcher.state === 'blocked') this.place(watcher);
  }

  /** A batch too large for one turn, all that a peer had to tell after a while: every watcher reads it from history, in slices. */
  #readLater(): void {
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers.values()) {
        if (watcher.state !== 'synced' || watcher.subject === null) continue;
        this.#take(watcher);
        this.#catchUp.add(watcher);
      }
    }
  }

  #fanOut(changes: readonly Change[], revision: number): void {
    if (revision < this.fanned) throw new Error('the visible revision went back');
    this.#changesSeen += changes.length;
    if (changes.length > limits.watch_batch_changes) this.#readLater();
    else if (changes.length > 0 && this.#synced.size > 0) {
      const overBudget = this.budget(limits.watch_fan_out_ms);
      deliver(this.#synced.group(changes), revision, limits.watch_message_bytes, {
        admit: (watcher) => {
          if (this.blockIfFull(watcher.stream)) return false;
          if (!overBudget()) return true;
          // More watchers than one turn can serve: the rest reads this batch from history, in slices.
          this.#take(watcher);
          this.#catchUp.add(watcher);
          return false;
        },
        send: (watcher, parts) => this.sendEvents(watcher, parts),
      });
    }
    this.fanned = revision;
  }

  sendEvents(watcher: Watcher, parts: readonly Part[]): void {
    for (const part of parts) this.#eventsSent += part.changes.length;
    watcher.stream.sendEvents(watcher, parts);
  }

  /** If little has happened since `next`, sends it now: most clients resume from nearly the present. */
  #readShortHistory(watcher: Watcher): void {
    const found: Change[] = [];
    let seen = 0;
    for (const change of this.#source.changes(watcher.next, this.fanned)) {
      if (++seen > limits.watch_short_history) return;
      if (covers(watcher, change.kv.key)) found.push(change);
    }
    const parts = partsFor(found, watcher, this.fanned, limits.watch_message_bytes);
    watcher.next = this.fanned + 1;
    if (parts.length > 0) this.sendEvents(watcher, parts);
  }

  changes(from: number, to: number): Iterable<Change> {
    return this.#source.changes(from, to);
  }

  forget(stream: Stream): void {
    this.#streams.delete(stream);
  }

  soon(fn: () => void): void {
    this.#host.clock.soon(fn);
  }

  afterProgressInterval(fn: () => void): { cancel(): void } {
    const interval = this.#options.progressIntervalMs;
    return this.#host.clock.after(interval + (this.#host.random.float() * interval) / 10, fn);
  }

  /** A function that says whether a slice's time, counted from now, is over; it looks at the clock on every 64th call. */
  budget(ms: number = limits.slice_ms): () => boolean {
    const end = this.#host.clock.monotonicMs() + ms;
    let calls = 0;
    let over = false;
    return () => {
      if (!over && (++calls & 63) === 0) over = this.#host.clock.monotonicMs() > end;
      return over;
    };
  }
}
