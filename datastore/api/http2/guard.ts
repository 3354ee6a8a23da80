/** What protects a connection from a peer that makes work for nothing. Each method throws `ConnectionError` when it is too much. */
import { ConnectionError, ErrorCode } from './constants.ts';

/** Streams that a client may reset, or make this side reset, at once, and how many more each second (CVE-2023-44487, CVE-2025-8671). */
const resetBurst = 10_000;
const resetPerSecond = 1_000;
/** Frames without content. */
const emptyBurst = 10_000;
const emptyPerSecond = 1_000;
/** SETTINGS; each is answered, and may change the windows of all streams. Clients send one or two. */
const settingsBurst = 1_000;
const settingsPerSecond = 10;
/** Without a stream open there is no cause at all to ping (grpc-go: defaultPingTimeout). */
const idlePingMinMs = 7_200_000;
/** grpc-go: maxPingStrikes. */
const pingStrikesMax = 2;

const calm = (what: string) => new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, what);

/** So many at once, so many more each second. */
class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  readonly #what: string;
  #left: number;
  #atMs: number;

  constructor(nowMs: () => number, burst: number, perSecond: number, what: string) {
    this.#nowMs = nowMs;
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#what = what;
    this.#left = burst;
    this.#atMs = nowMs();
  }

  take(): void {
    const now = this.#nowMs();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = now;
    if (--this.#left < 0) throw calm(this.#what);
  }
}

export class Guard {
  readonly #nowMs: () => number;
  readonly #pingMinMs: number;
  readonly #resets: Allowance;
  readonly #empty: Allowance;
  readonly #settings: Allowance;
  #pingedAtMs = Number.NEGATIVE_INFINITY;
  #pingStrikes = 0;
  /** An answer was sent since the last PING: clients ping beside answers to measure the line. */
  answered = false;

  /** @param pingMinMs how often a peer may ping without cause; 0: as often as it likes */
  constructor(nowMs: () => number, pingMinMs: number) {
    this.#nowMs = nowMs;
    this.#pingMinMs = pingMinMs;
    this.#resets = new Allowance(nowMs, resetBurst, resetPerSecond, 'too many resets');
    this.#empty = new Allowance(nowMs, emptyBurst, emptyPerSecond, 'too many empty frames');
    this.#settings = new Allowance(nowMs, settingsBurst, settingsPerSecond, 'too many settings');
  }

  /** A stream was opened and reset, by the peer or because of what it did. */
  reset(): void {
    this.#resets.take();
  }

  emptyFrame(): void {
    this.#empty.take();
  }

  settings(): void {
    this.#settings.take();
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
