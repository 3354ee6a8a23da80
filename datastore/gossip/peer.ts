/**
 * One configured member: dialled until there is a link, with at most one link in use.
 *
 *     waiting ──timer──► dialling ──► greeting (a session in its handshake) ──► linked
 *        ▲                  │failed              │refused, closed                 │closed
 *        └──── backoff ─────┴────────────────────┴────────────────────────────────┘
 *
 * A link that the peer dialled leads to `linked` from any state; the timer then finds nothing to do.
 */
import type { Clock, Link, Network, Random, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import type { LogId } from '../replica/types.ts';
import { Backoff } from './backoff.ts';
import { Convergence } from './convergence.ts';
import { closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import type { Donor } from './donor.ts';
import type { Pull } from './pull.ts';
import type { Session } from './session.ts';
import type { WaitingRoom } from './waiting-room.ts';
import { emptyStats } from './types.ts';
import type { PeerAddress, PeerStats } from './types.ts';

/** A link in use, and what runs on it. */
export interface Linked {
  readonly session: Session;
  readonly donor: Donor;
  readonly pull: Pull;
  readonly waiting: WaitingRoom;
}

/** Of several addresses of a name each may have failed for a reason of its own: the first counts. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error;
  return first instanceof Error ? first.message : String(first);
}

export class Peer {
  readonly name: string;
  readonly stats: PeerStats;
  linked: Linked | null = null;
  readonly convergence = new Convergence();
  /** A link that may replace the one in use, while it is being found out whether that is alive. */
  candidate: Session | null = null;
  /** The log that it writes; null before it has ever been connected. */
  log: LogId | null = null;
  /** Up to which clock the peer has reported this replica's log as durable. */
  ackedClock = 0;
  /** When it first asked for what is here, though this disk was doubtful; monotonic. */
  askedMs: number | null = null;
  #urls: readonly string[];
  #attempt = 0;
  /** The handshake under way on a link that was dialled here. */
  #greeting: Session | null = null;
  #dialling = false;
  #timer: Timer | null = null;
  #stopped = false;
  /** Why each URL led nowhere, as it was logged; a change is. */
  readonly #why = new Map<string, string>();
  readonly #backoff: Backoff;
  readonly #clock: Clock;
  readonly #net: Network;
  readonly #log: Logger;
  readonly #greet: (link: Link, peer: Peer) => void;

  /** @param greet makes a session of a link that was dialled, and says so by `greeting` */
  constructor(address: PeerAddress, clock: Clock, random: Random, net: Network, log: Logger, greet: (link: Link, peer: Peer) => void) {
    this.name = address.name;
    this.stats = emptyStats(address.name);
    this.#urls = address.urls;
    this.#backoff = new Backoff(random);
    this.#clock = clock;
    this.#net = net;
    this.#log = log;
    this.#greet = greet;
  }

  start(): void {
    this.#later(false);
  }

  set urls(urls: readonly string[]) {
    this.#urls = urls;
    for (const url of this.#why.keys()) if (!urls.includes(url)) this.#why.delete(url);
  }

  /** This link is the one in use now; the one that was is closed. */
  link(linked: Linked): void {
    const old = this.linked;
    this.linked = linked;
    this.stats.connected = true;
    this.stats.connects++;
    this.#why.clear();
    if (old === null) return;
    this.#release(old);
    old.session.close(closeReasons.duplicateLink);
  }

  /** A session of this peer has ended, whichever it was. @returns whether it was the one in use */
  ended(session: Session, reason: CloseReason | null): boolean {
    const wasLinked = this.linked?.session === session;
    if (wasLinked) {
      this.#release(this.linked as Linked);
      this.linked = null;
      this.stats.connected = false;
      this.stats.bufferedBytes = 0;
      if (this.#clock.monotonicMs() - session.openedMs >= limits.link_steady_ms) this.#backoff.reset();
    }
    const wasGreeting = this.#greeting === session;
    if (wasGreeting) this.#greeting = null;
    if (this.candidate === session) this.candidate = null;
    // Only these: whoever merely claims to be this peer must not keep it from being dialled.
    if (this.linked === null && (wasLinked || wasGreeting)) this.#later(reason?.retry === 'slowly');
    return wasLinked;
  }

  /** A link that was dialled is in its handshake. */
  greeting(session: Session): void {
    this.#greeting = session;
  }

  /** The handshake is over. `as`: whom the link has turned out to lead to; if to another member, this one is still to be found. */
  greeted(session: Session, as: Peer): void {
    if (this.#greeting !== session) return;
    this.#greeting = null;
    if (as !== this && this.linked === null) this.#later(false);
  }

  stop(reason: CloseReason): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#greeting?.close(reason);
    this.candidate?.close(reason);
    const linked = this.linked;
    if (linked === null) return;
    this.linked = null;
    this.#release(linked);
    linked.session.close(reason);
  }

  #unreachable(url: string, why: string): void {
    if (this.#why.get(url) === why) return this.#log.debug('peer cannot be reached', { url, why });
    this.#why.set(url, why);
    this.#log.warn('peer cannot be reached', { url, why });
  }

  #release(linked: Linked): void {
    linked.donor.stop();
    linked.pull.stop();
    linked.waiting.clear();
  }

  #later(slowly: boolean): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#backoff.next(slowly), () => this.#dial());
  }

  #dial(): void {
    if (this.#stopped || this.linked !== null || this.#greeting !== null || this.#dialling) return;
    const url = this.#urls[this.#attempt++ % Math.max(1, this.#urls.length)];
    if (url === undefined) return;
    this.#dialling = true;
    let late = false;
    const over = (): boolean => {
      if (late) return false;
      timeout.cancel();
      late = true;
      this.#dialling = false;
      return !this.#stopped;
    };
    const failed = (error: unknown): void => {
      if (!over()) return;
      this.stats.dialFailures++;
      this.#unreachable(url, reasonOf(error));
      this.#later(false);
    };
    const timeout = this.#clock.after(limits.dial_timeout_ms, () => failed(new Error('timed out')));
    this.#net.dial(url).then((link) => {
      if (over()) this.#greet(link, this);
      else link.close(closeReasons.stopping.code, closeReasons.stopping.name);
    }, failed);
  }
}
