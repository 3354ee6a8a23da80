import type { Clock, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';
import { encodeMessage } from './wire.ts';

/** Frames that go to the peers together, encoded once for all of them. */
export interface Batch {
  readonly message: Uint8Array;
  readonly frames: number;
  /** When the first of them was made, now and then (`made` in wire.ts). */
  readonly made: Uint8Array | null;
}

/**
 * Collects own frames: a frame that comes after a pause goes out at once, those that follow closely wait for each other, at most
 * `push_batch_ms`. So a single write is not delayed, and many cost few messages (10 KB to each of two peers
 * cost nearly as much of the processor as all the rest of a write).
 */
export class Batcher {
  readonly #clock: Clock;
  readonly #send: (batch: Batch) => void;
  #frames: Uint8Array[] = [];
  /** Of the first frame that waits. */
  #first: { clock: number; wallMs: number } | null = null;
  #madeMs = -Infinity;
  #bytes = 0;
  #lastMs = -Infinity;
  #timer: Timer | null = null;
  /** Clients wait for the peers' reports: nothing waits here, and reports are asked for at once. */
  ackWanted = false;

  constructor(clock: Clock, send: (batch: Batch) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** @param clock of the own log after the frame */
  add(frame: Uint8Array, clock: number): void {
    // A batch must fit into a message.
    if (this.#bytes + frame.length > limits.frame_bytes / 2) this.flush();
    this.#first ??= { clock, wallMs: Math.max(0, Math.floor(this.#clock.wallMs())) };
    this.#frames.push(frame);
    this.#bytes += frame.length;
    const wait = this.ackWanted ? 0 : this.#lastMs + limits.push_batch_ms - this.#clock.monotonicMs();
    if (wait <= 0 || this.#bytes >= limits.push_batch_bytes) this.flush();
    else this.#timer ??= this.#clock.after(wait, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#frames.length === 0) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    this.#lastMs = this.#clock.monotonicMs();
    const first = this.#first;
    this.#first = null;
    const tell = first !== null && this.#lastMs - this.#madeMs >= limits.made_ms;
    if (tell) this.#madeMs = this.#lastMs;
    this.#send({
      message: encodeMessage({ type: 'frames', ackWanted: this.ackWanted, frames }),
      frames: frames.length,
      made: tell ? encodeMessage({ type: 'made', ...first }) : null,
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#frames = [];
  }
}
