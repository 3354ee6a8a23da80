/** A clock that stands still until it is told to move: what is due runs in order, at once. */
import type { Clock, Timer } from '../host/host.ts';

export class ManualClock implements Clock {
  /** Moves on by this much each time somebody looks: what works until its slice is over does a little at a time. */
  lookMs = 0;
  #now = 0;
  #soon: (() => void)[] = [];
  #timers: { at: number; seq: number; fn: () => void }[] = [];
  #seq = 0;

  wallMs(): number {
    return 1_700_000_000_000 + this.#now;
  }

  monotonicMs(): number {
    return (this.#now += this.lookMs);
  }

  soon(fn: () => void): void {
    this.#soon.push(fn);
  }

  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#now + delayMs, seq: this.#seq++, fn };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((t) => t !== timer)) };
  }

  /** Runs what `soon` has collected, not what that adds. */
  turn(): void {
    for (const fn of this.#soon.splice(0)) fn();
  }

  /** Moves time on, running timers as they come due. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      this.turn();
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now = next.at;
      next.fn();
    }
    this.#now = end;
  }

  /** So many turns, with microtasks between them. */
  async turns(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < 8; i++) await Promise.resolve();
      this.turn();
    }
  }

  /** Turns, with microtasks between them, until nothing more is waiting for a turn. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      for (let i = 0; i < 8; i++) await Promise.resolve();
      if (this.#soon.length === 0) idle++;
      else {
        idle = 0;
        this.turn();
      }
    }
  }
}
