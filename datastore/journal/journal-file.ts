import type { Clock, Disk, DiskFile, Timer } from '../host/host.ts';
import { isFull } from './errors.ts';
import { journalPath, temporaryPath } from './folder.ts';
import { FILE_HEADER_BYTES, Magic, VERSION, encodeFileHeader } from './format.ts';
import { DiskFullError } from './types.ts';

/** See limits.ts, whose values are the defaults. */
export interface JournalSizes {
  readonly firstStepBytes: number;
  readonly stepBytes: number;
  readonly sliceBytes: number;
  readonly reserveBytes: number;
  readonly batchBytes: number;
  readonly retryMs: number;
  readonly snapshotMinBytes: number;
}

/** Blocks of file systems. */
const BLOCK_BYTES = 4_096;
/** Below this a full disk is not asked for less. */
const SMALLEST_SLICE_BYTES = 65_536;

export interface FileContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dir: string;
  readonly sizes: JournalSizes;
  /** A disk error that no caller waits for. */
  readonly onFatal: (error: Error) => void;
}

/** A new file under its temporary name, with its first zeros on stable storage but no header yet. */
export interface PreparedFile {
  readonly number: number;
  /** Gives it header and name. After that it is part of the journal. */
  commit(sequence: number, salt: number): Promise<JournalFile>;
  discard(): Promise<void>;
}

/** @throws DiskFullError: nothing is left behind. */
export async function prepareFile(context: FileContext, number: number): Promise<PreparedFile> {
  const { disk, dir } = context;
  const path = journalPath(dir, number);
  const temporary = temporaryPath(path);
  if (await disk.exists(temporary)) await disk.remove(temporary);
  const file = await disk.open(temporary, 'create').catch((error: unknown) => {
    throw isFull(error) ? new DiskFullError() : error;
  });
  const size = context.sizes.firstStepBytes;
  const discard = async (): Promise<void> => {
    await file.close();
    await disk.remove(temporary);
  };
  const orFull = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isFull(error)) throw error;
      await discard();
      throw new DiskFullError();
    }
  };
  await orFull(() => fillWithZeros(file, 0, size, context.sizes.sliceBytes));
  return {
    number,
    discard,
    async commit(sequence, salt) {
      await orFull(async () => {
        await file.writeDurable([encodeFileHeader(Magic.journal, { version: VERSION, salt, number, sequence })], 0);
        await disk.rename(temporary, path);
      });
      await disk.syncDir(dir);
      return new JournalFile(context, file, { number, salt, tail: FILE_HEADER_BYTES, allocated: size });
    },
  };
}

async function fillWithZeros(file: DiskFile, from: number, to: number, sliceBytes: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(sliceBytes, Math.max(0, to - from)));
  for (let at = from; at < to; at += zeros.length) {
    await file.write([zeros.subarray(0, Math.min(zeros.length, to - at))], at);
    await file.datasync();
  }
}

/**
 * The file that is appended to. It is allocated ahead of its tail in written zeros: so the disk is found full there and not in a
 * commit, and a commit changes no metadata, only blocks that exist.
 */
export class JournalFile {
  readonly number: number;
  readonly salt: number;
  readonly #context: FileContext;
  readonly #file: DiskFile;
  #tail: number;
  #allocated: number;
  /** The last try to allocate found the disk full. */
  #starved = false;
  #extending: Promise<void> | undefined;
  #retry: Timer | undefined;
  #closed = false;

  constructor(context: FileContext, file: DiskFile, at: { number: number; salt: number; tail: number; allocated: number }) {
    this.#context = context;
    this.#file = file;
    this.number = at.number;
    this.salt = at.salt;
    this.#tail = at.tail;
    this.#allocated = at.allocated;
  }

  /**
   * Takes up a file that was recovered: whatever stands behind its last record is overwritten with zeros, and all of it brought to
   * stable storage (after a kill -9 the last record may be in the page cache only).
   */
  static async resume(context: FileContext, at: { number: number; salt: number; end: number; sizeBytes: number }): Promise<JournalFile> {
    const file = await context.disk.open(journalPath(context.dir, at.number), 'modify');
    await file.datasync();
    let allocated = at.sizeBytes;
    try {
      await fillWithZeros(file, at.end, at.sizeBytes, context.sizes.sliceBytes);
    } catch (error) {
      // Only where blocks are not overwritten in place. Nothing of value is behind the tail.
      if (!isFull(error)) throw error;
      await file.truncate(at.end);
      await file.datasync();
      allocated = at.end;
    }
    const resumed = new JournalFile(context, file, { number: at.number, salt: at.salt, tail: at.end, allocated });
    resumed.#lookAhead();
    return resumed;
  }

  /** Bytes from the start of the file to where the next record goes. */
  get tail(): number {
    return this.#tail;
  }

  get allocatedBytes(): number {
    return this.#allocated;
  }

  get #ahead(): number {
    return this.#allocated - this.#tail;
  }

  /** How much to hold ahead: as much as there is, within limits, so that a small journal stays small. */
  get #goal(): number {
    const { firstStepBytes, stepBytes } = this.#context.sizes;
    return Math.min(stepBytes, Math.max(firstStepBytes, this.#tail));
  }

  get low(): boolean {
    return this.#starved && this.#ahead < this.#context.sizes.reserveBytes;
  }

  /** True when `append` needs no wait for room. */
  hasRoom(bytes: number): boolean {
    return bytes <= this.#ahead;
  }

  /** @throws DiskFullError when there is no room for a record of this size. */
  async makeRoom(bytes: number): Promise<void> {
    while (bytes > this.#ahead) {
      const running = this.#extending;
      await (running ?? this.#extend(bytes));
      // One that was running already may have had less in mind, or met the disk before it had space.
      if (running === undefined && bytes > this.#ahead) throw new DiskFullError();
    }
  }

  /**
   * Writes a record at the tail; there is room for it. On stable storage when this resolves.
   * @throws DiskFullError: the record is not in the file (only where blocks are not overwritten in place). Any other error is fatal.
   */
  async append(record: Uint8Array): Promise<void> {
    try {
      await this.#file.writeDurable([record], this.#tail);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#starved = true;
      await this.#erase(record.length);
      throw new DiskFullError();
    }
    this.#tail += record.length;
    this.#lookAhead();
  }

  /**
   * Leaves nothing of a failed write at the tail, however much of it reached the disk: neither may it be found as a record, nor may its
   * remains stand in a file that is followed by a newer one.
   */
  async #erase(length: number): Promise<void> {
    await this.#extending;
    try {
      await fillWithZeros(this.#file, this.#tail, this.#tail + length, length);
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.#file.truncate(this.#tail);
      await this.#file.datasync();
      this.#allocated = this.#tail;
    }
    this.#retryLater();
  }

  /** Allocates in the background when less is ahead than should be, or the last try failed and it is time for another. */
  #lookAhead(): void {
    const enough = !this.#starved && this.#ahead >= this.#goal / 2;
    if (enough || this.#extending !== undefined || this.#closed || this.#retry !== undefined) return;
    this.#extend(this.#goal).catch(this.#context.onFatal);
  }

  /** Allocates until `ahead` bytes are ahead of the tail, or the disk is full. One at a time. */
  #extend(ahead: number): Promise<void> {
    this.#extending ??= this.#allocate(ahead).finally(() => (this.#extending = undefined));
    return this.#extending;
  }

  async #allocate(ahead: number): Promise<void> {
    let slice = this.#context.sizes.sliceBytes;
    while (this.#ahead < ahead && !this.#closed) {
      const to = Math.ceil(Math.min(this.#tail + ahead, this.#allocated + slice) / BLOCK_BYTES) * BLOCK_BYTES;
      try {
        await fillWithZeros(this.#file, this.#allocated, to, to - this.#allocated);
        this.#allocated = to;
      } catch (error) {
        if (!isFull(error)) throw error;
        slice = Math.floor(slice / 2);
        if (slice >= SMALLEST_SLICE_BYTES) continue;
        this.#starved = true;
        this.#retryLater();
        return;
      }
    }
    this.#starved = false;
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retry?.cancel();
    this.#retry = this.#context.clock.after(this.#context.sizes.retryMs, () => {
      this.#retry = undefined;
      this.#lookAhead();
    });
  }

  /** Gives back what is allocated ahead. No record comes after this. */
  async seal(): Promise<void> {
    await this.#stopExtending();
    await this.#file.truncate(this.#tail);
    this.#allocated = this.#tail;
  }

  async close(): Promise<void> {
    await this.#stopExtending();
    await this.#file.close();
  }

  async #stopExtending(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    // Its error has been reported to onFatal already.
    await this.#extending?.catch(() => {});
  }
}
