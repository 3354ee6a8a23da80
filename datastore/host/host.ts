/**
 * The one door to the outside: time, randomness, disk and network.
 *
 * Everything below `main.ts` takes a `Host` and touches nothing else, so that a seeded simulation can
 * drive whole clusters in one process (see `testing/`). Lint forbids `node:fs`, `node:net`, `Date.now`,
 * `Math.random` and timers outside this folder.
 */

/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump; never used to order writes. */
  wallMs(): number;
  /** Monotonic milliseconds since an arbitrary start. */
  monotonicMs(): number;
  /** Runs `fn` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /** Runs `fn` in a later turn of the event loop, after pending I/O (setImmediate). */
  soon(fn: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform in [0, 2^32). */
  uint32(): number;
  bytes(length: number): Uint8Array;
}

/** An open file. Offsets and lengths in bytes. Calls reject with Node's errno errors (`code` ENOSPC, EIO, …). */
export interface DiskFile {
  /** Writes all of `chunks` at `position`. Not durable before `datasync`. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * Writes all of `chunks` at `position` and resolves when these bytes (and the size, if it grew) are on stable storage: one trip to
   * the disk instead of two. Says nothing of earlier `write`s.
   */
  writeDurable(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: when it resolves, everything written and the file's size are on stable storage. */
  datasync(): Promise<void>;
  /** Fewer bytes than `length` only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** `create`: fails if the file exists. `modify`: read and write an existing file. `read`: read only. */
  open(path: string, mode: 'create' | 'modify' | 'read'): Promise<DiskFile>;
  list(dir: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  makeDir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** fsync of a folder: makes creations, renames and removals in it durable. */
  syncDir(path: string): Promise<void>;
  /** Exclusive lock for one process; rejects if another process holds it. Released by `unlock` or by process death. */
  lock(path: string): Promise<{ unlock(): Promise<void> }>;
  /** Bytes available to this process on the file system of `path`. */
  freeBytes(path: string): Promise<number>;
}

/** One end of an established peer connection that carries whole binary messages, in order, each at most once. */
export interface Link {
  /** Queues a message. `bufferedBytes` says how much is still unsent. */
  send(message: Uint8Array): void;
  readonly bufferedBytes: number;
  /** Address of the other side, for logs. */
  readonly remote: string;
  onMessage: (message: Uint8Array) => void;
  onClose: (code: number, reason: string) => void;
  close(code: number, reason: string): void;
}

export interface Network {
  /**
   * Connects to a peer URL (`http://`, `https://`); rejects if it cannot. Its name is looked up anew each time; of several addresses each attempt begins
   * with another one.
   * @param address connects to this one instead; certificates are still checked against the URL's name
   */
  dial(url: string, address?: string): Promise<Link>;
  /** Accepts peers on a URL; resolves when listening. */
  listen(url: string, onLink: (link: Link) => void): Promise<{ close(): Promise<void> }>;
}

/** An SRV record: where a service is to be had. */
export interface ServiceRecord {
  /** Without the dot at its end. */
  readonly host: string;
  readonly port: number;
}

/** Names to addresses, as they are at the moment: nothing is kept. Rejects with an Error that says what was asked and why there is no answer. */
export interface Resolver {
  /** IPv4 and IPv6 addresses of a host: each once, sorted, at least one. An address is its own answer. */
  addresses(host: string): Promise<readonly string[]>;
  /** The SRV records of `_service._proto.name`: sorted by host and port, at least one. */
  services(name: string): Promise<readonly ServiceRecord[]>;
}

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly net: Network;
  readonly names: Resolver;
}
