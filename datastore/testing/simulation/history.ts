/**
 * One replica's history as readers have seen it, kept by the test across restarts: which revisions there were, what each changed, what each
 * key was at each. Every read, watch and restart is compared with it.
 */
import type { Change, KeyRange, KeyValue } from '../../keyspace/types.ts';
import type { Version as StoredVersion } from '../../keyspace/version.ts';
import { check } from './violation.ts';

export interface SeenVersion {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  /** null: a deletion. */
  readonly value: Buffer | null;
  readonly lease: bigint;
  /** The revision that the write has at its author's replica; 0: it is local. */
  readonly originRevision: number;
}

export interface SeenChange {
  readonly key: string;
  readonly after: SeenVersion;
  /** null: the key did not exist. */
  readonly before: SeenVersion | null;
}

export const inRange = (key: string, { start, end }: KeyRange): boolean =>
  end === undefined ? key === start : key >= start && (end === '\0' || key < end);

export class History {
  /** All changes, in the order of revisions. */
  readonly changes: SeenChange[] = [];
  readonly #keys = new Map<string, SeenVersion[]>();
  readonly #name: string;
  /** The highest revision that a reader can have seen. */
  visible = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Readers see up to `revision` from now on. */
  show(changes: readonly Change[], revision: number): void {
    check(revision > this.visible, () => `${this.#name}: revision ${revision} became visible after ${this.visible}`);
    for (const change of changes) {
      check(change.revision > this.visible && change.revision <= revision, () => `${this.#name}: a change of ${change.revision} became visible between ${this.visible} and ${revision}`);
      this.#append(change);
    }
    this.visible = revision;
  }

  /** A restart: what was visible must be there as it was; some more that was under way may have survived. */
  restarted(changes: Iterable<Change>, from: number, revision: number): void {
    check(revision >= this.visible, () => `${this.#name}: the revision went back from ${this.visible} to ${revision} over a restart`);
    let at = this.position(from);
    for (const change of changes) {
      const seen = this.changes[at];
      if (change.revision > this.visible) {
        check(seen === undefined, () => `${this.#name}: after a restart revision ${seen!.after.revision} is missing`);
        this.#append(change);
      } else check(seen !== undefined && same(seen, change), () => `${this.#name}: after a restart revision ${change.revision} has ${show(change)}, before it was ${seen === undefined ? 'unknown' : describe(seen)}`);
      at++;
    }
    check(at === this.changes.length, () => `${this.#name}: a restart lost ${describe(this.changes[at]!)}`);
    this.visible = revision;
  }

  /** A disk that has never served: what it shows nobody has seen. */
  forget(): void {
    this.visible = 0;
    this.changes.length = 0;
    this.#keys.clear();
  }

  /** Begins in the middle: what was there at the compacted revision, of a disk whose earlier life nobody knows. */
  begin(versions: Iterable<KeyValue>): void {
    this.forget();
    for (const kv of versions) this.#keys.set(kv.key, [seenOf(kv, kv.modRevision, false)]);
  }

  /** What a key was at a revision; null: it did not exist. */
  at(key: string, revision: number): SeenVersion | null {
    const versions = this.#keys.get(key);
    if (versions === undefined) return null;
    let found: SeenVersion | null = null;
    for (let i = versions.length - 1; i >= 0; i--) {
      if (versions[i]!.revision <= revision) {
        found = versions[i]!;
        break;
      }
    }
    return found === null || found.value === null ? null : found;
  }

  keysIn(range: KeyRange, revision: number): string[] {
    const keys: string[] = [];
    for (const key of this.#keys.keys()) if (inRange(key, range) && this.at(key, revision) !== null) keys.push(key);
    return keys.sort();
  }

  /** Index of the first change at or after a revision. */
  position(revision: number): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.changes[middle]!.after.revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The changes of one revision. */
  of(revision: number): SeenChange[] {
    const found: SeenChange[] = [];
    for (let i = this.position(revision); this.changes[i]?.after.revision === revision; i++) found.push(this.changes[i]!);
    return found;
  }

  #append(change: Change): void {
    const { kv } = change;
    const versions = this.#keys.get(kv.key) ?? [];
    this.#keys.set(kv.key, versions);
    const last = versions.at(-1);
    const before = last === undefined || last.value === null ? null : last;
    const after = seenOf(kv, change.revision, change.type === 'delete');
    const seen = { key: kv.key, after, before };
    check(last === undefined || last.revision < change.revision, () => `${this.#name}: ${kv.key} changed twice at revision ${change.revision}`);
    if (after.value === null) check(before !== null, () => `${this.#name}: ${kv.key} was deleted at ${change.revision}, where it did not exist`);
    else if (before !== null) {
      check(kv.createRevision === before.createRevision && kv.version === before.version + 1, () => `${this.#name}: ${kv.key} at ${change.revision} has create revision ${kv.createRevision}, version ${kv.version}, after ${before.createRevision}, ${before.version}`);
    } else check(kv.createRevision === change.revision, () => `${this.#name}: ${kv.key} was created at ${change.revision}, and says ${kv.createRevision}`);
    versions.push(after);
    this.changes.push(seen);
  }
}

function seenOf(kv: KeyValue, revision: number, deleted: boolean): SeenVersion {
  return {
    revision,
    createRevision: kv.createRevision,
    version: kv.version,
    value: deleted ? null : Buffer.from(kv.value),
    lease: kv.lease,
    originRevision: (kv as StoredVersion).record?.originRevision ?? 0,
  };
}

function same(seen: SeenChange, change: Change): boolean {
  const { after } = seen;
  const { kv } = change;
  return (
    seen.key === kv.key && after.revision === change.revision && (after.value === null) === (change.type === 'delete') &&
    (after.value === null || (after.value.equals(kv.value) && after.version === kv.version && after.createRevision === kv.createRevision && after.lease === kv.lease))
  );
}

export { same as sameChange };
export const describe = ({ key, after }: SeenChange): string => `${key}@${after.revision}=${after.value === null ? '(deleted)' : after.value.toString('latin1')}`;
const show = ({ kv, type, revision }: Change): string => `${kv.key}@${revision}=${type === 'delete' ? '(deleted)' : Buffer.from(kv.value).toString('latin1')}`;
