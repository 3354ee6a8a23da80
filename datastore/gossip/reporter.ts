import type { Clock, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';

/**
 * Tells the peers what is durable here: soon after it changed, at most every `report_ms` unless somebody waits for it, and never when it did
 * not change.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #report: () => Uint8Array;
  readonly #send: (report: Uint8Array) => void;
  #sent: Uint8Array = new Uint8Array(0);
  #sentMs = -Infinity;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(clock: Clock, report: () => Uint8Array, send: (report: Uint8Array) => void) {
    this.#clock = clock;
    this.#report = report;
    this.#send = send;
  }

  /** Something has become durable. */
  changed(urgent: boolean): void {
    if (this.#stopped) return;
    const wait = this.#sentMs + limits.report_ms - this.#clock.monotonicMs();
    if (urgent || wait <= 0) this.#now();
    else this.#timer ??= this.#clock.after(wait, () => this.#now());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #now(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const report = this.#report();
    if (Buffer.compare(report, this.#sent) === 0) return;
    this.#sent = report;
    this.#sentMs = this.#clock.monotonicMs();
    this.#send(report);
  }
}
