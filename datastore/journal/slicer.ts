import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';

/** Long work gives the event loop a turn every `limits.slice_ms`. */
export class Slicer {
  readonly #clock: Clock;
  #begunMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#begunMs = clock.monotonicMs();
  }

  /** True when it is time to `pause`. */
  get due(): boolean {
    return this.#clock.monotonicMs() - this.#begunMs >= limits.slice_ms;
  }

  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#begunMs = this.#clock.monotonicMs();
  }
}
