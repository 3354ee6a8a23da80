/**
 * A disk in memory with the promises of a real one and no more: what was not synced may be lost, torn or kept at a power loss, and changes
 * of a folder that were not synced likewise, in any combination. Faults are injected by the test.
 */
import type { Disk, DiskFile, Random } from '../host/host.ts';

export type DiskOp =
  | 'open' | 'list' | 'exists' | 'makeDir' | 'rename' | 'remove' | 'syncDir' | 'lock'
  | 'write' | 'writeDurable' | 'datasync' | 'read' | 'size' | 'truncate';

/** ENOSPC, EIO: the call fails so. crash: the machine dies in the middle of the call; nothing works until `powerLoss` or `processLoss`. */
export type DiskFault = 'ENOSPC' | 'EIO' | 'crash';

export interface MemoryDiskOptions {
  /** Decides what survives a power loss. */
  readonly random: Random;
  /** Asked before every call, with a number that counts calls from 0. */
  fault?: (op: { readonly number: number; readonly kind: DiskOp; readonly path: string; readonly bytes: number }) => DiskFault | undefined;
  /** Size of the disk; the sum of all files' sizes cannot exceed it. Default: no end. */
  capacityBytes?: number;
  /** Resolves when a call may complete: the simulation's latency. Default: at once. */
  delay?: (kind: DiskOp, bytes: number) => Promise<void>;
}

/** What a device writes whole or not at all. */
const SECTOR_BYTES = 512;
/** How far before the last durable write `certain` looks first. */
const NEAR_BYTES = 4_096;

type Change = { position: number; bytes: Uint8Array; durable: boolean } | { truncateTo: number };

interface Inode {
  /** As a running process sees it. */
  live: Bytes;
  /** As of the last datasync. */
  stable: Bytes;
  /** Changes since, in order. */
  changes: Change[];
  /** Where the last durable write ended: what is looked for is most often just before it. */
  lastEnd: number;
}

/** A change of a folder that is not durable yet. `inode` undefined: the name goes. */
type FolderChange = readonly { readonly path: string; readonly inode: Inode | undefined }[];

export class MemoryDisk implements Disk {
  readonly options: MemoryDiskOptions;
  #live = new Map<string, Inode>();
  #stable = new Map<string, Inode>();
  #folderChanges: FolderChange[] = [];
  readonly #folders = new Set<string>();
  #locks = new Set<string>();
  /** Grows with every death: handles of before are dead. */
  #life = 0;
  #calls = 0;
  #dead = false;

  constructor(options: MemoryDiskOptions) {
    this.options = options;
  }

  /** Calls so far. */
  get calls(): number {
    return this.#calls;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const inode of new Set(this.#live.values())) sum += inode.live.length;
    return sum;
  }

  /** kill -9: the process is gone, what it wrote is there, synced or not. */
  processLoss(): void {
    this.#life++;
    this.#dead = false;
    this.#locks = new Set();
  }

  /** The machine loses power and comes back: what was not synced is partly gone, as `random` has it. */
  powerLoss(): void {
    this.processLoss();
    const random = this.options.random;
    const orderly = random.float() < 0.5;
    let cut = Math.floor(random.float() * (this.#folderChanges.length + 1));
    for (const change of this.#folderChanges) {
      const kept = orderly ? cut-- > 0 : random.float() < 0.5;
      if (kept) applyFolderChange(this.#stable, change);
    }
    this.#folderChanges = [];
    for (const inode of new Set([...this.#stable.values(), ...this.#live.values()])) surviveTorn(inode, random);
    this.#live = new Map(this.#stable);
  }

  /** A disk with the same content, for trying out several continuations. Everything counts as durable in it. */
  copy(options: MemoryDiskOptions = this.options): MemoryDisk {
    const disk = new MemoryDisk(options);
    for (const folder of this.#folders) disk.#folders.add(folder);
    for (const [path, inode] of this.#live) {
      const copied = { live: inode.live.copy(), stable: inode.live.copy(), changes: [], lastEnd: 0 };
      disk.#live.set(path, copied);
      disk.#stable.set(path, copied);
    }
    return disk;
  }

  /** Whether these bytes would survive any power loss now: they are in a file whose name and content are both durable. */
  certain(bytes: Uint8Array): boolean {
    const wanted = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const inode of new Set(this.#stable.values())) {
      const content = inode.stable.view();
      const all = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
      if (all.subarray(Math.max(0, inode.lastEnd - NEAR_BYTES - wanted.length), inode.lastEnd).includes(wanted)) return true;
      if (all.includes(wanted)) return true;
      for (const change of inode.changes) if ('durable' in change && change.durable && Buffer.from(change.bytes).includes(wanted)) return true;
    }
    return false;
  }

  /** The bytes of a file as they are now, for tests that damage them. */
  peek(path: string): Uint8Array {
    return this.#find(path).live.view().slice();
  }

  /** Puts a file there, durably, behind everyone's back. */
  poke(path: string, content: Uint8Array): void {
    const inode = { live: Bytes.of(content), stable: Bytes.of(content), changes: [], lastEnd: 0 };
    this.#live.set(path, inode);
    this.#stable.set(path, inode);
    this.#folders.add(folderOf(path));
  }

  async open(path: string, mode: 'create' | 'modify' | 'read'): Promise<DiskFile> {
    await this.#call('open', path, 0);
    if (mode === 'create') {
      if (this.#live.has(path)) throw errno('EEXIST', path);
      if (!this.#folders.has(folderOf(path))) throw errno('ENOENT', path);
      const inode: Inode = { live: new Bytes(), stable: new Bytes(), changes: [], lastEnd: 0 };
      this.#changeFolder([{ path, inode }]);
    }
    return this.#handle(path, this.#find(path), mode === 'read');
  }

  async list(dir: string): Promise<string[]> {
    await this.#call('list', dir, 0);
    if (!this.#folders.has(dir)) throw errno('ENOENT', dir);
    const names = [...this.#live.keys()].filter((path) => folderOf(path) === dir).map((path) => path.slice(dir.length + 1));
    const folders = [...this.#folders].filter((path) => path !== dir && folderOf(path) === dir).map((path) => path.slice(dir.length + 1));
    return [...names, ...folders];
  }

  async exists(path: string): Promise<boolean> {
    await this.#call('exists', path, 0);
    return this.#live.has(path) || this.#folders.has(path);
  }

  /** Durable at once: what is made once at the start of a data folder's life is not worth modelling. */
  async makeDir(path: string): Promise<void> {
    await this.#call('makeDir', path, 0);
    for (let folder = path; folder !== '' && folder !== '.' && folder !== '/'; folder = folderOf(folder)) this.#folders.add(folder);
  }

  async rename(from: string, to: string): Promise<void> {
    const crash = await this.#begin('rename', from, 0);
    const inode = this.#find(from);
    this.#changeFolder([{ path: from, inode: undefined }, { path: to, inode }]);
    this.#end(crash);
  }

  async remove(path: string): Promise<void> {
    const crash = await this.#begin('remove', path, 0);
    this.#find(path);
    this.#changeFolder([{ path, inode: undefined }]);
    this.#end(crash);
  }

  async syncDir(path: string): Promise<void> {
    await this.#call('syncDir', path, 0);
    if (!this.#folders.has(path)) throw errno('ENOENT', path);
    const synced = (change: FolderChange): boolean => change.some((step) => folderOf(step.path) === path);
    for (const change of this.#folderChanges) if (synced(change)) applyFolderChange(this.#stable, change);
    this.#folderChanges = this.#folderChanges.filter((change) => !synced(change));
  }

  async lock(path: string): Promise<{ unlock(): Promise<void> }> {
    await this.#call('lock', path, 0);
    if (this.#locks.has(path)) throw new Error(`${path} is held by another process`);
    const locks = this.#locks.add(path);
    return { unlock: async () => void locks.delete(path) };
  }

  async freeBytes(_path: string): Promise<number> {
    return Math.max(0, (this.options.capacityBytes ?? Number.MAX_SAFE_INTEGER) - this.usedBytes);
  }

  #handle(path: string, inode: Inode, readOnly: boolean): DiskFile {
    const life = this.#life;
    let open = true;
    const begin = async (kind: DiskOp, bytes: number): Promise<boolean> => {
      const check = (): void => {
        if (life !== this.#life) throw errno('ECRASHED', path);
        if (!open) throw errno('EBADF', path);
        if (readOnly && kind !== 'read' && kind !== 'size') throw errno('EBADF', path);
      };
      check();
      const crash = await this.#begin(kind, path, bytes);
      check();
      return crash;
    };
    const write = async (kind: 'write' | 'writeDurable', chunks: readonly Uint8Array[], position: number): Promise<void> => {
      const bytes = Buffer.concat(chunks);
      const crash = await begin(kind, bytes.length);
      const room = (this.options.capacityBytes ?? Number.MAX_SAFE_INTEGER) - this.usedBytes;
      const fits = Math.max(0, Math.min(bytes.length, inode.live.length + room - position));
      const written = bytes.subarray(0, fits);
      inode.live.write(written, position);
      const durable = kind === 'writeDurable' && !crash && fits === bytes.length;
      if (durable) inode.lastEnd = position + fits;
      if (durable && inode.changes.length === 0) inode.stable.write(written, position);
      else inode.changes.push({ position, bytes: written, durable });
      this.#end(crash);
      if (fits < bytes.length) throw errno('ENOSPC', path);
    };
    return {
      write: (chunks, position) => write('write', chunks, position),
      writeDurable: (chunks, position) => write('writeDurable', chunks, position),
      datasync: async () => {
        const crash = await begin('datasync', 0);
        this.#end(crash);
        for (const change of inode.changes) {
          if ('truncateTo' in change) inode.stable.truncate(change.truncateTo);
          else inode.stable.write(change.bytes, change.position);
        }
        inode.changes = [];
      },
      read: async (position, length) => {
        this.#end(await begin('read', length));
        return inode.live.view().slice(position, position + length);
      },
      size: async () => {
        this.#end(await begin('size', 0));
        return inode.live.length;
      },
      truncate: async (length) => {
        const crash = await begin('truncate', 0);
        inode.live.truncate(length);
        inode.changes.push({ truncateTo: length });
        this.#end(crash);
      },
      close: async () => {
        open = false;
      },
    };
  }

  async #call(kind: DiskOp, path: string, bytes: number): Promise<void> {
    this.#end(await this.#begin(kind, path, bytes));
  }

  /** Counts the call, waits its latency, throws its fault. @returns true if the machine is to die in the middle of it. */
  async #begin(kind: DiskOp, path: string, bytes: number): Promise<boolean> {
    const life = this.#life;
    if (this.#dead) throw errno('ECRASHED', path);
    const fault = this.options.fault?.({ number: this.#calls++, kind, path, bytes });
    await this.options.delay?.(kind, bytes);
    if (this.#dead || life !== this.#life) throw errno('ECRASHED', path);
    if (fault === 'ENOSPC' || fault === 'EIO') throw errno(fault, path);
    return fault === 'crash';
  }

  #end(crash: boolean): void {
    if (!crash) return;
    this.#dead = true;
    throw errno('ECRASHED', 'the machine is off');
  }

  #changeFolder(change: FolderChange): void {
    applyFolderChange(this.#live, change);
    this.#folderChanges.push(change);
  }

  #find(path: string): Inode {
    const inode = this.#live.get(path);
    if (inode === undefined) throw errno('ENOENT', path);
    return inode;
  }
}

function applyFolderChange(names: Map<string, Inode>, change: FolderChange): void {
  for (const { path, inode } of change) {
    if (inode === undefined) names.delete(path);
    else names.set(path, inode);
  }
}

/** What is left of a file: its stable bytes, and of each later change none, all, or some sectors. */
function surviveTorn(inode: Inode, random: Random): void {
  const left = inode.stable.copy();
  for (const change of inode.changes) {
    if ('truncateTo' in change) {
      if (random.float() < 0.5) left.truncate(change.truncateTo);
    } else if (change.durable) {
      left.write(change.bytes, change.position);
    } else {
      writeTorn(left, change.bytes, change.position, random);
    }
  }
  inode.stable = left;
  inode.live = left.copy();
  inode.changes = [];
}

function writeTorn(to: Bytes, bytes: Uint8Array, position: number, random: Random): void {
  const share = [0, 1, random.float()][Math.floor(random.float() * 3)]!;
  for (let from = 0; from < bytes.length; ) {
    const end = Math.min(bytes.length, from + SECTOR_BYTES - ((position + from) % SECTOR_BYTES));
    if (random.float() < share) to.write(bytes.subarray(from, end), position + from);
    from = end;
  }
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
}

function errno(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** Bytes that grow. Beyond their length they are zero. */
class Bytes {
  #buffer = new Uint8Array(0);
  length = 0;

  static of(content: Uint8Array): Bytes {
    const bytes = new Bytes();
    bytes.write(content, 0);
    return bytes;
  }

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(end, this.#buffer.length * 2));
      grown.set(this.view());
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, position);
    this.length = Math.max(this.length, end);
  }

  truncate(length: number): void {
    if (length < this.length) this.#buffer.fill(0, length, this.length);
    else this.write(new Uint8Array(length - this.length), this.length);
    this.length = length;
  }

  copy(): Bytes {
    return Bytes.of(this.view());
  }
}
