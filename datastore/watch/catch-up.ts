import { limits } from '../limits.ts';
import type { Change } from '../keyspace/types.ts';
import { deliver, sizeOf } from './delivery.ts';
import type { Hub } from './hub.ts';
import { WatcherIndex } from './watcher-index.ts';
import type { Watcher } from './watcher.ts';

/**
 * Brings watchers that are behind up to the visible revision, by passes over history in slices between other work.
 *
 * One pass serves all of them: it starts at the lowest `next`, and others step in when it comes by their own. Who is further back than the pass
 * already is waits for the next one, so that newcomers cannot hold up those that are nearly there.
 */
export class CatchUp {
  readonly waiting = new Set<Watcher>();
  /** The pass reads this revision next; everything below it has been sent to those in `#pass` that wanted it. */
  cursor = 0;
  readonly #hub: Hub;
  readonly #pass = new WatcherIndex();
  readonly #members = new Set<Watcher>();
  #scheduled = false;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  add(watcher: Watcher): void {
    if (this.#members.size > 0 && watcher.next >= this.cursor) this.#enter(watcher);
    else {
      this.waiting.add(watcher);
      this.#hub.setState(watcher, 'waiting');
    }
    this.#schedule();
  }

  /** Takes a watcher out, with its position. */
  remove(watcher: Watcher): void {
    if (this.waiting.delete(watcher)) return;
    if (!this.#members.delete(watcher)) throw new Error('watcher is not catching up');
    this.#pass.delete(watcher);
    watcher.next = Math.max(watcher.next, this.cursor);
  }

  #enter(watcher: Watcher): void {
    this.#members.add(watcher);
    this.#pass.add(watcher);
    this.#hub.setState(watcher, 'catching');
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#hub.soon(() => {
      this.#scheduled = false;
      this.#slice();
      if (this.#members.size > 0 || this.waiting.size > 0) this.#schedule();
    });
  }

  #slice(): void {
    const hub = this.#hub;
    if (this.#members.size === 0) this.#startPass();
    this.#cancelCompacted();
    if (this.#members.size === 0) return;

    const { changes, end } = this.#read();
    const overBudget = hub.budget();
    deliver(this.#pass.group(changes), end, limits.watch_message_bytes, {
      admit: (watcher) => {
        if (hub.blockIfFull(watcher.stream)) return false;
        if (!overBudget()) return true;
        this.remove(watcher);
        this.waiting.add(watcher);
        hub.setState(watcher, 'waiting');
        return false;
      },
      send: (watcher, parts) => hub.sendEvents(watcher, parts),
    });
    this.cursor = end + 1;
    if (end === hub.fanned) this.#finish();
  }

  #startPass(): void {
    let lowest = Infinity;
    for (const watcher of this.waiting) lowest = Math.min(lowest, watcher.next);
    this.cursor = lowest;
    for (const watcher of this.waiting) this.#enter(watcher);
    this.waiting.clear();
  }

  /** Everything below the compacted revision is gone; what was changed at it can still be read (see `WatchSource`). */
  #cancelCompacted(): void {
    const compacted = this.#hub.compactedRevision;
    if (compacted <= this.cursor) return;
    for (const watcher of this.#members) {
      if (Math.max(watcher.next, this.cursor) < compacted) this.#hub.cancelCompacted(watcher, compacted);
    }
    this.cursor = compacted;
  }

  /** The next whole revisions of history, as many as a slice may take. `end`: the last revision they cover. */
  #read(): { changes: Change[]; end: number } {
    const hub = this.#hub;
    const changes: Change[] = [];
    const overBudget = hub.budget();
    let bytes = 0;
    let last = 0;
    if (this.cursor > hub.fanned) return { changes, end: hub.fanned };
    for (const change of hub.changes(this.cursor, hub.fanned)) {
      const boundary = change.revision !== last && changes.length > 0;
      if (boundary && (changes.length >= limits.watch_slice_changes || bytes >= limits.watch_buffer_bytes || overBudget())) return { changes, end: last };
      changes.push(change);
      bytes += sizeOf(change, false);
      last = change.revision;
    }
    return { changes, end: hub.fanned };
  }

  /** The pass has arrived at the present: its watchers get the next batch from the hub. As many as a turn may move. */
  #finish(): void {
    const overBudget = this.#hub.budget();
    for (const watcher of this.#members) {
      this.remove(watcher);
      this.#hub.place(watcher);
      if (overBudget()) return;
    }
  }
}
