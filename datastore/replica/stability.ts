/**
 * Which stamps are *stable* here (REPLICATION.md, rule 9): held durably by every member, so that no write can turn up any more whose author
 * did not know them. Only then may a deletion be forgotten.
 */
import type { Report } from './frame.ts';
import type { Retirements } from './retirements.ts';
import type { LogId, Stamp } from './types.ts';
import type { Vector } from './vector.ts';

/** `log` null: the member's present log is not known yet; then nothing is stable. */
export interface Member {
  readonly slot: number;
  readonly log: LogId | null;
}

/** What is on stable storage here. */
export interface Standing {
  readonly vector: Vector;
  readonly config: number;
  /** `at` of the newest retirement. */
  readonly newest: number;
}

export interface StabilityPorts {
  own(): LogId;
  durable(): Standing;
  /** Is all of it durable here, or retired? */
  covers(held: Vector): boolean;
  readonly retired: Retirements;
}

export class Stability {
  readonly #ports: StabilityPorts;
  #members: readonly Member[] = [];
  #config = 0;
  readonly #reports = new Map<LogId, Report>();
  /** Per log the highest stable Lamport counter; null: to be worked out again. */
  #frontier: Map<LogId, number> | null = null;
  /** Retirements that all know. */
  #retired = 0;

  constructor(ports: StabilityPorts) {
    this.#ports = ports;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get config(): number {
    return this.#config;
  }

  isMember(log: LogId): boolean {
    return this.#members.some((m) => m.log === log);
  }

  /** @param config number of the configuration of the membership in which these are the members */
  setMembers(members: readonly Member[], config: number): void {
    this.#members = members;
    this.#config = config;
    this.#frontier = null;
  }

  /** Takes a report if it is newer than what is known of that member. */
  report(report: Report): void {
    const known = this.#reports.get(report.log);
    if (known !== undefined && known.number >= report.number && known.config >= report.config && known.newest >= report.newest) return;
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

  /**
   * The reports of all other members, if nobody can have anything up its sleeve: all know the same configuration as this replica, so nobody has
   * taken a frame from somebody whose removal is known here; and all that any of them held is here, not only what it wrote.
   *
   * The rule asks for less, that each member's report knows the removal of each log that is not retired. The same configuration includes that, and
   * what it does not: a member that knows of the first of two removals, and not of the second, still takes from the one what the other wrote.
   * @returns null if it is not so
   */
  agreed(): readonly Report[] | null {
    const own = this.#ports.own();
    const { config, newest } = this.#ports.durable();
    if (config !== this.#config || !this.isMember(own)) return null;
    const reports: Report[] = [];
    for (const member of this.#members) {
      if (member.log === own) continue;
      const report = member.log === null ? undefined : this.#reports.get(member.log);
      if (report === undefined || report.config !== config || report.newest > newest || !this.#ports.covers(report.held)) return null;
      reports.push(report);
    }
    return reports;
  }

  stable(stamp: Stamp): boolean {
    if (this.#frontier === null) this.#compute();
    // What had been written in a log when it was retired, everybody held who knows that it was.
    const retired = this.#ports.retired.get(stamp.log);
    if (retired !== undefined) return retired.at <= this.#retired;
    return (this.#frontier!.get(stamp.log) ?? 0) >= stamp.lamport;
  }

  #compute(): void {
    const reports = this.agreed();
    const frontier = new Map<LogId, number>();
    this.#frontier = frontier;
    this.#retired = 0;
    if (reports === null) return;
    const { vector, newest } = this.#ports.durable();
    this.#retired = reports.reduce((least, report) => Math.min(least, report.newest), newest);
    for (const [log, { lamport }] of vector) {
      frontier.set(log, reports.reduce((least, { held }) => Math.min(least, held.get(log)?.lamport ?? 0), lamport));
    }
  }
}
