/** A journal in memory: what a process would find again after a crash is `recovered`. */
import type { Clock } from '../host/host.ts';
import { DiskFullError } from '../journal/types.ts';
import type { Journal, JournalStats } from '../journal/types.ts';

export class MemoryJournal implements Journal {
  /** Everything on stable storage, in order. */
  readonly durable: Uint8Array[] = [];
  readonly stats: JournalStats = { diskBytes: 0, sinceSnapshotBytes: 0, entries: 0 };
  low = false;
  /** Appends are refused for want of space. */
  full = false;
  /** Appends wait until `release`. */
  held = false;
  appends = 0;
  readonly #clock: Pick<Clock, 'soon'> | null;
  #waiting: (() => void)[] = [];

  /** Without a clock an append is durable in the next microtask. */
  constructor(clock: Pick<Clock, 'soon'> | null = null) {
    this.#clock = clock;
  }

  append(entries: readonly Uint8Array[]): Promise<void> {
    this.appends++;
    if (this.full) return Promise.reject(new DiskFullError());
    return new Promise((resolve) => {
      const write = () => {
        for (const entry of entries) {
          this.durable.push(new Uint8Array(entry));
          this.stats.entries++;
          this.stats.sinceSnapshotBytes += entry.length;
        }
        resolve();
      };
      if (this.held) this.#waiting.push(write);
      else if (this.#clock === null) write();
      else this.#clock.soon(() => (this.held ? this.#waiting.push(write) : write()));
    });
  }

  /** Lets the oldest `count` held appends become durable. */
  release(count = this.#waiting.length): void {
    for (const write of this.#waiting.splice(0, count)) write();
  }

  /** Appends that have not become durable: a crash loses them. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async snapshot(): Promise<void> {}
  async close(): Promise<void> {}
}
