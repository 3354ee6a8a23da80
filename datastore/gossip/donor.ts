/**
 * What one peer gets from here: own frames as they come, and answers to its vectors.
 *
 *     silent ──vector──► answering ──last piece──► pushing ──too slow──► silent (and a nudge, once the link has drained)
 *
 * Pushed frames are of use only to a peer that has all before them. So pushing begins with the answer to a vector: frames made while the
 * answer is on its way are held, and follow it. A peer that does not keep up loses what is held for it, never this replica its memory: it is
 * told to ask again when there is room. A peer that asks while it is being pushed to is answered in between.
 */
import type { Clock, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { MalformedError } from '../bytes.ts';
import type { Batch } from './batch.ts';
import { closeReasons } from './close-codes.ts';
import type { Session } from './session.ts';
import type { AnswerPort, PeerStats, ReplicaPort } from './types.ts';
import { encodeMessage, MADE_VERSION } from './wire.ts';
import type { Message } from './wire.ts';

type Ask = Extract<Message, { type: 'vector' }>;

const NOTHING = new Uint8Array(0);

interface Answer {
  readonly request: number;
  /** The peer holds something to the same point as this replica, with other contents. */
  readonly mismatch: boolean;
  readonly source: AnswerPort;
}

export interface DonorEvents {
  /** May this peer have what is here? Not if it has nothing yet, and this disk may be an old copy: it would take what has been deleted, and forgotten, for alive. */
  mayAnswer(): boolean;
  /** A peer that holds a log to the same point has another digest of it. */
  mismatch(): void;
  /** It is about to be answered. */
  answering(): void;
}

export class Donor {
  readonly #session: Session;
  readonly #replica: ReplicaPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stats: PeerStats;
  readonly #events: DonorEvents;
  #pushing = false;
  #held: Batch[] = [];
  #heldBytes = 0;
  #overflowed = false;
  /** The answer under way; a newer request takes its place. */
  #answer: Answer | null = null;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(session: Session, replica: ReplicaPort, clock: Clock, log: Logger, stats: PeerStats, events: DonorEvents) {
    this.#session = session;
    this.#replica = replica;
    this.#clock = clock;
    this.#log = log;
    this.#stats = stats;
    this.#events = events;
  }

  /** Own frames, new here. */
  push(batch: Batch): void {
    if (this.#pushing) {
      if (this.#session.bufferedBytes + batch.message.length > limits.peer_buffer_bytes) return this.#overflow();
      return this.#send(batch);
    }
    // Without an answer under way the peer's next vector covers this.
    if (this.#answer === null || this.#overflowed) return;
    this.#held.push(batch);
    this.#heldBytes += batch.message.length;
    if (this.#heldBytes > limits.peer_buffer_bytes) this.#overflow();
  }

  /** The peer says what it holds. */
  asked(ask: Ask): void {
    // Whatever was dropped before now, the answer covers.
    this.#timer?.cancel();
    if (!this.#events.mayAnswer()) {
      // The peer asks somebody else meanwhile.
      this.#timer = this.#clock.after(limits.donor_doubt_ms, () => this.asked(ask));
      return;
    }
    this.#overflowed = false;
    this.#stats.answers++;
    this.#events.answering();
    if (ask.full) this.#stats.fullSyncs++;
    this.#abandon();
    try {
      // From here on own frames are held, whether the answer will have them or not.
      const mismatch = !ask.full && this.#replica.differs(ask.vector, ask.digest);
      if (mismatch) this.#events.mismatch();
      this.#answer = { request: ask.request, mismatch, source: this.#replica.missing(ask.full ? null : ask.vector) };
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#log.warn('peer sent a vector that cannot be read', { error });
      return this.#session.close(closeReasons.malformed);
    }
    this.#step();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#abandon();
    this.#held = [];
  }

  #abandon(): void {
    this.#answer?.source.close();
    this.#answer = null;
  }

  /** One piece a turn, so that nothing else waits long, and no faster than the link takes them. */
  #step(): void {
    const answer = this.#answer;
    if (answer === null || this.#stopped) return;
    if (this.#session.bufferedBytes > limits.answer_buffer_bytes) {
      this.#timer = this.#clock.after(limits.drain_poll_ms, () => this.#continue(answer));
      return;
    }
    answer.source.next().then(
      (piece) => {
        if (answer !== this.#answer || this.#stopped) return;
        if (piece === null) return this.#end(answer.request, answer.mismatch);
        this.#session.send({ type: 'chunk', request: answer.request, last: false, mismatch: false, piece });
        this.#clock.soon(() => this.#continue(answer));
      },
      // The journal broke: the process stops.
      () => this.stop(),
    );
  }

  #end(request: number, mismatch: boolean): void {
    this.#answer = null;
    this.#session.send({ type: 'chunk', request, last: true, mismatch, piece: NOTHING });
    this.#answered();
  }

  #continue(answer: object): void {
    if (answer === this.#answer) this.#step();
  }

  #answered(): void {
    if (this.#overflowed) return this.#awaitDrain();
    this.#pushing = true;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const batch of held) this.push(batch);
  }

  #send(batch: Batch): void {
    this.#stats.framesSent += batch.frames;
    if (batch.made !== null && (this.#session.hello?.versionMax ?? 0) >= MADE_VERSION) this.#session.sendEncoded(batch.made);
    this.#session.sendEncoded(batch.message);
  }

  #overflow(): void {
    this.#pushing = false;
    this.#overflowed = true;
    this.#held = [];
    this.#heldBytes = 0;
    this.#stats.overflows++;
    this.#log.warn('peer does not keep up, its queue is dropped');
    if (this.#answer === null) this.#awaitDrain();
  }

  #awaitDrain(): void {
    if (this.#stopped) return;
    if (this.#session.bufferedBytes > limits.answer_buffer_bytes) {
      this.#timer = this.#clock.after(limits.drain_poll_ms, () => this.#awaitDrain());
      return;
    }
    this.#overflowed = false;
    this.#session.sendEncoded(NUDGE);
  }
}

const NUDGE = encodeMessage({ type: 'nudge' });
