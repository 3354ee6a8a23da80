/** What protects a connection from a peer that makes work for nothing. Each method throws `ConnectionError` when it is too much. */
import { ConnectionError, ErrorCode } from './constants.ts';

/** Resets that a client may make at once, and how many more each second (CVE-2023-44487). */
const resetBurst = 10_000;
const resetPerSecond = 1_000;
/** Frames without content that a client may send. */
const emptyMax = 10_000;
/** Without a stream open there is no cause at all to ping (grpc-go: defaultPingTimeout). */
const idlePingMinMs = 7_200_000;
/** grpc-go: maxPingStrikes. */
const pingStrikesMax = 2;

const calm = (what: string) => new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, what);

export class Guard {
  readonly #nowMs: () => number;
  readonly #pingMinMs: number;
  #resets = resetBurst;
  #resetsAtMs: number;
  #emptyFrames = 0;
  #pingedAtMs = Number.NEGATIVE_INFINITY;
  #pingStrikes = 0;
  /** An answer was sent since the last PING: clients ping beside answers to measure the line. */
  answered = false;

  /** @param pingMinMs how often a peer may ping without cause; 0: as often as it likes */
  constructor(nowMs: () => number, pingMinMs: number) {
    this.#nowMs = nowMs;
    this.#pingMinMs = pingMinMs;
    this.#resetsAtMs = nowMs();
  }

  /** A stream was opened and reset. */
  reset(): void {
    const now = this.#nowMs();
    this.#resets = Math.min(resetBurst, this.#resets + ((now - this.#resetsAtMs) / 1_000) * resetPerSecond);
    this.#resetsAtMs = now;
    if (--this.#resets < 0) throw calm('too many resets');
  }

  emptyFrame(): void {
    if (++this.#emptyFrames > emptyMax) throw calm('too many empty frames');
  }

  /** As grpc-go's EnforcementPolicy (http2Server.handlePing). */
  ping(streams: number): void {
    if (this.#pingMinMs === 0) return;
    const now = this.#nowMs();
    const sinceMs = now - this.#pingedAtMs;
    this.#pingedAtMs = now;
    if (this.answered) this.#pingStrikes = 0;
    else if (sinceMs < (streams === 0 ? idlePingMinMs : this.#pingMinMs)) this.#pingStrikes++;
    this.answered = false;
    // The text is grpc-go's: clients look for it.
    if (this.#pingStrikes > pingStrikesMax) throw calm('too_many_pings');
  }
}
