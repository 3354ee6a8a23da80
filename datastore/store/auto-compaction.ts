import type { Clock, Timer } from '../host/host.ts';
import { Reader, Writer } from '../bytes.ts';

/**
 * When history is compacted without a client asking, by etcd's `--auto-compaction-mode` and `--auto-compaction-retention`:
 * `periodic` keeps what is younger than the retention, `revision` keeps so many revisions.
 * A replica of a cluster compacts its own history always (default: periodic, 10 min), for most replicas have no apiserver that would.
 */
export interface AutoCompactionOptions {
  readonly mode: 'periodic' | 'revision' | 'off';
  /** Milliseconds for `periodic`, a count of changes for `revision`. */
  readonly retention: number;
}

export interface Compactable {
  readonly visibleRevision: number;
  readonly compactedRevision: number;
  /** The revision that has `count` visible revisions after it, or 0 if there are not so many. */
  revisionBefore(count: number): number;
  /** Compacts; the error of a compaction that somebody else did first is not the caller's concern. */
  compactTo(revision: number): Promise<void>;
}

/** Where it is kept what was current when, so that a replica that restarts more often than the retention lasts still compacts. */
export interface KeptSamples {
  load(): Uint8Array | undefined;
  /** Resolves when durable. */
  save(body: Uint8Array): Promise<void>;
}

/** What was the current revision at a time. */
interface Sample {
  readonly revision: number;
  /** Monotonic; before this process began it may be negative. */
  readonly atMs: number;
}

/** etcd checks a revision-based compactor every 5 minutes, a periodic one ten times per retention, at most hourly. */
const REVISION_INTERVAL_MS = 5 * 60_000;
const SAMPLES = 10;

export class AutoCompaction {
  readonly #clock: Clock;
  readonly #target: Compactable;
  readonly #options: AutoCompactionOptions;
  readonly #kept: KeptSamples;
  readonly #onError: (error: unknown) => void;
  /** Oldest first; of revisions that differ. */
  #samples: Sample[] = [];
  #timer: Timer | null = null;

  constructor(clock: Clock, target: Compactable, options: AutoCompactionOptions, kept: KeptSamples, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#target = target;
    this.#options = options;
    this.#kept = kept;
    this.#onError = onError;
  }

  run(): void {
    const { mode, retention } = this.#options;
    if (mode === 'off' || retention <= 0) return;
    if (mode === 'periodic') this.#recall();
    const interval = mode === 'revision' ? REVISION_INTERVAL_MS : Math.min(3_600_000, retention) / SAMPLES;
    const tick = () => {
      void this.#tick().finally(() => {
        if (this.#timer) this.#timer = this.#clock.after(interval, tick);
      });
    };
    this.#timer = this.#clock.after(0, tick);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** One look at the clock: remembers the present revision, compacts what has been present long enough. */
  async #tick(): Promise<void> {
    try {
      const revision = this.#options.mode === 'revision' ? this.#target.revisionBefore(this.#options.retention) : await this.#due();
      // 0: nothing is due; a store that was never compacted says -1.
      if (revision > Math.max(0, this.#target.compactedRevision)) await this.#target.compactTo(revision);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** What was current a retention ago, or 0. */
  async #due(): Promise<number> {
    const now = this.#clock.monotonicMs();
    const revision = this.#target.visibleRevision;
    const isOld = (sample: Sample | undefined): sample is Sample => sample !== undefined && now - sample.atMs >= this.#options.retention;
    while (isOld(this.#samples[1])) this.#samples.shift();
    const [oldest] = this.#samples;
    if (this.#samples.at(-1)?.revision !== revision) {
      this.#samples.push({ revision, atMs: now });
      await this.#kept.save(this.#encode());
    }
    return isOld(oldest) ? oldest.revision : 0;
  }

  /** `varuint count, and for each: varuint revision · varuint wall clock, ms`: another process has another monotonic clock. */
  #encode(): Uint8Array {
    const wallOf = (sample: Sample): number => Math.max(0, Math.floor(this.#clock.wallMs() - this.#clock.monotonicMs() + sample.atMs));
    const w = new Writer().varuint(this.#samples.length);
    for (const sample of this.#samples) w.varuint(sample.revision).varuint(wallOf(sample));
    return w.take();
  }

  /** What an earlier process saw. A wall clock that was set back makes it look younger, and one that was set forward older, than it is. */
  #recall(): void {
    const body = this.#kept.load();
    if (body === undefined) return;
    const r = new Reader(body);
    const now = this.#clock.monotonicMs();
    const wallNow = this.#clock.wallMs();
    for (let left = r.varuint(); left > 0; left--) {
      const revision = r.varuint();
      this.#samples.push({ revision, atMs: now - Math.max(0, wallNow - r.varuint()) });
    }
  }
}
