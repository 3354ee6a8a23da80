import type { Clock, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';

/**
 * Frames of one peer that depend on what a third member has sent but what is not here yet. Members batch and deliver at their own pace, so
 * a frame often overtakes its cause by a few milliseconds; asking for everything that is missing each time would cost more than waiting.
 * Bounded in time and bytes; then anti-entropy brings what is missing.
 */
export class WaitingRoom {
  readonly #clock: Clock;
  /** Tries a frame again: whether it need not wait any longer, be it integrated or of no use. */
  readonly #retry: (frame: Uint8Array) => boolean;
  readonly #giveUp: () => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #timer: Timer | null = null;

  /** @param giveUp is called when frames have waited too long or are too many: ask for what is missing */
  constructor(clock: Clock, retry: (frame: Uint8Array) => boolean, giveUp: () => void) {
    this.#clock = clock;
    this.#retry = retry;
    this.#giveUp = giveUp;
  }

  /** Later frames of the same peer must wait behind those that wait. */
  get occupied(): boolean {
    return this.#frames.length > 0;
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes > limits.frame_wait_bytes) {
      this.clear();
      return this.#giveUp();
    }
    this.#timer ??= this.#clock.after(limits.frame_wait_ms, () => {
      this.#timer = null;
      this.#giveUp();
    });
  }

  /** Something has been integrated. @returns whether a frame has left */
  retry(): boolean {
    let left = 0;
    while (left < this.#frames.length && this.#retry(this.#frames[left]!)) left++;
    if (left === 0) return false;
    for (const frame of this.#frames.splice(0, left)) this.#bytes -= frame.length;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#frames.length > 0) {
      this.#timer = this.#clock.after(limits.frame_wait_ms, () => {
        this.#timer = null;
        this.#giveUp();
      });
    }
    return true;
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#frames = [];
    this.#bytes = 0;
  }
}
