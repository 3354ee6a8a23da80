/**
 * What a replica with an empty disk does before it may serve. A controller that sees an empty world deletes the real one, so an empty disk
 * never serves a cluster that exists.
 *
 *     new ──majority heard, all of them new──► ready (the cluster starts empty)
 *      │ └─somebody heard is ready──► existing
 *     existing ──an answer of a ready peer applied whole, and durable──► ready
 *
 * A replica with a disk of its own is ready from the start, alone or not. A one-member cluster that is new is ready at once.
 */
import type { Logger } from '../host/log.ts';
import type { MemberState } from './types.ts';

/** How a replica became ready. */
export type Readiness = 'own disk' | 'bootstrapped' | 'caught up';

export class Bootstrap {
  readonly #log: Logger;
  readonly #members: () => number;
  readonly #changed: (state: MemberState) => void;
  readonly #heard = new Map<string, MemberState>();
  #state: MemberState;
  #resolve!: (how: Readiness) => void;
  /** Resolves when this replica may serve. */
  readonly ready: Promise<Readiness>;

  /**
   * @param members how many members are configured, this one included
   * @param changed is called with each new state, before `ready` resolves
   */
  constructor(state: MemberState, members: () => number, log: Logger, changed: (state: MemberState) => void) {
    this.#state = state;
    this.#members = members;
    this.#log = log;
    this.#changed = changed;
    this.ready = new Promise((resolve) => (this.#resolve = resolve));
    if (state === 'ready') this.#resolve('own disk');
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Looks whether nothing need be waited for. Call it once everything is wired. */
  start(): void {
    this.#consider();
  }

  /** A member has said how far it is. */
  heard(name: string, state: MemberState): void {
    this.#heard.set(name, state);
    this.#consider();
  }

  /** A member has left the configuration. */
  forget(name: string): void {
    if (this.#heard.delete(name)) this.#consider();
  }

  /** Everything that this peer held is on stable storage here. */
  caughtUp(name: string): void {
    if (this.#state === 'existing' && this.#heard.get(name) === 'ready') {
      this.#log.info('caught up with the cluster', { peer: name });
      this.#become('ready');
      this.#resolve('caught up');
    }
  }

  #consider(): void {
    if (this.#state !== 'new') return;
    const states = [...this.#heard.values()];
    if (states.includes('ready')) {
      this.#log.info('the cluster has data already');
      return this.#become('existing');
    }
    // Whoever was told that the cluster exists may know of data that nobody here has.
    if (states.includes('existing')) return;
    if ((states.length + 1) * 2 <= this.#members()) return;
    this.#log.info('bootstrapping a new cluster', { heard: [...this.#heard.keys()] });
    this.#become('ready');
    this.#resolve('bootstrapped');
  }

  #become(state: MemberState): void {
    this.#state = state;
    this.#changed(state);
  }
}
