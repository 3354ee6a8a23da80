/**
 * Which stamps are *stable* here (REPLICATION.md, rule 9): held durably by every member, so that no write can turn up any more whose author
 * did not know them. Only then may a deletion be forgotten.
 */
import type { Report } from './frame.ts';
import type { LogId, Stamp } from './types.ts';
import { covers } from './vector.ts';
import type { Vector } from './vector.ts';

/** `log` null: the member's present log is not known yet; then nothing is stable. */
export interface Member {
  readonly slot: number;
  readonly log: LogId | null;
}

export class Stability {
  #members: readonly Member[] = [];
  #config = 0;
  /** Members that must know of a removal: the newest removal whose log is not retired yet has this configuration. */
  #removal = 0;
  readonly #reports = new Map<LogId, Report>();
  /** Per log the highest stable Lamport counter; null: to be worked out again. */
  #frontier: Map<LogId, number> | null = null;

  get members(): readonly Member[] {
    return this.#members;
  }

  get config(): number {
    return this.#config;
  }

  /** @param removal number of the newest configuration that removed a member whose log is not retired yet; 0: none */
  setMembers(members: readonly Member[], config: number, removal: number): void {
    this.#members = members;
    this.#config = config;
    this.#removal = removal;
    this.#frontier = null;
  }

  /** Takes a report if it is newer than what is known of that member. */
  report(report: Report): void {
    const known = this.#reports.get(report.log);
    if (known !== undefined && known.number >= report.number && known.config >= report.config) return;
    this.#reports.set(report.log, report);
    this.#frontier = null;
  }

  get reports(): Iterable<Report> {
    return this.#reports.values();
  }

  reportOf(log: LogId): Report | undefined {
    return this.#reports.get(log);
  }

  forget(log: LogId): void {
    this.#reports.delete(log);
    this.#frontier = null;
  }

  /** What this replica holds has changed. */
  moved(): void {
    this.#frontier = null;
  }

  stable(stamp: Stamp, own: LogId, durable: Vector): boolean {
    this.#frontier ??= this.#compute(own, durable);
    return (this.#frontier.get(stamp.log) ?? 0) >= stamp.lamport;
  }

  #compute(own: LogId, durable: Vector): Map<LogId, number> {
    const frontier = new Map<LogId, number>();
    for (const [log, { lamport }] of durable) frontier.set(log, lamport);
    if (!this.#members.some((m) => m.log === own)) return new Map();
    for (const member of this.#members) {
      if (member.log === own) continue;
      const report = member.log === null ? undefined : this.#reports.get(member.log);
      if (report === undefined || report.config > this.#config || report.config < this.#removal) return new Map();
      // Everything the member held, not only what it wrote, must be here: it may know of a write that is still on its way.
      if (!covers(durable, report.held)) return new Map();
      for (const [log, lamport] of frontier) frontier.set(log, Math.min(lamport, report.held.get(log)?.lamport ?? 0));
    }
    return frontier;
  }
}
