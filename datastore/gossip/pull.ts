/**
 * Anti-entropy with one peer, the asking side: one request at a time. The answer is one unit, so that two logs that wait for each other come
 * together; its pieces are collected and integrated as a whole.
 */
import type { Clock, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { closeReasons } from './close-codes.ts';
import type { Session } from './session.ts';
import type { Integrated, PeerStats, ReplicaPort } from './types.ts';
import type { Message } from './wire.ts';

type Chunk = Extract<Message, { type: 'chunk' }>;

/** Decides whose turn it is: see `anti-entropy.ts`. */
export interface PullTurns {
  /** Calls `pull.start()` when it is this one's turn. */
  enqueue(pull: Pull): void;
  /** It is done, or will never be. */
  finished(pull: Pull): void;
}

export interface PullEvents {
  /** An answer has been applied whole: this side holds everything that the peer held when it answered. */
  caughtUp(): void;
  /** Integrates an answer. @returns null if the session was closed over it */
  integrate(pieces: readonly Uint8Array[]): Promise<Integrated['result'] | null>;
  mismatch(): void;
}

export class Pull {
  readonly #session: Session;
  readonly #replica: ReplicaPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stats: PeerStats;
  readonly #turns: PullTurns;
  readonly #events: PullEvents;
  #state: 'idle' | 'waiting' | 'asking' = 'idle';
  /** Asked for while one was under way: run again. */
  #again = false;
  #full = false;
  #request = 0;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #startedMs = -Infinity;
  #progressMs = 0;
  #integrating = false;
  #timer: Timer | null = null;
  #fruitless = 0;
  #stopped = false;

  constructor(session: Session, replica: ReplicaPort, clock: Clock, log: Logger, stats: PeerStats, turns: PullTurns, events: PullEvents) {
    this.#session = session;
    this.#replica = replica;
    this.#clock = clock;
    this.#log = log;
    this.#stats = stats;
    this.#turns = turns;
    this.#events = events;
  }

  /** Monotonic milliseconds of the last chunk, or of the request; now while an answer is being integrated. */
  get progressMs(): number {
    return this.#integrating ? this.#clock.monotonicMs() : this.#progressMs;
  }

  /** Something is missing here that this peer has. `full`: ask for everything. */
  want(full = false): void {
    if (this.#stopped) return;
    if (full) this.#full = true;
    if (this.#state === 'asking') this.#again = true;
    if (this.#state !== 'idle') return;
    this.#state = 'waiting';
    // Answers that did not help are not asked for in quick succession.
    const interval = limits.pull_interval_ms * 2 ** Math.min(this.#fruitless, 6);
    const wait = this.#startedMs + interval - this.#clock.monotonicMs();
    if (wait <= 0) return this.#turns.enqueue(this);
    this.#timer = this.#clock.after(wait, () => this.#turns.enqueue(this));
  }

  /** It is this pull's turn. */
  start(): void {
    if (this.#stopped || this.#state !== 'waiting') return this.#turns.finished(this);
    this.#state = 'asking';
    this.#again = false;
    this.#request++;
    this.#pieces = [];
    this.#bytes = 0;
    this.#startedMs = this.#progressMs = this.#clock.monotonicMs();
    this.#stats.pulls++;
    const full = this.#full;
    this.#full = false;
    this.#session.send({ type: 'vector', request: this.#request, full, vector: this.#replica.vector(), digest: this.#replica.digest() });
  }

  received(chunk: Chunk): void {
    if (this.#state !== 'asking' || this.#integrating || chunk.request !== this.#request) return this.#session.close(closeReasons.unexpected);
    this.#progressMs = this.#clock.monotonicMs();
    if (chunk.mismatch) this.#events.mismatch();
    this.#bytes += chunk.piece.length;
    if (this.#bytes > limits.answer_bytes) return this.#session.close(closeReasons.overloaded);
    if (chunk.piece.length > 0) this.#pieces.push(chunk.piece);
    if (!chunk.last) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    if (pieces.length === 0) return this.#finish('known', chunk.mismatch);
    this.#integrating = true;
    void this.#events.integrate(pieces).then((result) => {
      this.#integrating = false;
      if (result !== null && !this.#stopped) this.#finish(result, chunk.mismatch);
    });
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#pieces = [];
    if (this.#state !== 'idle') this.#turns.finished(this);
  }

  #finish(result: Integrated['result'], mismatch: boolean): void {
    this.#state = 'idle';
    this.#turns.finished(this);
    if (result === 'applied' || result === 'known') {
      this.#stats.pullsDone++;
      this.#fruitless = result === 'applied' || !this.#again ? 0 : this.#fruitless + 1;
      if (!mismatch) this.#events.caughtUp();
    } else {
      this.#fruitless++;
      this.#again = true;
      this.#log.warn('anti-entropy answer does not stand alone', { result });
    }
    if (this.#again || this.#full) {
      this.#again = false;
      this.want();
    }
  }
}
