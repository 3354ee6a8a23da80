/**
 * What a replica with an empty disk does before it may serve. A controller that sees an empty world deletes the real one, so an empty disk
 * never serves a cluster that exists.
 *
 *     new ──majority heard, all of them new──► ready (the cluster starts empty)
 *      │ └─somebody heard is ready──► existing
 *     existing ──an answer of a ready peer applied whole, and durable──► ready
 *
 * Nobody is told "ready" before it is durable: the others would wait for data that nobody has if this replica died before.
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
  readonly #begin: ((how: Readiness) => Promise<void>) | null;
  readonly #heard = new Map<string, MemberState>();
  #state: MemberState;
  /** It is being made durable that this replica is ready. */
  #beginning = false;
  #resolve!: (how: Readiness) => void;
  #reject!: (error: unknown) => void;
  /** Resolves when this replica may serve. Rejects as `begin` does. */
  readonly ready: Promise<Readiness>;

  /**
   * @param members how many members are configured, this one included
   * @param changed is called with each new state, before `ready` resolves
   * @param begin makes durable that this replica is ready; null: there is nothing to be done
   */
  constructor(state: MemberState, members: () => number, log: Logger, changed: (state: MemberState) => void, begin: ((how: Readiness) => Promise<void>) | null = null) {
    this.#state = state;
    this.#members = members;
    this.#log = log;
    this.#changed = changed;
    this.#begin = begin;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => {});
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
    if (this.#state === 'existing' && !this.#beginning && this.#heard.get(name) === 'ready') {
      this.#log.info('caught up with the cluster', { peer: name });
      this.#ready('caught up');
    }
  }

  #consider(): void {
    if (this.#state !== 'new' || this.#beginning) return;
    const states = [...this.#heard.values()];
    if (states.includes('ready')) {
      this.#log.info('the cluster has data already');
      return this.#become('existing');
    }
    // Whoever was told that the cluster exists may know of data that nobody here has.
    if (states.includes('existing')) return;
    if ((states.length + 1) * 2 <= this.#members()) return;
    this.#log.info('bootstrapping a new cluster', { heard: [...this.#heard.keys()] });
    this.#ready('bootstrapped');
  }

  #ready(how: Readiness): void {
    const ready = (): void => {
      this.#become('ready');
      this.#resolve(how);
    };
    if (this.#begin === null) return ready();
    this.#beginning = true;
    this.#begin(how).then(ready, this.#reject);
  }

  #become(state: MemberState): void {
    this.#state = state;
    this.#changed(state);
  }
}
