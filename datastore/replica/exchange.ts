/** What passes between this replica and others: frames and units in, answers and reports out; and what it does for all as the lowest member. */
import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import { Answer } from './answer.ts';
import type { Applied } from './applied.ts';
import type { Entry } from './entry.ts';
import { DOUBTFUL, encodeFrame, FrameKind } from './frame.ts';
import type { Frame, Report } from './frame.ts';
import type { Heir } from './heir.ts';
import type { LogDoc } from './log-doc.ts';
import { checkReplacement, toReplace } from './mending.ts';
import type { Retirement } from './retirements.ts';
import type { Stability, Standing } from './stability.ts';
import type { LogId } from './types.ts';
import type { CheckedUnit, Outcome, UnitIntake } from './unit-intake.ts';
import type { Vector } from './vector.ts';

const nothing = { retired: new Map<LogId, Retirement>(), digests: new Map<LogId, number>() };

export interface ExchangePorts {
  readonly clock: Clock;
  own(): LogDoc;
  durable(): Standing & { readonly number: number };
  /** Nobody has vouched for this disk yet. */
  held(): boolean;
  submit(entry: Entry): Promise<void>;
  flushed(): Promise<void>;
  /** Something is to be written that nobody waits for. */
  wake(): void;
}

export class Exchange {
  readonly #applied: Applied;
  readonly #stability: Stability;
  readonly #units: UnitIntake;
  readonly #heir: Heir;
  readonly #ports: ExchangePorts;
  #removed: readonly LogId[] = [];
  /**
   * The last that was heard of those. They count for nothing any more; but a copy of such a disk, which writes another log by now, learns by them that there
   * was more on its original, and so that others have forgotten what it does not know.
   */
  readonly #last = new Map<LogId, Report>();
  /** Repairs that have begun: what is pushed waits for their end. */
  #repairing = 0;
  #retiring = false;

  constructor(applied: Applied, stability: Stability, units: UnitIntake, heir: Heir, ports: ExchangePorts) {
    this.#applied = applied;
    this.#stability = stability;
    this.#units = units;
    this.#heir = heir;
    this.#ports = ports;
  }

  // ---- in

  integrate(frame: Frame): Outcome {
    const { logs } = this.#applied;
    const own = this.#ports.own();
    // After learning of a removal: what that member held may still come through others (REPLICATION.md, rule 12).
    if (this.#removed.includes(frame.sender)) return 'known';
    for (const report of frame.reports) this.reported(report);
    if (this.#units.closed || this.#repairing > 0 || this.#isFenced(frame)) return 'waiting';
    // Anti-entropy brings what the sender knows of logs that are no more.
    if (frame.newest > logs.retired.newest) return 'gap';
    const updates = logs.admit(frame, own);
    if (!Array.isArray(updates)) return updates;
    if (updates.length === 0) return 'known';
    const revisions = this.#applied.absorb(updates);
    void this.#ports.submit({ kind: 'commit', updates, revisions });
    return 'applied';
  }

  integrateUnit(pieces: Iterable<Frame>, repair: boolean): Promise<Outcome> {
    const taken = this.#units.take(pieces, (frame) => this.#admitUnit(frame), (frame) => this.#mending(frame));
    if (!repair) return taken;
    this.#repairing++;
    return taken.finally(() => this.#repairing--);
  }

  reported(report: Report): void {
    if (report.config === DOUBTFUL) return;
    if (report.log === this.#log || this.#applied.logs.retired.has(report.log)) return;
    if (!this.#removed.includes(report.log)) return this.#stability.report(report);
    if ((this.#last.get(report.log)?.number ?? -1) < report.number) this.#last.set(report.log, report);
  }

  /** @param removed logs that no member writes any more */
  setRemoved(removed: readonly LogId[]): void {
    this.#removed = removed;
    for (const log of this.#last.keys()) if (!removed.includes(log)) this.#last.delete(log);
    for (const log of removed) {
      const report = this.#stability.reportOf(log);
      if (report !== undefined && !this.#applied.logs.retired.has(log)) this.#last.set(log, report);
      this.#stability.forget(log);
    }
  }

  // ---- out

  report(): Report {
    const { number, config, newest, vector } = this.#ports.durable();
    return { log: this.#log, number, config: this.#ports.held() ? DOUBTFUL : config, newest, held: vector };
  }

  reportFrame(): Uint8Array {
    return encodeFrame({ kind: FrameKind.antiEntropy, sender: this.#log, dependencies: new Map(), updates: [], newest: this.report().newest, ...nothing, reports: this.#allReports() });
  }

  answerTo(theirs: ReadonlyMap<LogId, { readonly clock: number }> | null, pieceBytes: number | undefined, newest: number): Answer {
    const kind = theirs === null ? FrameKind.repair : FrameKind.antiEntropy;
    const { logs } = this.#applied;
    const last = (): { dependencies: Vector; newest: number; retired: ReadonlyMap<LogId, Retirement>; digests: ReadonlyMap<LogId, number>; reports: readonly Report[] } => ({
      dependencies: logs.vector(),
      newest: this.report().newest,
      retired: new Map([...logs.retired].filter(([, { at }]) => at > newest)),
      digests: theirs === null ? logs.digests() : new Map(),
      reports: this.#allReports(),
    });
    const before = { dependencies: new Map(), newest: 0, ...nothing, reports: [] };
    return new Answer({
      clock: this.#ports.clock,
      docs: logs.docs,
      settled: () => this.#units.settled,
      flushed: () => this.#ports.flushed(),
      encode: (updates, isLast) => encodeFrame({ kind, sender: this.#log, updates, ...(isLast ? last() : before) }),
    }, theirs, pieceBytes ?? limits.answer_chunk_bytes);
  }

  // ---- for all

  /** The lowest member inherits the logs of those that are no more. Called now and then. */
  inherit(): void {
    const reports = this.#isLowest() ? this.#stability.agreed() : null;
    if (reports === null) return this.#heir.rest();
    const ready = this.#heir.look(this.#removed, this.#ports.durable().config, reports);
    if (this.#heir.waiting) this.#ports.wake();
    if (ready.length === 0 || this.#retiring) return;
    this.#retiring = true;
    const done = (): void => void (this.#retiring = false);
    this.#units.retire(() => this.#retirement()).then(done, done);
  }

  /** What can be retired still can when its turn has come. */
  #retirement(): ReadonlyMap<LogId, Retirement> {
    const reports = this.#isLowest() ? this.#stability.agreed() : null;
    if (reports === null) return new Map();
    return this.#heir.retirement(this.#heir.look(this.#removed, this.#ports.durable().config, reports));
  }

  // ---- inside

  get #log(): LogId {
    return this.#ports.own().log;
  }

  #allReports(): Report[] {
    return [...this.#stability.reports, ...[...this.#last.values()].filter(({ log }) => !this.#applied.logs.retired.has(log)), this.report()];
  }

  #admitUnit(frame: Frame): CheckedUnit | Outcome {
    const { logs } = this.#applied;
    if (this.#removed.includes(frame.sender)) return 'known';
    for (const report of frame.reports) this.reported(report);
    if (this.#isFenced(frame)) return 'waiting';
    const updates = logs.admit(frame, this.#ports.own(), true);
    if (!Array.isArray(updates)) return updates;
    const { newest } = logs.retired;
    return { updates, replaced: new Set(), checks: [], retired: new Map([...frame.retired].filter(([, { at }]) => at > newest)) };
  }

  #mending(frame: Frame): CheckedUnit | null {
    const { logs } = this.#applied;
    const replaced = toReplace(logs, frame, this.#log);
    if (replaced.size === 0) return null;
    const updates = frame.updates.filter(({ log }) => replaced.has(log));
    return { updates, replaced, retired: new Map(), checks: [...replaced].map((log) => checkReplacement(logs, log, updates)) };
  }

  /**
   * More of a log whose owner was removed, from somebody who is no member: a disk that nobody has vouched for. Where that log ends is agreed
   * between the members; it waits until it is one.
   *
   * Not so for who has nothing yet: such disks may be all that is left of the cluster, and wait for this replica to vouch for them. Nothing was agreed with
   * it: no log is retired before everybody's report holds all that the heir holds, and the heir holds something (`#isLowest`).
   */
  #isFenced({ sender, updates }: Frame): boolean {
    if (this.#stability.members.length === 0 || this.#stability.isMember(sender) || this.#isEmpty()) return false;
    return updates.some(({ log, toClock }) => this.#removed.includes(log) && toClock > this.#applied.logs.clock(log));
  }

  /** Nothing that another has written is here, nor was. */
  #isEmpty(): boolean {
    const { docs, retired } = this.#applied.logs;
    return retired.size === 0 && [...docs.values()].every(({ log, clock }) => log === this.#log || clock === 0);
  }

  /** Who holds nothing at all is nobody's heir: those who hold nothing either would seem to hold everything. */
  #isLowest(): boolean {
    if (this.#ports.own().clock === 0 && this.#isEmpty()) return false;
    return this.#stability.members.every(({ log }) => log !== null && log >= this.#log) && this.#stability.isMember(this.#log);
  }
}
