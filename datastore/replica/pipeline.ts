/**
 * Group commit: what has been decided waits in order; when no journal write is under way, all of it goes into one. When that is on stable
 * storage, `durable` is told, then the callers, and the next group follows.
 */
import type { Clock, Timer } from '../host/host.ts';
import { DiskFullError } from '../journal/types.ts';
import type { Journal } from '../journal/types.ts';

/** One journal write. */
export interface Group {
  readonly entries: readonly Uint8Array[];
  /** Its write has just been handed over, for the first time: what the entries do not depend on is done while the disk works. */
  begun(): void;
  /** It is on stable storage. */
  durable(): void;
  /** After the callers have been told. */
  after(): void;
}

interface Waiters {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function waiters(): Waiters {
  const w = Promise.withResolvers<void>();
  w.promise.catch(() => {}); // nobody has to wait for it
  return w;
}

/** How long a full disk is left alone before the write is tried again. */
const RETRY_MS = 250;

export class Pipeline {
  readonly #clock: Clock;
  readonly #prepare: () => Group | null;
  readonly #onFatal: (error: unknown) => void;
  readonly #onFull: () => void;
  #journal: Journal | null = null;
  #next: Waiters | null = null;
  #writing: Waiters | null = null;
  #scheduled = false;
  #full = false;
  #retry: Timer | null = null;
  #failed: unknown = null;
  #stopped = false;

  /** `prepare` makes a group of all that waits (null: nothing does). `onFull`: a write found no room. */
  constructor(clock: Clock, prepare: () => Group | null, onFatal: (error: unknown) => void, onFull: () => void = () => {}) {
    this.#clock = clock;
    this.#prepare = prepare;
    this.#onFatal = onFatal;
    this.#onFull = onFull;
  }

  start(journal: Journal): void {
    this.#journal = journal;
    if (this.#next !== null) this.#schedule();
  }

  /** False while the disk is full, nearly full or broken: callers refuse new client writes. What is decided already is never lost. */
  get writable(): boolean {
    return this.#journal !== null && !this.#full && this.#failed === null && !this.#journal.low;
  }

  /** Something waits. The promise resolves once it is on stable storage, and is shared by all of its group. */
  submit(): Promise<void> {
    if (this.#failed !== null) return this.#refused();
    this.#next ??= waiters();
    this.#schedule();
    return this.#next.promise;
  }

  /** The last write found no room, and is tried again. */
  get full(): boolean {
    return this.#full;
  }

  /** Everything submitted is on stable storage. */
  get idle(): boolean {
    return this.#next === null && this.#writing === null;
  }

  /** Resolves when everything submitted so far is on stable storage. */
  flushed(): Promise<void> {
    if (this.#failed !== null) return this.#refused();
    return (this.#next ?? this.#writing)?.promise ?? Promise.resolve();
  }

  /** An invariant broke elsewhere: nothing more is written. */
  break(error: unknown): void {
    this.#fail(error);
  }

  /** The journal is about to be closed: what waits, and what comes, is not written any more. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
  }

  #refused(): Promise<void> {
    const refusal = Promise.reject(this.#failed);
    refusal.catch(() => {}); // nobody has to wait for it
    return refusal;
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== null || this.#journal === null) return;
    this.#scheduled = true;
    // Not at once: requests that arrived together go into one group.
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#writing !== null || this.#failed !== null || this.#stopped) return;
    let group: Group | null;
    const callers = this.#next ?? waiters();
    this.#next = null;
    try {
      group = this.#prepare();
    } catch (error) {
      this.#next = callers;
      return this.#fail(error);
    }
    if (group === null) return callers.resolve();
    this.#writing = callers;
    this.#write(group);
    try {
      group.begun();
    } catch (error) {
      this.#fail(error);
    }
  }

  #write(group: Group): void {
    this.#journal!.append(group.entries).then(
      () => {
        this.#full = false;
        try {
          this.#done(group);
        } catch (error) {
          this.#fail(error);
        }
      },
      (error: unknown) => {
        if (!(error instanceof DiskFullError)) return this.#fail(error);
        this.#full = true;
        this.#onFull();
        this.#retry = this.#clock.after(RETRY_MS, () => this.#write(group));
      },
    );
  }

  #done(group: Group): void {
    if (this.#failed !== null) return;
    const callers = this.#writing!;
    this.#writing = null;
    group.durable();
    callers.resolve();
    group.after();
    if (this.#next !== null && !this.#scheduled) this.#flush();
  }

  #fail(error: unknown): void {
    if (this.#failed !== null) return;
    this.#failed = error;
    this.#writing?.reject(error);
    this.#next?.reject(error);
    this.#writing = this.#next = null;
    this.#onFatal(error);
  }
}
