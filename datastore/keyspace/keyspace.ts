import { errCompacted, errFutureRev } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Merger, Result } from '../merge/merger.ts';
import { assert } from '../replica/assert.ts';
import type { Key, Record, RecordSink, RecordWrite, Stamp, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import { Compactor } from './compactor.ts';
import { Contests, rawHead } from './contest.ts';
import type { Contest } from './contest.ts';
import { Entry } from './entry.ts';
import type { Conflict, ConflictListener } from './conflict.ts';
import { addCopy, contend, currentCopy, dropFromHead, isHead, moveHead } from './head.ts';
import { History } from './history.ts';
import { KeyIndex } from './key-index.ts';
import { LeaseIndex } from './leases.ts';
import type { SystemListener } from './system.ts';
import { SystemSpace } from './system.ts';
import type { Change, KeyRange, KeyValue, RangeOptions, RangeRead } from './types.ts';
import { DetachedRecord, LOCAL_LOG, valueOf } from './version.ts';
import type { Version } from './version.ts';

export type VisibleListener = (changes: readonly Change[], revision: number) => void;

export interface KeyspaceOptions {
  readonly clock: Pick<Clock, 'soon' | 'monotonicMs'>;
  /** Of the empty store. etcd's is 1. */
  readonly revision?: number;
  /** Everything below counts as compacted; -1, as in etcd: nothing is. */
  readonly compacted?: number;
  /** Added to the version of a local key (`compact_rev_key`) when it is created; asked for then, and the same at every replay. */
  readonly localVersionBase?: () => number;
  readonly onConflict?: ConflictListener;
  /** How objects merge; missing: not at all, the higher stamp wins. */
  readonly merger?: Merger;
}

/**
 * What every key is and was, in this replica's own linear history.
 *
 * There are two states: *applied* is everything decided so far, *visible* what is on stable storage. All versions stand in the index
 * with their revision, so a reader at the visible revision passes over the younger ones.
 */
export class Keyspace implements RecordSink {
  readonly system: SystemSpace;
  readonly #keys = new Map<Key, Entry>();
  readonly #index = new KeyIndex<Entry>();
  readonly #history = new History();
  readonly #leases = new LeaseIndex();
  readonly #compactor: Compactor;
  readonly #localVersionBase: () => number;
  readonly #onConflict: ConflictListener;
  readonly #contests: Contests | null;
  #listeners: readonly VisibleListener[] = [];
  #applied: number;
  #visible: number;
  #compacted: number;
  #bytes = 0;

  constructor(options: KeyspaceOptions) {
    this.#applied = this.#visible = options.revision ?? 1;
    this.#compacted = options.compacted ?? -1;
    this.#localVersionBase = options.localVersionBase ?? (() => 0);
    this.#onConflict = options.onConflict ?? (() => {});
    this.#contests = options.merger === undefined ? null : new Contests(options.merger, this.#onConflict);
    this.system = new SystemSpace(this.#onConflict);
    this.#compactor = new Compactor(
      options.clock,
      this.#history,
      (key) => this.#keys.get(key),
      (entry) => this.#forget(entry),
      (bytes) => (this.#bytes -= bytes),
    );
  }

  /** The revision of the last change decided, durable or not. */
  get appliedRevision(): number {
    return this.#applied;
  }
  /** The revision that readers and watchers see. */
  get visibleRevision(): number {
    return this.#visible;
  }
  /** Reads below it are refused, reads at it work. -1: never compacted. */
  get compactedRevision(): number {
    return this.#compacted;
  }
  /** Keys in the index, those of which only a tombstone is left included. */
  get size(): number {
    return this.#keys.size;
  }

  /** Logical size: keys and values of everything that is not compacted, deletions included, and a little for each. */
  get bytes(): number {
    return this.#bytes;
  }

  // ---- RecordSink: called by the replica, in the same order at first and at every replay ----

  integrate(record: Record, revision: number, again?: () => number, recorded?: number): boolean {
    const writes = record.writes;
    const contests = this.#contests;
    let visible = false;
    let successors: Successor[] | null = null;
    for (let i = 0; i < writes.length; i++) {
      const write = writes[i]!;
      if (write.space !== Space.client) {
        this.system.integrate(record, write, this.#applied);
        continue;
      }
      const entry = this.#entry(write.key);
      if (contests === null || !contests.merger.concerns(write.key)) {
        if (!contend(entry, record, write, this.#onConflict)) continue;
        if (recorded === 0) this.#correct(entry, record, write);
        else if (this.#append(entry, record, write, revision, 0)) visible = true;
        continue;
      }
      const alone = contests.of(write.key) === undefined;
      const { record: oldRecord, write: oldWrite } = entry;
      const entrance = contests.enter(entry, record, write);
      if (entrance === 'late') continue;
      if (entrance === 'alone') {
        if (write.merged === true && this.#adopt(entry, record, write)) continue;
        if (recorded === 0) {
          this.#correct(entry, record, write);
          continue;
        }
        const replaced = alone && again !== undefined && oldRecord !== null && entry.live !== null && write.valueLength >= 0 && recorded !== revision
          && contests.merger.anotherObject(rawHead(oldRecord, oldWrite!), rawHead(record, write));
        if (replaced) {
          // It was deleted and made anew elsewhere, and only the end of that came here.
          visible = true;
          this.#appendDeletion(entry, revision);
          (successors ??= []).push({ append: (at) => this.#append(entry, record, write, at, 0) });
        } else if (this.#append(entry, record, write, revision, 0)) visible = true;
        continue;
      }
      const contest = contests.of(write.key)!;
      const result = contest.evaluate(contests.merger);
      contests.tell(write.key, contest);
      if (recorded === 0 || !differs(entry, contest.leaseOf(result), result)) continue;
      visible = true;
      if (entry.live !== null && result.value !== null && again !== undefined && contests.merger.otherUid(entry.live.value, result) && recorded !== revision) {
        // Another object takes the place of the one that was shown: watchers see it go, and then the other.
        this.#appendDeletion(entry, revision);
        (successors ??= []).push({ append: (at) => this.#appendResult(entry, contest, result, at) });
      } else this.#appendResult(entry, contest, result, revision);
    }
    // At replay: by other tables no object may take the place of another, but two revisions were used.
    if (successors !== null || (again !== undefined && recorded !== undefined && recorded > revision)) {
      this.#applied = revision;
      revision = again!();
      for (const { append } of successors ?? []) append(revision);
    }
    // At replay: by other tables it may come to the same as before, but the revision was used.
    if (!visible && (recorded === undefined || recorded === 0)) return false;
    assert(revision > this.#applied, 'revisions must increase');
    this.#applied = revision;
    return true;
  }

  describe(writes: readonly Write[], stable: (stamp: Stamp) => boolean): readonly Write[] {
    const contests = this.#contests;
    if (contests === null) return writes;
    let described: Write[] | null = null;
    for (let i = 0; i < writes.length; i++) {
      const write = writes[i]!;
      if (write.space !== Space.client || write.value === null || write.merged === true || !contests.merger.concerns(write.key)) continue;
      const entry = this.#keys.get(write.key);
      const contest = contests.of(write.key);
      const info = contest !== undefined
        ? contests.merger.overResult(contest.evaluate(contests.merger), write.value, stable)
        : contests.merger.over(entry === undefined || entry.record === null ? null : rawHead(entry.record, entry.write!), write.value, stable);
      if (info !== null) (described ??= [...writes])[i] = { ...write, info };
    }
    return described ?? writes;
  }

  /** Keys that several heads contend for; null if nothing merges here. */
  get contests(): Contests | null {
    return this.#contests;
  }

  integrateLocal(writes: readonly Write[], revision: number): void {
    let visible = false;
    for (const write of writes) {
      assert(write.space === Space.client, 'the system space has no local keys');
      const entry = this.#entry(write.key);
      this.#contests?.forget(write.key);
      // A local write stands above whatever was replicated under this key before the key became local.
      if (entry.record !== null) {
        entry.record.live--;
        entry.record = null;
        entry.write = null;
      }
      const record = new DetachedRecord(0, LOCAL_LOG, revision, write);
      if (this.#append(entry, record, record.writes[0]!, revision, this.#localVersionBase())) visible = true;
      if (entry.empty) this.#forget(entry);
    }
    if (visible) this.#advance(revision);
  }

  copied(record: Record): void {
    for (const write of record.writes) {
      if (write.space === Space.client) addCopy(this.#entry(write.key));
      else this.system.copied(write);
    }
  }

  moved(from: Record, to: Record): void {
    for (const write of to.writes) {
      if (write.space !== Space.client) {
        this.system.moved(from, to, write);
        continue;
      }
      const entry = this.#keys.get(write.key);
      if (entry === undefined) continue;
      if (this.#contests?.has(write.key, from) === true && entry.record !== from) {
        from.live--;
        to.live++;
      }
      this.#contests?.moved(from, to, write);
      moveHead(entry, from, to, write);
      // Older versions keep the old bytes until they are compacted: finding them would cost more than it frees.
      const latest = entry.latest;
      if (latest !== null && latest.record === from) {
        latest.record = to;
        latest.write = write;
      }
    }
  }

  dropped(record: Record, writes: readonly RecordWrite[]): void {
    for (const write of writes) {
      if (write.space !== Space.client) {
        this.system.dropped(record, write);
        continue;
      }
      const entry = this.#keys.get(write.key);
      assert(entry !== undefined, 'a write was dropped whose key is unknown');
      this.#contests?.withdraw(write.key, record);
      dropFromHead(entry, record, write);
      if (entry.empty) this.#forget(entry);
    }
  }

  isCurrent(record: Record, write: RecordWrite): boolean {
    if (write.space !== Space.client) return this.system.isCurrent(record, write);
    return isHead(this.#keys.get(write.key), record) || this.#contests?.has(write.key, record) === true;
  }

  currentCopy(record: Record, write: RecordWrite): Record | null {
    if (write.space !== Space.client) return currentCopy(this.system.heads.get(write.key), record);
    return this.#contests?.copy(write.key, record) ?? currentCopy(this.#keys.get(write.key), record);
  }

  /**
   * True if the write is a tombstone, the current write of its key, and the only write of that key in any document: nothing that is
   * held here could come back to life without it (REPLICATION.md, 8; whether it is stable is for the replica to say).
   */
  isTombstoneFree(record: Record, write: RecordWrite): boolean {
    if (write.valueLength >= 0) return false;
    const head = write.space === Space.client ? this.#keys.get(write.key) : this.system.heads.get(write.key);
    return head !== undefined && head.phys === 1 && isHead(head, record);
  }

  /** Logically at once; what became unreachable is freed in the background, see `physicallyCompacted`. */
  compacted(revision: number): void {
    if (revision <= this.#compacted) return;
    assert(revision <= this.#applied, 'compaction in the future');
    this.#compacted = revision;
    this.#compactor.compact(revision);
  }

  advanced(revision: number): void {
    this.#advance(revision);
  }

  durable(revision: number): void {
    if (revision <= this.#visible) return;
    assert(revision <= this.#applied, 'durable before it was applied');
    const from = this.#visible + 1;
    this.#visible = revision;
    if (this.#listeners.length === 0) return;
    const changes: Change[] = [];
    const history = this.#history;
    const end = history.position(revision + 1);
    let position = history.position(from);
    // What a peer had to tell after a while: what each key was before is worked out only if somebody asks.
    const prev = (version: Version): KeyValue | null => this.#change(version).prev;
    const one = end - position > limits.watch_batch_changes ? (version: Version) => new LazyChange(version, prev) : (version: Version) => this.#change(version);
    for (; position < end; position++) changes.push(one(history.at(position)));
    for (const listener of this.#listeners) listener(changes, revision);
  }

  // ---- Reading ----

  /** Called in `durable`, once it is visible, with all changes of whole revisions; empty if the counter only moved. Returns what ends it. */
  onVisible(listener: VisibleListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => (this.#listeners = this.#listeners.filter((other) => other !== listener));
  }

  /**
   * What a key is at a revision, or null. `revision` must be known to be readable (`checkReadable`).
   */
  get(key: Key, revision: number = this.#visible): Version | null {
    const entry = this.#keys.get(key);
    return entry === undefined ? null : entry.at(revision);
  }

  /** @throws errFutureRev, errCompacted as etcd's mvcc does. `current`: the revision that counts as current for this reader. */
  checkReadable(revision: number, current: number = this.#visible): void {
    if (revision > current) throw errFutureRev();
    if (revision < this.#compacted) throw errCompacted();
  }

  /**
   * The keys of a range at a revision (default: the visible one), ascending. The count is of all keys, whatever the limit: those beyond
   * it are not looked at (`#count`).
   * @throws errCompacted, errFutureRev (above the applied revision)
   */
  range(options: RangeOptions, revision: number = this.#visible): RangeRead {
    this.checkReadable(revision, this.#applied);
    const { start, end } = options.range;
    const kvs: KeyValue[] = [];
    if (end === undefined) {
      const version = this.get(start, revision);
      if (version === null) return { kvs, count: 0 };
      if (!options.countOnly) kvs.push(version);
      return { kvs, count: 1 };
    }
    const past = end === '\0' ? undefined : end;
    if (options.countOnly) return { kvs, count: this.#count(start, past, revision) };
    const wanted = options.limit > 0 ? options.limit : Infinity;
    let more = false;
    this.#index.walk(start, past, (entry) => {
      const version = entry.at(revision);
      if (version === null) return false;
      more = kvs.length >= wanted;
      if (!more) kvs.push(version);
      return more;
    });
    return { kvs, count: more ? this.#count(start, past, revision) : kvs.length };
  }

  /**
   * The first keys of a range at a revision, at most `limit`, without counting the rest: for going through all keys a page at a time.
   * @throws errCompacted, errFutureRev (above the applied revision)
   */
  page({ start, end }: { readonly start: Key; readonly end: Key }, limit: number, revision: number): KeyValue[] {
    this.checkReadable(revision, this.#applied);
    const kvs: KeyValue[] = [];
    this.#index.walk(start, end === '\0' ? undefined : end, (entry) => {
      const version = entry.at(revision);
      if (version !== null) kvs.push(version);
      return kvs.length >= limit;
    });
    return kvs;
  }

  /**
   * The changes of revisions `from` to `to` (default: the visible one), in order. Not before the compacted revision; exactly at it
   * is allowed, as in etcd, but then without what the keys were before.
   * The iterator may be kept while the keyspace changes; it throws errCompacted when a compaction overtakes it.
   */
  *changes(from: number, to: number = this.#visible): IterableIterator<Change> {
    if (from < this.#compacted) throw errCompacted();
    const history = this.#history;
    let position = history.position(from);
    const end = history.position(to + 1);
    for (; position < end; position++) {
      if (position < history.start || history.at(position).modRevision < this.#compacted) throw errCompacted();
      yield this.#change(history.at(position));
    }
  }

  /**
   * The keys attached to a lease.
   * @param applied include what is not durable yet (what a revocation must delete); otherwise what readers see
   */
  keysOfLease(lease: bigint, applied = false): Key[] {
    const keys = [...this.#leases.keysOf(lease)];
    return applied ? keys : keys.filter((key) => this.get(key)?.lease === lease);
  }

  /** Every lease that some key hangs on, applied state. */
  leasesWithKeys(): Iterable<bigint> {
    return this.#leases.all.keys();
  }

  /** The revision after which `count` visible changes came; 0 if there were not so many. */
  revisionBefore(count: number): number {
    const position = this.#history.position(this.#visible + 1) - 1 - count;
    return position < this.#history.start ? 0 : this.#history.at(position).modRevision;
  }

  // ---- Compaction ----

  /** Resolves when a compaction has freed its memory. */
  physicallyCompacted(revision: number): Promise<void> {
    return this.#compactor.physically(revision);
  }

  /** Frees at once what is left of the last compaction. Blocks: for snapshots, which are made off the serving thread. */
  finishCompaction(): void {
    this.#compactor.finish();
  }

  /** Stops the background work. */
  close(): void {
    this.#compactor.stop();
  }

  // ---- Inside ----

  /** For snapshots and the invariant checker of this folder only. */
  get inside(): KeyspaceInside {
    return {
      keys: this.#keys,
      index: this.#index,
      history: this.#history,
      leases: this.#leases,
      entry: (key) => this.#entry(key),
      loaded: (version) => (this.#bytes += version.bytes),
      restore: (applied, compacted) => {
        this.#applied = this.#visible = applied;
        this.#compacted = compacted;
      },
    };
  }

  #entry(key: Key): Entry {
    let entry = this.#keys.get(key);
    if (entry === undefined) {
      entry = new Entry(key);
      this.#keys.set(key, entry);
      this.#index.add(entry);
    }
    return entry;
  }

  #forget(entry: Entry): void {
    this.#keys.delete(entry.key);
    this.#index.delete(entry);
  }

  #append(entry: Entry, record: Record, write: RecordWrite, revision: number, versionBase: number): boolean {
    const leaseBefore = entry.live?.lease ?? 0n;
    const version = entry.append(record, write, revision, versionBase);
    if (version === null) return false;
    this.#bytes += version.bytes;
    this.#history.append(version);
    if (leaseBefore !== write.lease) this.#leases.move(entry.key, leaseBefore, write.lease);
    return true;
  }

  #appendDeletion(entry: Entry, revision: number): void {
    const gone = new DetachedRecord(0, LOCAL_LOG, revision, { space: Space.client, key: entry.key, value: null, lease: 0n });
    this.#append(entry, gone, gone.writes[0]!, revision, 0);
  }

  /** The version that several heads come to: one of them as it is, or something new, which is in no document until a merge record has it. */
  #appendResult(entry: Entry, contest: Contest, result: Result, revision: number): void {
    const from = contest.heads[result.from];
    const lease = contest.leaseOf(result);
    if (from !== undefined && from.write.lease === lease) {
      this.#append(entry, from.record, from.write, revision, 0);
      return;
    }
    const made = new DetachedRecord(0, LOCAL_LOG, revision, { space: Space.client, key: entry.key, value: result.value, lease });
    this.#append(entry, made, made.writes[0]!, revision, 0);
  }

  /** A merge record says what is shown already: the version shares its bytes from now on. @returns false if it says something else */
  #adopt(entry: Entry, record: Record, write: RecordWrite): boolean {
    const { latest, live } = entry;
    if (write.valueLength < 0) return live === null;
    if (live === null || latest === null || live.lease !== write.lease || Buffer.compare(live.value, valueOf(record, write)) !== 0) return false;
    latest.record = record;
    latest.write = write;
    return true;
  }

  /**
   * At replay by other tables than then (merge/): a write that showed nothing new, for it only said what was shown, shows something else now. The other replicas
   * have what it says, so it holds here, too; and no revision is left for it but the last one that was used.
   */
  #correct(entry: Entry, record: Record, write: RecordWrite): void {
    const { latest } = entry;
    if (latest?.modRevision !== this.#applied) {
      this.#append(entry, record, write, this.#applied, 0);
      return;
    }
    const version = entry.replaceLatest(record, write);
    this.#bytes += (version?.bytes ?? 0) - latest.bytes;
    this.#history.replaceLast(latest, version);
    this.#leases.move(entry.key, latest.lease, entry.live?.lease ?? 0n);
  }

  #advance(revision: number): void {
    assert(revision >= this.#applied, 'the revision went back');
    this.#applied = revision;
  }

  #change(version: Version): Change {
    const entry = version.modRevision > this.#compacted ? this.#keys.get(version.key) : undefined;
    return {
      type: version.deleted ? 'delete' : 'put',
      kv: version,
      prev: entry === undefined ? null : entry.before(version),
      revision: version.modRevision,
    };
  }

  /**
   * How many keys of a range there are at a revision: those of the applied state, but for what has changed since. The last change of each key says what
   * has become of it, and the key what it was.
   */
  #count(start: Key, end: Key | undefined, revision: number): number {
    const history = this.#history;
    const from = history.position(revision + 1);
    let count = this.#index.count(start, end);
    if (history.end - from > count) return this.#walked(start, end, revision);
    for (let position = from; position < history.end; position++) {
      const version = history.at(position);
      const { key } = version;
      if (key < start || (end !== undefined && key >= end)) continue;
      const entry = this.#keys.get(key)!;
      if (entry.latest !== version) continue;
      const was = entry.at(revision) !== null;
      if (was === version.deleted) count += was ? 1 : -1;
    }
    return count;
  }

  #walked(start: Key, end: Key | undefined, revision: number): number {
    let count = 0;
    this.#index.walk(start, end, (entry) => {
      if (entry.at(revision) !== null) count++;
    });
    return count;
  }
}

/** One of so many changes that hardly anybody looks at what each key was before. */
class LazyChange implements Change {
  readonly type: 'put' | 'delete';
  readonly kv: Version;
  readonly revision: number;
  readonly #prev: (version: Version) => KeyValue | null;

  constructor(version: Version, prev: (version: Version) => KeyValue | null) {
    this.type = version.deleted ? 'delete' : 'put';
    this.kv = version;
    this.revision = version.modRevision;
    this.#prev = prev;
  }

  get prev(): KeyValue | null {
    return this.#prev(this.kv);
  }
}

/** An object that takes the place of another. */
interface Successor {
  readonly append: (revision: number) => void;
}

/** Is what several heads come to anything else than what is shown? */
function differs({ live }: Entry, lease: bigint, { value }: Result): boolean {
  if (live === null || value === null) return live !== null || value !== null;
  return live.lease !== lease || Buffer.compare(live.value, value) !== 0;
}

export interface KeyspaceInside {
  readonly keys: Map<Key, Entry>;
  readonly index: KeyIndex<Entry>;
  readonly history: History;
  readonly leases: LeaseIndex;
  entry(key: Key): Entry;
  /** A version has been put into an entry by a loader. */
  loaded(version: Version): void;
  restore(applied: number, compacted: number): void;
}

export type { Conflict, KeyRange, SystemListener };
