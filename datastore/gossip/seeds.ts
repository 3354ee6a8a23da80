/**
 * Looking for members at addresses that may be anybody's: those of a name that stands for many (a headless Service, a load balancer before another
 * site), or of a member that has moved. Only while some member has no link. Who is met says so in the handshake; who has a link already is left in peace.
 */
import type { Clock, Link, Network, Random, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { Backoff } from './backoff.ts';
import { closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import type { Session } from './session.ts';

/** Where somebody may be. */
export interface SeedAddress {
  readonly url: string;
  /** One of the addresses that the URL's name has; null: whatever it leads to. */
  readonly address: string | null;
}

export interface SeedsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Network;
  readonly log: Logger;
  /** Where to look, as of now. Never rejects. */
  find(): Promise<readonly SeedAddress[]>;
  /** Is there a member without a link? */
  wanted(): boolean;
  /** Begins a handshake on a link that leads to somebody. */
  greet(link: Link): Session;
}

interface Attempt {
  readonly backoff: Backoff;
  /** Not before (monotonic ms). */
  nextMs: number;
  /** Under way. */
  busy: boolean;
}

const keyOf = ({ url, address }: SeedAddress): string => `${url} ${address ?? ''}`;

export class Seeds {
  readonly #options: SeedsOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #sessions = new Map<Session, Attempt>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: SeedsOptions) {
    this.#options = options;
  }

  run(): void {
    const { clock, random } = this.#options;
    this.#timer = clock.after(limits.seed_ms * (0.5 + random.float()), () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.run();
      });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const session of [...this.#sessions.keys()]) session.close(closeReasons.stopping);
  }

  /** A member was met. */
  admitted(session: Session): void {
    const attempt = this.#sessions.get(session);
    if (attempt === undefined) return;
    this.#sessions.delete(session);
    attempt.busy = false;
    attempt.backoff.reset();
  }

  /** A link ended before anybody was met. */
  ended(session: Session, reason: CloseReason | null): void {
    const attempt = this.#sessions.get(session);
    if (attempt === undefined) return;
    this.#sessions.delete(session);
    // Behind an address that leads to somebody who is linked there may be others, and it may be given to another.
    this.#later(attempt, reason?.retry === 'slowly');
  }

  async #look(): Promise<void> {
    const { clock, random, log, net, find, wanted } = this.#options;
    if (!wanted()) return;
    const candidates = await find();
    if (this.#stopped) return;
    const keys = new Set(candidates.map(keyOf));
    for (const [key, attempt] of this.#attempts) if (!keys.has(key) && !attempt.busy) this.#attempts.delete(key);
    for (const candidate of candidates) {
      if ([...this.#attempts.values()].filter(({ busy }) => busy).length >= limits.seed_dials) return;
      const key = keyOf(candidate);
      let attempt = this.#attempts.get(key);
      if (attempt === undefined) this.#attempts.set(key, (attempt = { backoff: new Backoff(random), nextMs: 0, busy: false }));
      if (attempt.busy || attempt.nextMs > clock.monotonicMs()) continue;
      this.#dial(net, log, candidate, attempt);
    }
  }

  #dial(net: Network, log: Logger, { url, address }: SeedAddress, attempt: Attempt): void {
    attempt.busy = true;
    net.dial(url, address ?? undefined).then(
      (link) => {
        if (this.#stopped) return link.close(closeReasons.stopping.code, closeReasons.stopping.name);
        const session = this.#options.greet(link);
        this.#sessions.set(session, attempt);
        session.start();
      },
      (error: unknown) => {
        log.debug('nobody answers where a replica may be', { url, address, error });
        this.#later(attempt, false);
      },
    );
  }

  #later(attempt: Attempt, slowly: boolean): void {
    attempt.busy = false;
    attempt.nextMs = this.#options.clock.monotonicMs() + attempt.backoff.next(slowly);
  }
}
