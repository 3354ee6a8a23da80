import * as fs from 'node:fs';
import { promises as fsp } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Disk, DiskFile } from './host.ts';
import { lockPath } from './node-lock.ts';

/** Above this many chunks they are joined first: the kernel takes 1,024 at a time, and each call would be a sync of its own. */
const CHUNKS_MAX = 1_000;
/** A durable write of up to this many bytes, on a disk that usually takes less than this long for one, is waited for awake. */
const AWAKE_BYTES = 4_096;
const AWAKE_MS = 0.2;
/** With one processor the thread that writes needs it. */
const otherProcessor = availableParallelism() > 1;

/** One folder at a time: Node's own recursion never ends where a file system says ENOENT of a folder whose parent is there (/proc). */
async function makeDir(path: string): Promise<void> {
  const make = (): Promise<boolean> => fsp.mkdir(path, { mode: 0o700 }).then(() => true, async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST' && (await fsp.stat(path)).isDirectory()) return false;
    throw error;
  });
  const parent = dirname(path);
  const made = await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || parent === path) throw error;
    await makeDir(parent);
    return make();
  });
  // A folder that was made is not there after a power loss unless its parent is synced.
  if (made) await syncDir(parent);
}

/** Node's file system. Journal writes use the callback API: it is half the price of FileHandle's promises. */
export const nodeDisk: Disk = {
  async open(path, mode) {
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    const flags = mode === 'read' ? O_RDONLY : mode === 'modify' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
    return new NodeFile(path, await openDescriptor(path, flags));
  },
  list: (dir) => fsp.readdir(dir),
  async exists(path) {
    try {
      await fsp.stat(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  },
  makeDir,
  rename: (from, to) => fsp.rename(from, to),
  remove: (path) => fsp.rm(path),
  syncDir,
  lock: lockPath,
  async freeBytes(path) {
    const { bavail, bsize } = await fsp.statfs(path);
    return bavail * bsize;
  },
};

async function syncDir(path: string): Promise<void> {
  const folder = await fsp.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;
  /** The same file opened with O_DSYNC, on first use. */
  #durable: Promise<number> | undefined;
  #durableDescriptor = -1;
  /** How long a small durable write takes, smoothed; at first unknown, so rather long. */
  #usualMs = 2 * AWAKE_MS;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return writeAll(this.#descriptor, chunks, position);
  }

  writeDurable(chunks: readonly Uint8Array[], position: number): Promise<void> {
    if (this.#durableDescriptor >= 0) {
      const written = writeAll(this.#durableDescriptor, chunks, position);
      if (otherProcessor && chunks.length === 1 && chunks[0]!.length <= AWAKE_BYTES) this.#stayAwake(written);
      return written;
    }
    return this.#openDurable().then((descriptor) => writeAll(descriptor, chunks, position));
  }

  /**
   * To be woken up costs a thread up to 50 µs, half as much as a fast disk needs for the write that it waits for. So the event loop goes round
   * without sleeping, and does what else there is, until the write is done or takes longer than usual.
   */
  #stayAwake(written: Promise<void>): void {
    const begunMs = performance.now();
    let waiting = true;
    const done = (): void => {
      waiting = false;
      this.#usualMs += (Math.min(performance.now() - begunMs, 10 * AWAKE_MS) - this.#usualMs) / 16;
    };
    written.then(done, done);
    if (this.#usualMs > AWAKE_MS) return;
    const again = (): void => {
      if (waiting && performance.now() - begunMs < AWAKE_MS) setImmediate(again);
    };
    setImmediate(again);
  }

  async #openDurable(): Promise<number> {
    // By way of the open descriptor where there is a /proc, so that it is this very file even if it has been renamed since.
    const path = process.platform === 'linux' ? `/proc/self/fd/${this.#descriptor}` : this.#path;
    this.#durable ??= openDescriptor(path, fs.constants.O_RDWR | fs.constants.O_DSYNC);
    return (this.#durableDescriptor = await this.#durable);
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const got = await readSome(this.#descriptor, bytes, done, position + done);
      if (got === 0) return bytes.subarray(0, done);
      done += got;
    }
    return bytes;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#descriptor, length, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    if (this.#durable !== undefined) await closeDescriptor(await this.#durable);
    await closeDescriptor(this.#descriptor);
  }
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

function closeDescriptor(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(descriptor, (error) => (error ? reject(error) : resolve()));
  });
}

function readSome(descriptor: number, into: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, into, offset, into.length - offset, position, (error, got) => (error ? reject(error) : resolve(got)));
  });
}

/** Writes everything, going on after short writes (the kernel makes one just before ENOSPC). */
function writeAll(descriptor: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  const bytes = chunks.length === 1 ? chunks[0]! : chunks.length > CHUNKS_MAX ? Buffer.concat(chunks) : undefined;
  return new Promise((resolve, reject) => {
    if (bytes === undefined) {
      const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      fs.writev(descriptor, chunks, position, (error, written) => {
        if (error) reject(error);
        else if (written === total) resolve();
        else writeRest(Buffer.concat(chunks), written);
      });
    } else {
      writeRest(bytes, 0);
    }
    function writeRest(rest: Uint8Array, from: number): void {
      if (from === rest.length) return resolve();
      fs.write(descriptor, rest, from, rest.length - from, position + from, (error, written) => {
        if (error) reject(error);
        else writeRest(rest, from + written);
      });
    }
  });
}
