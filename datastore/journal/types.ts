/**
 * The journal: what has been decided, in order, on stable storage. It knows nothing of what the entries mean.
 *
 * On disk a data folder holds numbered journal files and snapshots; recovery loads the newest snapshot and
 * replays every entry after it. The state itself lives in a `StateMachine` (see `store/`).
 */

/** What the journal keeps safe. `applyEntry` must be deterministic: replay gives the state that was there before. */
export interface StateMachine {
  /** Loads a snapshot, given as the chunks that `encodeSnapshot` yielded, in order. Called at most once, before any entry. */
  loadSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Applies one recovered entry. Throws on an entry it cannot understand (then the process must not serve). */
  applyEntry(entry: Uint8Array): void;
  /** The whole state as chunks of at most a few MiB. Runs on a worker's copy, never on the serving thread. */
  encodeSnapshot(): Iterable<Uint8Array>;
}

export interface JournalStats {
  /** Bytes on disk: journal files and snapshots. */
  diskBytes: number;
  /** Bytes that a snapshot taken now would make unnecessary are not counted here. */
  sinceSnapshotBytes: number;
  entries: number;
}

/** What the journal tells telemetry. Durations in seconds. */
export interface JournalObserver {
  fsync(seconds: number, bytes: number): void;
  commit(seconds: number): void;
  snapshot(seconds: number, bytes: number): void;
}

export interface Journal {
  /**
   * Appends entries, in call order, as one record with length, CRC and format version. Resolves when it is on stable storage; calls made
   * while a write is under way wait and go out together (group commit).
   * Rejects with `DiskFullError` when there is no room: the record is then *not* in the journal, and later appends may succeed.
   * Any other disk error is fatal: the journal refuses everything from then on (a failed fsync cannot be retried).
   */
  append(entries: readonly Uint8Array[]): Promise<void>;
  /** True when the reserve of preallocated space is low and no more can be had: refuse new client writes, keep integrating. */
  readonly low: boolean;
  readonly stats: JournalStats;
  /** Starts a new file and makes a snapshot of everything before it, off the main thread; older files go when it is durable. */
  snapshot(): Promise<void>;
  close(): Promise<void>;
}

export class DiskFullError extends Error {
  constructor() {
    super('no space left for the journal');
    this.name = 'DiskFullError';
  }
}
