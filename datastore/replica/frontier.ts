/**
 * How long what this replica may forget has stood still: the age of its oldest own write that is not stable (stability.ts). As long as nobody is away that is
 * about as long as the way there and back takes; while a member is away it grows, and every deletion is kept.
 */
import type { Clock, Timer } from '../host/host.ts';
import type { LogId, Stamp } from './types.ts';

/** How often it is noted how far the log is, and how many such notes are kept: a month at ever wider steps. */
const STEP_MS = 1_000;
const NOTES_MAX = 1_024;

/** The replica, as this needs it. */
export interface FrontierPort {
  readonly log: LogId;
  /** The highest Lamport counter of the own log that is durable here. */
  readonly lamport: number;
  stable(stamp: Stamp): boolean;
}

export class Frontier {
  readonly #clock: Clock;
  readonly #port: FrontierPort;
  #log: LogId;
  /** When the own log reached which counter, the oldest first. */
  #notes: { lamport: number; atMs: number }[] = [];
  #timer: Timer | null = null;

  constructor(clock: Clock, port: FrontierPort) {
    this.#clock = clock;
    this.#port = port;
    this.#log = port.log;
  }

  run(): void {
    this.#note();
    this.#timer = this.#clock.after(STEP_MS, () => this.run());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Milliseconds; what was there at the start of the process counts from then. */
  get ageMs(): number {
    this.#drop();
    const [first] = this.#notes;
    return first === undefined ? 0 : this.#clock.monotonicMs() - first.atMs;
  }

  #note(): void {
    const { log, lamport } = this.#port;
    // What the log before had is inherited, and counts there.
    if (log !== this.#log) this.#notes = [];
    this.#log = log;
    this.#drop();
    if (lamport === 0 || lamport === this.#notes.at(-1)?.lamport) return;
    if (this.#notes.length === 0 && this.#port.stable({ log, lamport })) return;
    this.#notes.push({ lamport, atMs: this.#clock.monotonicMs() });
    // Of two neighbours the later counter with the earlier time: the age is never understated.
    if (this.#notes.length > NOTES_MAX) this.#notes = this.#notes.flatMap((note, i, all) => (i % 2 === 0 ? [{ lamport: all[i + 1]?.lamport ?? note.lamport, atMs: note.atMs }] : []));
  }

  #drop(): void {
    const { log } = this.#port;
    let stable = 0;
    while (stable < this.#notes.length && this.#port.stable({ log, lamport: this.#notes[stable]!.lamport })) stable++;
    if (stable > 0) this.#notes.splice(0, stable);
  }
}
