/**
 * Taking a replica out of service, so that it can be removed without a loss.
 *
 *     serving ──drain──► draining ──every other member durably holds all that is here──► drained
 *        ▲                  │                                                               │
 *        └─────undrain──────┴───────────────────────────────────────────────────────────────┘
 *
 * From the first moment clients are refused with Unavailable, which sends them to another replica, and their connections are closed, so that each
 * moves as a whole; watches resume there after a list. Leases get another keeper. A restart forgets a drain.
 */
import { errUnavailable } from './errors.ts';
import type { EtcdError } from './errors.ts';
import type { Logger } from './host/log.ts';
import type { ServingState } from './serving.ts';

export type DrainState = 'serving' | 'draining' | 'drained';

export interface DrainPorts {
  readonly serving: ServingState;
  readonly log: Logger;
  /** May clients be served at all? A replica that has not caught up with its cluster must not, drain or no drain. */
  ready(): boolean;
  /** Ends every call and closes every client connection. */
  closeClients(error: EtcdError): Promise<void>;
  /** Others keep the leases from now on. @returns how many were handed over */
  handOverLeases(): Promise<number>;
  /** Resolves with true when every other member durably holds all that is here. */
  flushed(withinMs: number, cancelled: () => boolean): Promise<boolean>;
  /** Members that lack something. */
  lacking(): readonly string[];
}

const LOOK_MS = 60_000;

export class Draining {
  readonly #ports: DrainPorts;
  #state: DrainState = 'serving';
  /** Which drain is under way: an older one has been cancelled. */
  #run = 0;
  #done: Promise<void> = Promise.resolve();
  #leaving = false;

  constructor(ports: DrainPorts) {
    this.#ports = ports;
  }

  get state(): DrainState {
    return this.#state;
  }

  /** It has asked to be a member no more: that cannot be taken back. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** For metrics. */
  get number(): number {
    return { serving: 0, draining: 1, drained: 2 }[this.#state];
  }

  lacking(): readonly string[] {
    return this.#state === 'serving' ? [] : this.#ports.lacking();
  }

  /** Begins, or goes on. Resolves when it is over, be it that it was cancelled. */
  drain(): Promise<void> {
    if (this.#state !== 'serving') return this.#done;
    this.#state = 'draining';
    this.#done = this.#drain(++this.#run);
    return this.#done;
  }

  /**
   * What follows a drain: the replica asks to be a member no more. Nobody can have written here since it was drained, for only this process knows that it is,
   * and a restart forgets it.
   * @throws EtcdError while it is not drained
   */
  async leave<T>(remove: () => Promise<T>): Promise<T> {
    if (this.#state !== 'drained') throw errUnavailable(`not drained: ${this.#state}`);
    // For good, also if it fails: what was proposed may still be decided.
    this.#leaving = true;
    return remove();
  }

  /**
   * Clients are served again.
   * @throws EtcdError once it has asked to leave
   */
  undrain(): void {
    if (this.#state === 'serving') return;
    if (this.#leaving) throw errUnavailable('the replica is leaving the cluster');
    this.#run++;
    this.#state = 'serving';
    if (this.#ports.ready()) this.#ports.serving.serve();
    else this.#ports.serving.refuse('catching up with the cluster');
    this.#ports.log.warn('the drain is cancelled');
  }

  async #drain(run: number): Promise<void> {
    const { serving, log } = this.#ports;
    const cancelled = (): boolean => run !== this.#run;
    log.warn('draining: clients are sent away');
    serving.refuse('draining');
    await this.#ports.closeClients(errUnavailable('draining'));
    const leases = await this.#ports.handOverLeases();
    log.info('leases handed over', { leases });
    while (!cancelled()) {
      if (!(await this.#ports.flushed(LOOK_MS, cancelled)) || cancelled()) continue;
      this.#state = 'drained';
      log.warn('drained: every other member durably holds all that is here');
      return;
    }
  }
}
