import type { Clock, Timer } from '../host/host.ts';

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

/** etcd checks a revision-based compactor every 5 minutes, a periodic one ten times per retention, at most hourly. */
const REVISION_INTERVAL_MS = 5 * 60_000;
const SAMPLES = 10;

export class AutoCompaction {
  private readonly samples: number[] = [];
  private timer: Timer | null = null;
  private readonly clock: Clock;
  private readonly target: Compactable;
  private readonly options: AutoCompactionOptions;
  private readonly onError: (error: unknown) => void;

  constructor(clock: Clock, target: Compactable, options: AutoCompactionOptions, onError: (error: unknown) => void) {
    this.clock = clock;
    this.target = target;
    this.options = options;
    this.onError = onError;
  }

  run(): void {
    if (this.options.mode === 'off' || this.options.retention <= 0) return;
    const interval = this.options.mode === 'revision' ? REVISION_INTERVAL_MS : Math.min(3_600_000, this.options.retention) / SAMPLES;
    const tick = () => {
      void this.tick().finally(() => {
        if (this.timer) this.timer = this.clock.after(interval, tick);
      });
    };
    this.timer = this.clock.after(interval, tick);
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  /** One look at the clock: remembers the present revision, compacts what has been present long enough. */
  private async tick(): Promise<void> {
    try {
      const revision = this.due();
      // 0: nothing is due; a store that was never compacted says -1.
      if (revision > Math.max(0, this.target.compactedRevision)) await this.target.compactTo(revision);
    } catch (error) {
      this.onError(error);
    }
  }

  private due(): number {
    if (this.options.mode === 'revision') return this.target.revisionBefore(this.options.retention);
    this.samples.push(this.target.visibleRevision);
    const needed = Math.max(SAMPLES, Math.ceil((this.options.retention * SAMPLES) / Math.min(3_600_000, this.options.retention)));
    return this.samples.length > needed ? (this.samples.shift() ?? 0) : 0;
  }
}
