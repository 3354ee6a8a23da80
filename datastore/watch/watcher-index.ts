import type { Change } from '../keyspace/types.ts';
import type { Key } from '../replica/types.ts';
import { IntervalTree } from './interval-tree.ts';
import type { Watcher } from './watcher.ts';

/** All watchers of one and the same range: they share the grouped changes of a batch. */
export interface Subject {
  readonly start: Key;
  readonly end: Key | null;
  readonly exact: boolean;
  readonly watchers: Set<Watcher>;
  /** What the batch at hand holds for it; null outside of a batch. */
  batch: Change[] | null;
}

/**
 * Watchers by what they watch. Single keys stand in a Map, ranges in an interval tree, and equal ranges share one entry: the cost of
 * a change grows with the number of different ranges that contain its key, not with the number of watchers.
 */
export class WatcherIndex {
  readonly #keys = new Map<Key, Subject>();
  readonly #ranges = new IntervalTree<Subject>();
  size = 0;

  add(watcher: Watcher): void {
    const subject = watcher.end === undefined ? this.#keySubject(watcher.start) : this.#rangeSubject(watcher.start, watcher.end);
    subject.watchers.add(watcher);
    watcher.subject = subject;
    this.size++;
  }

  delete(watcher: Watcher): void {
    const subject = watcher.subject;
    if (subject === null || !subject.watchers.delete(watcher)) throw new Error('watcher is not in this index');
    watcher.subject = null;
    this.size--;
    if (subject.watchers.size > 0) return;
    if (subject.exact) this.#keys.delete(subject.start);
    else this.#ranges.delete(subject);
  }

  /** Groups `changes` by subject, in order. The caller sets each `batch` back to null. */
  group(changes: Iterable<Change>): Subject[] {
    const touched: Subject[] = [];
    let change: Change;
    const take = (subject: Subject): void => {
      if (subject.batch === null) {
        subject.batch = [change];
        touched.push(subject);
      } else subject.batch.push(change);
    };
    for (change of changes) {
      const key = change.kv.key;
      const exact = this.#keys.get(key);
      if (exact !== undefined) take(exact);
      if (this.#ranges.size > 0) this.#ranges.stab(key, take);
    }
    return touched;
  }

  #keySubject(key: Key): Subject {
    let subject = this.#keys.get(key);
    if (subject === undefined) {
      subject = { start: key, end: null, exact: true, watchers: new Set(), batch: null };
      this.#keys.set(key, subject);
    }
    return subject;
  }

  #rangeSubject(start: Key, end: Key | null): Subject {
    let subject = this.#ranges.get(start, end);
    if (subject === undefined) {
      subject = { start, end, exact: false, watchers: new Set(), batch: null };
      this.#ranges.add(subject);
    }
    return subject;
  }
}
