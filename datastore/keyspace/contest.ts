/**
 * Keys that have several heads: writes of which no author had seen another's. Nearly no key has; so what one key needs for it stands here, beside the index.
 * What the heads come to together, merge/ says; whatever comes in, the record of the highest stamp stays in the key's entry.
 */
import type { Head as DecodedHead } from '../merge/heads.ts';
import type { Merger, RawHead, Result } from '../merge/merger.ts';
import { assert } from '../replica/assert.ts';
import { infoOf } from '../replica/record.ts';
import type { Key, Record, RecordWrite, Stamp } from '../replica/types.ts';
import { compareStamps, inContext, Space } from '../replica/types.ts';
import type { ConflictListener } from './conflict.ts';
import type { Head } from './head.ts';
import { valueOf } from './version.ts';

export interface Contender {
  record: Record;
  write: RecordWrite;
  decoded: DecodedHead | null;
}

export const rawHead = (record: Record, write: RecordWrite): RawHead => ({
  stamp: { lamport: record.lamport, log: record.log },
  context: () => record.context(),
  value: write.valueLength < 0 ? null : valueOf(record, write),
  info: infoOf(record, write),
});

/** `later` takes the place of `earlier`: its author had seen it. */
const supersedes = (later: Record, earlier: Stamp): boolean => (later.log === earlier.log ? later.lamport > earlier.lamport : inContext(later.context(), earlier));

/** What a write does to a key's heads. */
export type Entrance =
  /** Its author had seen all heads: it is the only one now. */
  | 'alone'
  /** The author of a head had seen it. */
  | 'late'
  /** One among several now. */
  | 'contends';

export class Contest {
  readonly heads: Contender[];
  /** Since the heads last changed; null: not worked out. */
  result: Result | null = null;
  /** What of it has been told already. */
  readonly told = new Set<string>();

  constructor(heads: Contender[]) {
    this.heads = heads;
  }

  get top(): Contender {
    return this.heads.reduce((a, b) => (compareStamps(a.record, b.record) > 0 ? a : b));
  }

  /** The lease that the key hangs on. */
  leaseOf({ lease }: Result): bigint {
    return lease < 0 ? 0n : this.heads[lease]!.write.lease;
  }

  evaluate(merger: Merger): Result {
    if (this.result !== null) return this.result;
    for (const head of this.heads) head.decoded ??= merger.decode(rawHead(head.record, head.write));
    this.result = merger.evaluate(this.heads.map(({ decoded }) => decoded!), this.heads.map(({ record, write }) => (write.valueLength < 0 ? null : valueOf(record, write))));
    return this.result;
  }
}

export class Contests {
  readonly merger: Merger;
  readonly #contests = new Map<Key, Contest>();
  readonly #onConflict: ConflictListener;

  constructor(merger: Merger, onConflict: ConflictListener) {
    this.merger = merger;
    this.#onConflict = onConflict;
  }

  get size(): number {
    return this.#contests.size;
  }

  /** Keys with several heads, the longest so first. */
  entries(): IterableIterator<[Key, Contest]> {
    return this.#contests.entries();
  }

  of(key: Key): Contest | undefined {
    return this.#contests.size === 0 ? undefined : this.#contests.get(key);
  }

  has(key: Key, record: Record): boolean {
    return this.of(key)?.heads.some((head) => head.record === record) ?? false;
  }

  /** The head that bears the same stamp: the record itself or a copy; null if none does. */
  copy(key: Key, record: Record): Record | null {
    return this.of(key)?.heads.find((head) => compareStamps(head.record, record) === 0)?.record ?? null;
  }

  /** Puts loaded heads in their place. */
  restore(key: Key, heads: readonly Omit<Contender, 'decoded'>[]): Contest {
    const contest = new Contest(heads.map((head) => ({ ...head, decoded: null })));
    this.#contests.set(key, contest);
    return contest;
  }

  /** A write comes in. Keeps `live` of all records, and the entry's head, which is the one of the highest stamp. */
  enter(entry: Head, record: Record, write: RecordWrite): Entrance {
    entry.phys++;
    const contest = this.of(write.key);
    if (contest === undefined) {
      const old = entry.record;
      if (old !== null) {
        assert(compareStamps(record, old) !== 0, 'a write was integrated twice');
        if (supersedes(old, record)) return 'late';
        if (!supersedes(record, old)) {
          record.live++;
          const made = this.restore(write.key, [{ record: old, write: entry.write! }, { record, write }]);
          if (compareStamps(record, old) > 0) set(entry, record, write);
          made.result = null;
          return 'contends';
        }
        old.live--;
      }
      record.live++;
      set(entry, record, write);
      return 'alone';
    }
    if (contest.heads.some((head) => supersedes(head.record, record))) return 'late';
    const left: Contender[] = [];
    for (const head of contest.heads) {
      assert(compareStamps(record, head.record) !== 0, 'a write was integrated twice');
      if (supersedes(record, head.record)) head.record.live--;
      else left.push(head);
    }
    record.live++;
    left.push({ record, write, decoded: null });
    contest.result = null;
    if (left.length === 1) {
      this.#contests.delete(write.key);
      set(entry, record, write);
      return 'alone';
    }
    contest.heads.splice(0, contest.heads.length, ...left);
    const { top } = contest;
    set(entry, top.record, top.write);
    return 'contends';
  }

  /** Says what has been lost, each thing once. */
  tell(key: Key, contest: Contest): void {
    const { kind, decisions } = contest.evaluate(this.merger);
    for (const { rule, path, winner, loser, lost } of decisions) {
      const name = `${rule} ${path} ${winner.log}/${winner.lamport} ${loser.log}/${loser.lamport}`;
      if (contest.told.has(name)) continue;
      contest.told.add(name);
      const beaten = contest.heads.find(({ record }) => record.log === loser.log && record.lamport === loser.lamport);
      const whole = beaten === undefined || beaten.write.valueLength < 0 ? null : valueOf(beaten.record, beaten.write);
      this.#onConflict({
        key, space: Space.client, kind, rule, path, winner: { lamport: winner.lamport, log: winner.log }, loser: { lamport: loser.lamport, log: loser.log },
        value: lost === undefined ? whole : Buffer.from(lost),
      });
    }
  }

  /** The same stamp lies in other bytes now. */
  moved(from: Record, to: Record, write: RecordWrite): void {
    const head = this.of(write.key)?.heads.find(({ record }) => record === from);
    if (head === undefined) return;
    head.record = to;
    head.write = write;
  }

  /**
   * A head was dropped from its document: its owner does not merge, or not this key (`MERGE-TABLES`), and has seen it beaten by a later stamp. What is shown stays: by
   * unequal tables it was the later one's anyway.
   */
  withdraw(key: Key, record: Record): void {
    const contest = this.of(key);
    const index = contest?.heads.findIndex((head) => head.record === record) ?? -1;
    if (index < 0) return;
    assert(contest!.top.record !== record, 'the head of the highest stamp was dropped from its document');
    contest!.heads.splice(index, 1);
    contest!.result = null;
    record.live--;
    if (contest!.heads.length === 1) this.#contests.delete(key);
  }

  /** Nothing of the key contends any more: it has become local. */
  forget(key: Key): void {
    const contest = this.of(key);
    if (contest === undefined) return;
    const { top } = contest;
    // That of the entry is counted there.
    for (const head of contest.heads) if (head !== top) head.record.live--;
    this.#contests.delete(key);
  }
}

function set(entry: Head, record: Record, write: RecordWrite): void {
  entry.record = record;
  entry.write = write;
}
