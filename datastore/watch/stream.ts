import type { Timer } from '../host/host.ts';
import { errCompacted } from '../errors.ts';
import type { KeyRange } from '../keyspace/types.ts';
import type { Part } from './delivery.ts';
import type { Hub } from './hub.ts';
import type { WatchCreate, WatchOutput, WatchStream } from './types.ts';
import type { Watcher } from './watcher.ts';

/** etcd's texts (server/storage/mvcc/watcher.go). */
const EMPTY_RANGE = 'mvcc: watcher range is empty';
const DUPLICATE_ID = 'mvcc: duplicate watch ID provided on the WatchStream';

/** Stands for "the stream" where a watch id is expected (etcd: clientv3.InvalidWatchID). */
const WHOLE_STREAM = -1n;

/** One Watch RPC: its watchers by id, and one output whose order is the order in which things are said. */
export class Stream implements WatchStream {
  readonly output: WatchOutput;
  readonly watchers = new Map<bigint, Watcher>();
  /** Watchers that have not yet been told of everything visible. Kept by the hub. */
  lagging = 0;
  /** The output is full: nobody reads for this stream until it has drained. */
  blocked = false;
  /** What the hub had fanned out when the stream blocked, for the metric. */
  blockedAtChange = 0;
  closed = false;
  readonly #hub: Hub;
  #nextId = 0n;
  #progressWanted = false;
  #progressTimer: Timer | null = null;

  constructor(hub: Hub, output: WatchOutput) {
    this.#hub = hub;
    this.output = output;
  }

  create(request: WatchCreate): void {
    if (this.closed) return;
    // In etcd's order: the revision's sign, then the range, then the id (v3rpc/watch.go recvLoop, mvcc/watcher.go Watch).
    if (request.startRevision < 0) return this.#refuse(errCompacted().message);
    const { start, end } = bounds(request.range);
    if (end !== undefined && end !== null && start >= end) return this.#refuse(EMPTY_RANGE);
    const id = this.#claimId(request.watchId);
    if (id === null) return this.#refuse(DUPLICATE_ID);

    const verdict = request.startRevision > 0 ? this.#hub.checkRevision(request.startRevision) : 'ok';
    const next = request.startRevision > 0 ? request.startRevision : this.#hub.fanned + 1;
    const watcher: Watcher = {
      id, stream: this, start, end,
      noPut: request.noPut, noDelete: request.noDelete, prevKv: request.prevKv, fragment: request.fragment, progressNotify: request.progressNotify,
      startRevision: request.startRevision, next, state: 'gone', subject: null, active: false,
    };
    this.watchers.set(id, watcher);
    this.output.send({ type: 'created', watchId: id, revision: this.#hub.visibleRevision });
    if (request.progressNotify) this.#startProgressTimer();
    if (verdict === 'ok') this.#hub.start(watcher);
    else if (verdict.settled === undefined) this.#hub.cancelCompacted(watcher, verdict.compacted);
    else this.#cancelLater(watcher, verdict.compacted, verdict.settled);
  }

  cancel(watchId: bigint): void {
    const watcher = this.watchers.get(watchId);
    if (this.closed || watcher === undefined) return;
    this.watchers.delete(watchId);
    this.output.send({ type: 'canceled', watchId, reason: '', compactRevision: 0, revision: this.#hub.visibleRevision });
    this.#hub.drop(watcher);
  }

  /**
   * Answered at once if every watcher has been told of everything visible; if some are behind, once they have caught up (etcd: not at all, clients
   * ask again); with no watcher, or while one waits for a future revision, not at all, as in etcd (mvcc/watchable_store.go progressIfSync).
   */
  requestProgress(): void {
    if (this.closed) return;
    this.#progressWanted = true;
    if (this.lagging === 0) this.caughtUp();
  }

  /** Called by the hub when the last watcher that was behind is not any more. */
  caughtUp(): void {
    if (!this.#progressWanted) return;
    this.#progressWanted = false;
    let live = false;
    for (const watcher of this.watchers.values()) {
      if (watcher.state === 'compacted') continue;
      // It is about to be told that its revision is not this replica's: nothing may look as if it had been served up to now.
      if (watcher.state === 'gone') return;
      if (watcher.state !== 'synced') throw new Error('a stream that has caught up has a watcher that has not');
      if (watcher.startRevision > this.#hub.fanned) return;
      live = true;
    }
    if (live) this.output.send({ type: 'progress', watchId: WHOLE_STREAM, revision: this.#hub.fanned });
  }

  sendEvents(watcher: Watcher, parts: readonly Part[]): void {
    watcher.active = true;
    for (const part of parts) {
      this.output.send({ type: 'events', watchId: watcher.id, revision: part.revision, changes: part.changes, prevKv: watcher.prevKv, fragment: watcher.fragment });
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#progressTimer?.cancel();
    for (const watcher of this.watchers.values()) this.#hub.drop(watcher);
    this.watchers.clear();
    this.#hub.forget(this);
  }

  /** A journal that fails ends the process, and the stream with it. */
  #cancelLater(watcher: Watcher, compacted: number, settled: Promise<void>): void {
    settled.then(() => {
      if (!this.closed && this.watchers.get(watcher.id) === watcher) this.#hub.cancelCompacted(watcher, compacted);
    }, () => undefined);
  }

  #refuse(reason: string): void {
    this.output.send({ type: 'refused', reason, revision: this.#hub.visibleRevision, watchId: WHOLE_STREAM });
  }

  /** 0: the next free one. Null: taken. */
  #claimId(wanted: bigint): bigint | null {
    if (wanted !== 0n) return this.watchers.has(wanted) ? null : wanted;
    while (this.watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #startProgressTimer(): void {
    this.#progressTimer ??= this.#hub.afterProgressInterval(() => {
      this.#progressTimer = null;
      this.#periodicProgress();
    });
  }

  /** etcd: a watcher that had events since the last time is passed over once (v3rpc/watch.go sendLoop). */
  #periodicProgress(): void {
    let any = false;
    for (const watcher of this.watchers.values()) {
      if (!watcher.progressNotify) continue;
      any = true;
      if (!watcher.active && watcher.state === 'synced' && watcher.startRevision <= this.#hub.fanned) {
        this.output.send({ type: 'progress', watchId: watcher.id, revision: this.#hub.fanned });
      }
      watcher.active = false;
    }
    if (any && !this.closed) this.#startProgressTimer();
  }
}

/** As etcd reads a watch's range: no key is the smallest key, '\0' as end means everything from the key on. */
function bounds(range: KeyRange): { start: string; end: string | null | undefined } {
  const start = range.start === '' ? '\0' : range.start;
  if (range.end === undefined || range.end === '') return { start, end: undefined };
  return { start, end: range.end === '\0' ? null : range.end };
}
