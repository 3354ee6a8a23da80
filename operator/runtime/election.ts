/**
 * Who of several operators works: the holder of a Lease, as client-go's leaderelection has it (15/10/2 s).
 *
 * Others' clocks are not trusted: a lease has expired when *this* process has watched it unchanged for its duration. The holder that cannot renew within the
 * renew deadline stops working, before anybody may take over. At shutdown the lease is given back, so that the next one need not wait.
 */
import type { Clock, Random } from '../../datastore/host/host.ts';
import type { Logger } from '../../datastore/host/log.ts';
import { isConflict, isNotFound } from './client.ts';
import type { KubeClient } from './client.ts';
import { microtime } from './microtime.ts';
import type { KubeObject, Resource } from './objects.ts';
import { pathOf } from './objects.ts';

export const LEASE: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' };

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Of this process; no two may have the same. */
  readonly identity: string;
  readonly onGained: () => void;
  /** It was lost: whatever works must stop at once. */
  readonly onLost: () => void;
  readonly leaseDuration_ms?: number;
  readonly renewDeadline_ms?: number;
  readonly retryPeriod_ms?: number;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

const JITTER = 1.2;

export class Election {
  readonly #options: ElectionOptions;
  readonly #lease_ms: number;
  readonly #deadline_ms: number;
  readonly #retry_ms: number;
  readonly #stop = new AbortController();
  /** What was last seen, and when this process first saw it so. */
  #seen: { readonly spec: string; readonly at_ms: number } | null = null;
  #leading = false;
  #renewed_ms = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#lease_ms = options.leaseDuration_ms ?? 15_000;
    this.#deadline_ms = options.renewDeadline_ms ?? 10_000;
    this.#retry_ms = options.retryPeriod_ms ?? 2_000;
    if (!(this.#lease_ms > this.#deadline_ms && this.#deadline_ms > this.#retry_ms * JITTER)) throw new Error('an election needs lease > deadline > retry × 1.2');
  }

  get leading(): boolean {
    return this.#leading;
  }

  run(): void {
    this.#running = this.#loop();
  }

  /** Gives the lease back, if it is held. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (!this.#leading) return;
    this.#leading = false;
    await this.#release().catch((error: unknown) => this.#options.log.warn('the lease could not be given back; the next one waits for it to expire', { error }));
  }

  async #loop(): Promise<void> {
    const { clock, random, log, onGained, onLost } = this.#options;
    while (!this.#stop.signal.aborted) {
      let held = false;
      try {
        held = await this.#tryHold();
      } catch (error) {
        if (!this.#stop.signal.aborted && !isConflict(error)) log.warn('the lease could not be written', { error });
      }
      const now = clock.monotonicMs();
      if (held) {
        this.#renewed_ms = now;
        if (!this.#leading) {
          this.#leading = true;
          log.info('holds the lease', { identity: this.#options.identity });
          onGained();
        }
      } else if (this.#leading && now - this.#renewed_ms >= this.#deadline_ms) {
        this.#leading = false;
        log.error('lost the lease');
        onLost();
        return;
      }
      await this.#pause(this.#leading ? this.#retry_ms : this.#retry_ms * (1 + (JITTER - 1) * random.float()));
    }
  }

  /** Gets the lease, renews it, or finds that it is another's. */
  async #tryHold(): Promise<boolean> {
    const { client, clock, namespace, name, identity } = this.#options;
    const now = microtime(clock.wallMs());
    const lease_s = Math.ceil(this.#lease_ms / 1_000);
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#deadline_ms / 2)]);
    let found: KubeObject;
    try {
      found = await client.call({ method: 'GET', path: pathOf(LEASE, namespace, name), signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const spec: LeaseSpec = { holderIdentity: identity, leaseDurationSeconds: lease_s, acquireTime: now, renewTime: now, leaseTransitions: 0 };
      await client.call({ method: 'POST', path: pathOf(LEASE, namespace), body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec }, signal });
      return true;
    }
    const spec = (found['spec'] ?? {}) as LeaseSpec;
    const text = JSON.stringify(spec);
    if (this.#seen?.spec !== text) this.#seen = { spec: text, at_ms: clock.monotonicMs() };
    const mine = spec.holderIdentity === identity;
    const free = spec.holderIdentity === undefined || spec.holderIdentity === '';
    // Its own duration, not ours: the holder may have been started with another.
    const expires_ms = (spec.leaseDurationSeconds ?? lease_s) * 1_000;
    if (!mine && !free && clock.monotonicMs() - this.#seen.at_ms < expires_ms) return false;
    const held: LeaseSpec = mine && spec.acquireTime !== undefined
      ? { ...spec, leaseDurationSeconds: lease_s, renewTime: now }
      : { holderIdentity: identity, leaseDurationSeconds: lease_s, acquireTime: now, renewTime: now, leaseTransitions: (spec.leaseTransitions ?? 0) + (mine ? 0 : 1) };
    // resourceVersion goes along: of two that try, one gets a conflict.
    await client.call({ method: 'PUT', path: pathOf(LEASE, namespace, name), body: { ...found, spec: held }, signal });
    return true;
  }

  async #release(): Promise<void> {
    const { client, clock, namespace, name, identity } = this.#options;
    const found = await client.call({ method: 'GET', path: pathOf(LEASE, namespace, name) });
    const spec = (found['spec'] ?? {}) as LeaseSpec;
    if (spec.holderIdentity !== identity) return;
    const now = microtime(clock.wallMs());
    await client.call({ method: 'PUT', path: pathOf(LEASE, namespace, name), body: { ...found, spec: { ...spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now } } });
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#options.clock.after(ms, end);
      signal.addEventListener('abort', end);
    });
  }
}
