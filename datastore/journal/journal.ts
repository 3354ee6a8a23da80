import type { Host } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import type { SnapshotJob } from './build-snapshot.ts';
import { journalPath, snapshotPath } from './folder.ts';
import { drawSalt, encodeRecord, recordBytes } from './format.ts';
import { JournalFile, prepareFile } from './journal-file.ts';
import type { FileContext, JournalSizes, PreparedFile } from './journal-file.ts';
import { replay } from './replay.ts';
import type { Replay } from './replay.ts';
import { openSnapshot } from './snapshot-file.ts';
import { DiskFullError } from './types.ts';
import type { Journal, JournalObserver, JournalStats, StateMachine } from './types.ts';

export interface JournalOptions {
  readonly log: Logger;
  /**
   * Has `buildSnapshot` done: in production by another process, in the simulation right here. `signal` fires when the journal closes.
   * Rejects if there is no snapshot then; the journal keeps its files and tries again later.
   */
  readonly makeSnapshot: (job: SnapshotJob, signal: AbortSignal) => Promise<void>;
  readonly observer?: JournalObserver;
  /** The disk failed: nothing can be appended any more, and the process should end. Called once. */
  readonly onFatal?: (error: Error) => void;
  readonly sizes?: Partial<JournalSizes>;
}

const defaultSizes: JournalSizes = {
  firstStepBytes: limits.journal_first_step_bytes,
  stepBytes: limits.journal_step_bytes,
  sliceBytes: limits.journal_slice_bytes,
  reserveBytes: limits.journal_reserve_bytes,
  batchBytes: limits.journal_batch_bytes,
  retryMs: limits.journal_retry_ms,
  snapshotMinBytes: limits.snapshot_min_bytes,
};

/**
 * Takes the data folder for this process, recovers what it holds into `machine`, and makes it ready for appends. Makes the folder if
 * there is none.
 * @throws DamagedError, NewerVersionError, LockedError, what the machine throws, or the disk's error. The folder is free again then.
 */
export async function openJournal(host: Host, dir: string, machine: StateMachine, options: JournalOptions): Promise<Journal> {
  const { disk } = host;
  await disk.makeDir(dir);
  const lock = await disk.lock(`${dir}/lock`);
  try {
    // After a kill -9 names may be in the page cache only. Nothing is decided, and nothing removed, on the strength of such.
    await disk.syncDir(dir);
    const recovered = await replay(host, dir, machine);
    const journal = new DiskJournal(host, dir, options, lock, recovered);
    await journal.start();
    return journal;
  } catch (error) {
    await lock.unlock();
    throw error;
  }
}

interface Waiting {
  readonly entries: readonly Uint8Array[];
  readonly bytes: number;
  readonly sinceMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Rotation {
  readonly prepared: PreparedFile;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What a closed file, or the current one, adds to the statistics. */
interface FileStats {
  recordBytes: number;
  diskBytes: number;
  entries: number;
}

class DiskJournal implements Journal {
  readonly #host: Host;
  readonly #dir: string;
  readonly #options: JournalOptions;
  readonly #sizes: JournalSizes;
  readonly #lock: { unlock(): Promise<void> };
  readonly #context: FileContext;
  readonly #abort = new AbortController();
  readonly #recovered: Replay;
  #file!: JournalFile;
  #sequence: number;
  /** Journal files since the snapshot, by number, the current one last. */
  readonly #files = new Map<number, FileStats>();
  #snapshotNumber: number;
  #snapshotBytes: number;
  #snapshotting: Promise<void> | undefined;
  /** No automatic snapshot before this much has been written since the last: puts off the next try after a failed one. */
  #snapshotAtBytes = 0;
  #waiting: Waiting[] = [];
  #rotation: Rotation | undefined;
  /** True from the first append until nothing waits. */
  #working = false;
  /** Resolves when the work that was begun last is done. */
  #idle: Promise<void> = Promise.resolve();
  #scratch: Buffer;
  #fatal: Error | undefined;
  #closed = false;

  constructor(host: Host, dir: string, options: JournalOptions, lock: { unlock(): Promise<void> }, recovered: Replay) {
    this.#host = host;
    this.#dir = dir;
    this.#options = options;
    this.#sizes = { ...defaultSizes, ...options.sizes };
    this.#lock = lock;
    this.#recovered = recovered;
    this.#sequence = recovered.sequence;
    this.#snapshotNumber = recovered.snapshot;
    this.#snapshotBytes = recovered.snapshotBytes;
    this.#scratch = Buffer.allocUnsafe(65_536);
    this.#context = { disk: host.disk, clock: host.clock, dir, sizes: this.#sizes, onFatal: (error) => this.#fail(error) };
    for (const { number, end, sizeBytes, entries } of recovered.files) {
      this.#files.set(number, { recordBytes: end, diskBytes: sizeBytes, entries });
    }
  }

  /** Removes what is left over, and opens the newest file for appends, or the first one. */
  async start(): Promise<void> {
    const { folder, files } = this.#recovered;
    for (const name of folder.temporary) await this.#host.disk.remove(`${this.#dir}/${name}`);
    await this.#removeCovered(folder.journals, folder.snapshots);
    const newest = files.at(-1);
    if (newest === undefined) {
      const prepared = await prepareFile(this.#context, 1);
      this.#setFile(await prepared.commit(this.#sequence, drawSalt(this.#host.random)));
      return;
    }
    if (newest.torn !== undefined) {
      this.#options.log.warn('dropped an unfinished write at the end of the journal', {
        file: journalPath(this.#dir, newest.number),
        offset: newest.end,
        reason: newest.torn,
      });
    }
    const file = await JournalFile.resume(this.#context, { ...newest, salt: newest.header.salt });
    this.#setFile(file);
  }

  get low(): boolean {
    return this.#file.low;
  }

  get stats(): JournalStats {
    let diskBytes = this.#snapshotBytes;
    let entries = 0;
    for (const [number, file] of this.#files) {
      diskBytes += number === this.#file.number ? this.#file.allocatedBytes : file.diskBytes;
      entries += file.entries;
    }
    return { diskBytes, sinceSnapshotBytes: this.#sinceSnapshotBytes(), entries };
  }

  append(entries: readonly Uint8Array[]): Promise<void> {
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal);
    if (this.#closed) return Promise.reject(new Error('the journal is closed'));
    if (entries.length === 0) throw new Error('an append of no entries');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, bytes: recordBytes(entries), sinceMs: this.#host.clock.monotonicMs(), resolve, reject });
      this.#pump();
    });
  }

  snapshot(): Promise<void> {
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal);
    if (this.#closed) return Promise.reject(new Error('the journal is closed'));
    this.#snapshotting ??= this.#makeSnapshot().finally(() => (this.#snapshotting = undefined));
    return this.#snapshotting;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort(new Error('the journal is closing'));
    await this.#idle;
    await this.#snapshotting?.catch(() => {});
    await this.#idle;
    try {
      await this.#file.close();
    } finally {
      await this.#lock.unlock();
    }
  }

  /** One write at a time: whatever comes meanwhile goes out together with the next. */
  #pump(): void {
    if (this.#working) return;
    this.#working = true;
    this.#idle = this.#work();
  }

  async #work(): Promise<void> {
    try {
      while (this.#fatal === undefined) {
        const rotation = this.#rotation;
        this.#rotation = undefined;
        if (rotation !== undefined) await this.#rotate(rotation);
        const batch = this.#takeBatch();
        if (batch.length > 0) await this.#writeBatch(batch);
        else if (this.#rotation === undefined) return;
      }
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      // In the same turn in which nothing was found waiting: an append after it starts the work anew.
      this.#working = false;
    }
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (count > 0 && bytes > this.#sizes.batchBytes) break;
      count++;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  /** All of the batch is one record, so that it is there whole or not at all. */
  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const { clock } = this.#host;
    const entries = batch.length === 1 ? batch[0]!.entries : batch.flatMap((waiting) => waiting.entries);
    const length = recordBytes(entries);
    try {
      if (!this.#file.hasRoom(length)) await this.#file.makeRoom(length);
      const record = this.#buffer(length).subarray(0, length);
      encodeRecord(record, entries, this.#sequence, this.#file.salt);
      const begunMs = clock.monotonicMs();
      await this.#file.append(record);
      this.#options.observer?.fsync((clock.monotonicMs() - begunMs) / 1_000, length);
    } catch (error) {
      if (!(error instanceof DiskFullError)) this.#fail(error as Error);
      for (const waiting of batch) waiting.reject(error as Error);
      return;
    }
    this.#sequence++;
    const stats = this.#files.get(this.#file.number)!;
    stats.recordBytes += length;
    stats.entries += entries.length;
    this.#options.observer?.commit((clock.monotonicMs() - batch[0]!.sinceMs) / 1_000);
    for (const waiting of batch) waiting.resolve();
    this.#snapshotIfDue();
  }

  /** Reused from write to write (there is one at a time); a large one is not kept. */
  #buffer(length: number): Buffer {
    if (length <= this.#scratch.length) return this.#scratch;
    const buffer = Buffer.allocUnsafe(Math.max(length, Math.min(this.#scratch.length * 2, this.#sizes.batchBytes)));
    if (buffer.length <= this.#sizes.batchBytes) this.#scratch = buffer;
    return buffer;
  }

  async #rotate({ prepared, resolve, reject }: Rotation): Promise<void> {
    const old = this.#file;
    try {
      // All records of the old file are on stable storage: this runs between writes.
      this.#setFile(await prepared.commit(this.#sequence, drawSalt(this.#host.random)));
      await old.seal();
      this.#files.get(old.number)!.diskBytes = old.allocatedBytes;
      await old.close();
      resolve();
    } catch (error) {
      if (!(error instanceof DiskFullError)) this.#fail(error as Error);
      reject(error as Error);
    }
  }

  #setFile(file: JournalFile): void {
    this.#file = file;
    if (!this.#files.has(file.number)) this.#files.set(file.number, { recordBytes: file.tail, diskBytes: file.allocatedBytes, entries: 0 });
  }

  #sinceSnapshotBytes(): number {
    let bytes = 0;
    for (const file of this.#files.values()) bytes += file.recordBytes;
    return bytes;
  }

  /** The cost of a snapshot is spread over at least as many bytes as it has: constant for each byte written. */
  #snapshotIfDue(): void {
    if (this.#snapshotting !== undefined || this.#closed) return;
    const since = this.#sinceSnapshotBytes();
    if (since < Math.max(this.#sizes.snapshotMinBytes, this.#snapshotBytes, this.#snapshotAtBytes)) return;
    this.snapshot().catch(() => {
      this.#snapshotAtBytes = since + this.#sizes.snapshotMinBytes / 4;
    });
  }

  async #makeSnapshot(): Promise<void> {
    const { clock } = this.#host;
    const begunMs = clock.monotonicMs();
    try {
      const upToFile = await this.#startNewFile();
      if (upToFile === this.#snapshotNumber) return;
      await this.#options.makeSnapshot({ dir: this.#dir, upToFile }, this.#abort.signal);
      this.#abort.signal.throwIfAborted();
      await this.#adoptSnapshot(upToFile);
    } catch (error) {
      if (!this.#closed && this.#fatal === undefined) this.#options.log.error('the snapshot failed; the journal is kept', { error });
      throw error;
    }
    this.#snapshotAtBytes = 0;
    const seconds = (clock.monotonicMs() - begunMs) / 1_000;
    this.#options.observer?.snapshot(seconds, this.#snapshotBytes);
    this.#options.log.info('made a snapshot', { seconds, bytes: this.#snapshotBytes, up_to_file: this.#snapshotNumber });
  }

  /** @returns the last journal file that is complete. A current file without records is not left for another. */
  async #startNewFile(): Promise<number> {
    if (this.#files.get(this.#file.number)!.entries === 0) return this.#file.number - 1;
    const prepared = await prepareFile(this.#context, this.#file.number + 1);
    if (this.#fatal !== undefined) throw this.#fatal;
    await new Promise<void>((resolve, reject) => {
      this.#rotation = { prepared, resolve, reject };
      this.#pump();
    });
    return this.#file.number - 1;
  }

  async #adoptSnapshot(number: number): Promise<void> {
    const { disk } = this.#host;
    const snapshot = await openSnapshot(disk, snapshotPath(this.#dir, number), number);
    await snapshot.close();
    const old = this.#snapshotNumber;
    this.#snapshotNumber = number;
    this.#snapshotBytes = snapshot.bytes;
    const covered = [...this.#files.keys()].filter((file) => file <= number);
    for (const file of covered) this.#files.delete(file);
    await this.#removeCovered(covered, old > 0 ? [old] : []);
  }

  /** Removes what the current snapshot makes unnecessary; it is on stable storage, name and all. */
  async #removeCovered(journals: readonly number[], snapshots: readonly number[]): Promise<void> {
    const { disk } = this.#host;
    for (const number of journals) if (number <= this.#snapshotNumber) await disk.remove(journalPath(this.#dir, number));
    for (const number of snapshots) if (number < this.#snapshotNumber) await disk.remove(snapshotPath(this.#dir, number));
  }

  /** Fail stop. After a failed fsync nobody knows what is on the disk, and the kernel has forgotten what it should have written. */
  #fail(error: Error): void {
    if (this.#fatal !== undefined) return;
    this.#fatal = error;
    this.#options.log.error('the disk failed; the journal takes nothing more', { error });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
    this.#rotation?.reject(error);
    this.#rotation = undefined;
    this.#options.onFatal?.(error);
  }
}
