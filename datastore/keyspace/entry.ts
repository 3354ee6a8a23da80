import type { Key, Record, RecordWrite } from '../replica/types.ts';
import type { Head } from './head.ts';
import { recount } from './key-index.ts';
import type { Indexed, Leaf } from './key-index.ts';
import { Version } from './version.ts';

/**
 * A key of the index: its current write, and its versions of the local history.
 *
 * Nearly all keys have one version, so the latest stands in a field of its own and the list exists only where there is history.
 */
export class Entry implements Head, Indexed {
  readonly key: Key;
  record: Record | null = null;
  write: RecordWrite | null = null;
  phys = 0;
  latest: Version | null = null;
  /** All before `latest`, ascending. */
  older: Version[] | null = null;
  /** Where it stands in the index of keys. */
  leaf: Leaf<Indexed> | null = null;

  constructor(key: Key) {
    this.key = key;
  }

  /** What the key is at a revision, or null. */
  at(revision: number): Version | null {
    let version = this.latest;
    if (version === null) return null;
    if (version.modRevision > revision) {
      version = this.#olderAt(revision);
      if (version === null) return null;
    }
    return version.deleted ? null : version;
  }

  /** Whether the key exists in the applied state. */
  get live(): Version | null {
    const version = this.latest;
    return version === null || version.deleted ? null : version;
  }

  /** The index counts keys that exist in the applied state. */
  get counts(): boolean {
    return this.live !== null;
  }

  /**
   * Adds what a write makes of the key. etcd's counting: the version starts at 1 with a creation, and so does the create revision.
   * @param versionBase added to the version of a creation
   * @returns null if nothing changes: a deletion of what is not there
   */
  append(record: Record, write: RecordWrite, revision: number, versionBase: number): Version | null {
    const before = this.live;
    let version: Version;
    if (write.valueLength < 0) {
      if (before === null) return null;
      version = new Version(record, write, revision, 0, 0);
    } else if (before === null) {
      version = new Version(record, write, revision, revision, versionBase + 1);
    } else {
      version = new Version(record, write, revision, before.createRevision, before.version + 1);
    }
    this.push(version);
    return version;
  }

  push(version: Version): void {
    const counted = this.counts;
    if (this.latest !== null) {
      if (this.older === null) this.older = [this.latest];
      else this.older.push(this.latest);
    }
    this.latest = version;
    this.#recount(counted);
  }

  /** Gives the latest version another content, at the same revision. @returns null if there is none then: a deletion of what was not there before */
  replaceLatest(record: Record, write: RecordWrite): Version | null {
    const { modRevision } = this.latest!;
    const counted = this.counts;
    this.latest = this.older?.pop() ?? null;
    if (this.older?.length === 0) this.older = null;
    this.#recount(counted);
    return this.append(record, write, modRevision, 0);
  }

  /** The live version before this one, or null. */
  before(version: Version): Version | null {
    const older = this.older;
    if (older === null) return null;
    const index = version === this.latest ? older.length : this.#lowerBound(version.modRevision);
    const before = index > 0 ? older[index - 1]! : null;
    return before === null || before.deleted ? null : before;
  }

  /**
   * Forgets what a compaction at `revision` forgets: all but the last version up to it, and that, too, if it is a deletion.
   * @returns the bytes of what it forgot, as `Version.bytes` counts them
   */
  compact(revision: number): number {
    const { latest, older } = this;
    if (latest === null) return 0;
    let freed = 0;
    if (latest.modRevision <= revision) {
      for (const version of older ?? []) freed += version.bytes;
      this.older = null;
      if (latest.deleted) {
        freed += latest.bytes;
        this.latest = null;
      }
      return freed;
    }
    if (older === null) return 0;
    let kept = this.#lowerBound(revision + 1);
    if (kept > 0 && !older[kept - 1]!.deleted) kept--;
    for (let i = 0; i < kept; i++) freed += older[i]!.bytes;
    if (kept === older.length) this.older = null;
    else if (kept > 0) this.older = older.slice(kept);
    return freed;
  }

  /** Nothing refers to this key any more. */
  get empty(): boolean {
    return this.latest === null && this.record === null && this.phys === 0;
  }

  #recount(counted: boolean): void {
    if (this.counts !== counted) recount(this.leaf, counted ? -1 : 1);
  }

  #olderAt(revision: number): Version | null {
    const index = this.#lowerBound(revision + 1);
    return index > 0 ? this.older![index - 1]! : null;
  }

  /** The first index in `older` whose revision is at least this. */
  #lowerBound(revision: number): number {
    const older = this.older;
    if (older === null) return 0;
    let low = 0;
    let high = older.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (older[middle]!.modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
