/**
 * Writes down what keys with several heads come to, so that they have one head again (REPLICATION.md, rule 4): only when all heads are stable, for a merge
 * record changes the outcome for heads that are still on their way; by the owner of the highest, or, if that is no member any more, the lowest member. It changes
 * nothing that anybody sees.
 */
import type { Clock, Timer } from '../host/host.ts';
import type { Contest, Contests } from '../keyspace/contest.ts';
import { limits } from '../limits.ts';
import type { Key, LogId, Stamp, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';

export interface MergeRecordsPort {
  /** null: nothing merges. */
  readonly contests: Contests | null;
  commit(write: Write): void;
  /** May this replica write now? */
  ready(): boolean;
  stable(stamp: Stamp): boolean;
  /** The log that this replica writes. */
  self(): LogId;
  /** The logs that the members write. */
  members(): readonly LogId[];
}

export class MergeRecords {
  readonly #clock: Clock;
  readonly #port: MergeRecordsPort;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(clock: Clock, port: MergeRecordsPort) {
    this.#clock = clock;
    this.#port = port;
  }

  run(): void {
    if (this.#port.contests === null || this.#timer !== null) return;
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(limits.merge_look_ms, () => {
      this.#look();
      this.#later();
    });
  }

  #look(): void {
    const { contests } = this.#port;
    if (contests === null || contests.size === 0 || !this.#port.ready()) return;
    const members = this.#port.members();
    const self = this.#port.self();
    const lowest = members.reduce((a, b) => Math.min(a, b), Infinity);
    const until = this.#clock.monotonicMs() + limits.slice_ms;
    let written = 0;
    for (const [key, contest] of [...contests.entries()]) {
      if (written >= limits.merge_batch || this.#clock.monotonicMs() > until) return;
      const { log } = contest.top.record;
      if ((members.includes(log) ? log : lowest) !== self) continue;
      if (!contest.heads.every(({ record }) => this.#port.stable(record))) continue;
      this.#port.commit(recordOf(contests, key, contest));
      written++;
    }
  }
}

function recordOf({ merger }: Contests, key: Key, contest: Contest): Write {
  const result = contest.evaluate(merger);
  const info = merger.written(result);
  const value = result.value === null ? null : new Uint8Array(result.value);
  return { space: Space.client, key, value, lease: contest.leaseOf(result), merged: true, ...(info === null ? {} : { info }) };
}
