/**
 * Who is asked when. On connect, after a gap and in the background, replicas compare vectors and fetch what is missing of anyone's logs,
 * so a broken link is routed around.
 *
 * One pull at a time: a replica that returns after a while would otherwise fetch the same gigabyte from everyone. When the second peer's turn
 * comes, the vector says that nothing is missing. A peer that makes no progress keeps nobody waiting for long; its answer still counts when it comes.
 */
import type { Clock, Random, Timer } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Pull, PullTurns } from './pull.ts';

export class AntiEntropy implements PullTurns {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pulls: () => readonly Pull[];
  readonly #queue: Pull[] = [];
  #current: Pull | null = null;
  #stall: Timer | null = null;
  #background: Timer | null = null;

  /** @param pulls those of the peers that are connected */
  constructor(clock: Clock, random: Random, pulls: () => readonly Pull[]) {
    this.#clock = clock;
    this.#random = random;
    this.#pulls = pulls;
  }

  run(): void {
    this.#background = this.#clock.after(limits.anti_entropy_ms * (0.5 + this.#random.float()), () => {
      const pulls = this.#pulls();
      pulls[Math.floor(this.#random.float() * pulls.length)]?.want();
      this.run();
    });
  }

  stop(): void {
    this.#background?.cancel();
    this.#stall?.cancel();
    this.#queue.length = 0;
  }

  enqueue(pull: Pull): void {
    this.#queue.push(pull);
    if (this.#current === null) this.#next();
  }

  finished(pull: Pull): void {
    const index = this.#queue.indexOf(pull);
    if (index >= 0) this.#queue.splice(index, 1);
    if (this.#current === pull) this.#next();
  }

  #next(): void {
    this.#stall?.cancel();
    this.#stall = null;
    const pull = this.#queue.shift() ?? null;
    this.#current = pull;
    if (pull === null) return;
    this.#watch(pull);
    pull.start();
  }

  #watch(pull: Pull): void {
    this.#stall = this.#clock.after(limits.pull_stall_ms, () => {
      if (this.#current !== pull) return;
      if (this.#clock.monotonicMs() - pull.progressMs >= limits.pull_stall_ms) this.#next();
      else this.#watch(pull);
    });
  }
}
