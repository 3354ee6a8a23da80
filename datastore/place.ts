/**
 * This replica's place in the membership, and whether its disk may go on where it left off (REPLICATION.md, 10 to 13).
 *
 *     a disk that has data      held back until every other member has said, on its own link, that it holds no more of the log than the disk does;
 *                               after `vouch_ms` it serves all the same, but writes into the log of a fresh incarnation, and asks for the place with that
 *     an empty disk             asks for the place of the one before it, if the slot belongs to that one's log
 *     a disk that is too old,   goes aside: the replica ends, and starts again with an empty one (`StaleDataError`)
 *     or was removed meanwhile
 */
import type { Candidate } from './discovery/discovery.ts';
import type { PeerAddress } from './gossip/types.ts';
import type { CloseReason } from './gossip/close-codes.ts';
import { closeReasons } from './gossip/close-codes.ts';
import type { Hello } from './gossip/hello.ts';
import type { MembershipPort } from './gossip/types.ts';
import type { Clock, Timer } from './host/host.ts';
import type { Logger } from './host/log.ts';
import { limits } from './limits.ts';
import type { JoinAnswer } from './membership/codec.ts';
import { encodeConfiguration } from './membership/codec.ts';
import { isRemoved, joining, voters } from './membership/configuration.ts';
import { ForgottenDeletionError } from './replica/assert.ts';
import { incarnationOf, logName } from './replica/types.ts';
import type { LogId } from './replica/types.ts';
import { covers } from './replica/vector.ts';
import type { Vector } from './replica/vector.ts';
import type { Store } from './store/store.ts';

/** Of the time after which a member is evicted: then there is an alarm. */
const ALARM_SHARE = 0.75;

export interface PlaceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dataDir: string;
  readonly onFatal: (error: Error) => void;
  /** Asks a member for the place. */
  readonly ask: (whom: Candidate) => Promise<JoinAnswer | Error>;
  /** Where members may be, besides where the configuration says. Never rejects. */
  readonly seeds: () => Promise<readonly Candidate[]>;
  /** How long a member may be away before it is evicted, ms; 0: for ever. */
  readonly evictAfterMs: number;
  /** Is there a link to that member? */
  readonly connected: (id: bigint) => boolean;
  /** This replica says hello anew to everybody. */
  readonly reconnect: () => void;
}

/** The folder is not what the cluster takes for this replica's any more. */
export class StaleDataError extends Error {
  readonly dataDir: string;
  /** Peer URLs of the other members, as far as they are known: the replica asks them for a place when it has an empty folder. */
  readonly members: readonly string[];
  constructor(dataDir: string, why: string, members: readonly string[]) {
    super(`${dataDir}: ${why}. The replica joins again with an empty folder`);
    this.name = 'StaleDataError';
    this.dataDir = dataDir;
    this.members = members;
  }
}

const otherURLs = ({ configuration, self }: Store['membership']): string[] => configuration.members.filter((m) => m.id !== self).flatMap((m) => m.peerURLs);

/**
 * What ends the process, as the program acts on it. A deletion that this disk has not seen, and that everybody else has forgotten, is the last sign that a disk is
 * an old copy, where nobody is left that could tell: not before it has been met half-way. The journal has nothing of it.
 */
export function endedBy(error: unknown, store: Pick<Store, 'membership'>, dataDir: string): unknown {
  if (!(error instanceof ForgottenDeletionError)) return error;
  return new StaleDataError(dataDir, 'it is an old copy: the cluster has forgotten deletions that it does not know', otherURLs(store.membership));
}

/** It was removed on purpose: it must not come back by itself. */
export class RemovedError extends Error {
  constructor(dataDir: string) {
    super(`this replica has been removed from its cluster for good. To add it again, add it as a new member, with an empty folder in place of ${dataDir}`);
    this.name = 'RemovedError';
  }
}

export class Place implements MembershipPort {
  readonly #options: PlaceOptions;
  readonly #store: Store;
  /** Ids of the members that have vouched for the disk. */
  readonly #vouched = new Set<bigint>();
  /** The log that the disk brought; null: none, or nobody needs to vouch for it. */
  readonly #brought: LogId | null;
  #release: () => void = () => {};
  #timer: Timer | null = null;
  #asking = false;
  /** When each member's link was last seen, monotonic ms. */
  readonly #seenMs = new Map<bigint, number>();
  readonly #away = new Set<string>();
  #ended = false;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.#store = options.store;
    const { store } = options;
    this.#brought = store.readiness === 'ready' && !store.single ? store.replica.log : null;
    store.replica.held = this.#brought !== null;
    this.#doubt();
  }

  get doubtful(): boolean {
    return this.#store.replica.held || this.continues() !== null;
  }

  get encoded(): Uint8Array {
    return this.#store.membership.encoded;
  }

  /** Everybody else who has a place and a name. */
  peers(): PeerAddress[] {
    const { configuration, self } = this.#store.membership;
    return configuration.members.filter((m) => m.id !== self && m.name !== '' && m.standing !== 'evicted').map((m) => ({ name: m.name, urls: m.peerURLs }));
  }

  learn(bytes: Uint8Array): void {
    const news = this.#store.membership.learn(bytes);
    if (news) this.#considerOwn();
  }

  received(from: bigint, bytes: Uint8Array): void {
    this.#store.membership.received(from, bytes);
  }

  join(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#store.membership.join(bytes);
  }

  place(theirs: Hello): CloseReason | null {
    const { configuration } = this.#store.membership;
    if (isRemoved(configuration, theirs.log) || this.#store.replica.retired.has(theirs.log)) return closeReasons.removed;
    const member = configuration.members.find((m) => m.id === theirs.memberId);
    if (member === undefined || member.name !== theirs.name || member.standing === 'evicted') return closeReasons.notMember;
    if (member.slot !== theirs.slot) return closeReasons.slotClash;
    if (member.log === null || member.log === theirs.log) return null;
    // It serves, and so writes, but for the time being under another name.
    if (theirs.continues === member.log && theirs.state === 'ready') return null;
    return closeReasons.otherDisk;
  }

  continues(): LogId | null {
    const log = this.#store.membership.place?.log ?? null;
    const { replica, readiness } = this.#store;
    // Only what this disk itself has written: otherwise another has its place by now.
    return log === null || log === replica.log || readiness !== 'ready' || !replica.logs.has(log) ? null : log;
  }

  refused(reason: CloseReason, peer: string): void {
    this.#options.log.debug('a peer refuses this replica', { peer, reason: reason.name });
    if (this.#store.readiness !== 'ready' || this.continues() !== null) this.#askSoon();
  }

  met(slot: number, log: LogId): void {
    const member = this.#store.membership.configuration.members.find((m) => m.slot === slot);
    if (member?.log === null) this.#store.learnLog(slot, log);
  }

  /** A member says itself what it holds: had it more of the log than the disk, it would have been noticed. */
  heard(hello: Hello): void {
    if (this.#brought === null || this.#vouched.has(hello.memberId) || hello.state !== 'ready') return;
    this.#vouched.add(hello.memberId);
    this.#doubt();
    if (this.#doubts().length === 0) this.#release();
  }

  /** Resolves when clients may come: the disk has been vouched for, or goes on under another name. Rejects if the replica ends first. */
  async settled(): Promise<void> {
    if (this.#brought !== null && this.#doubts().length > 0) {
      const inTime = await new Promise<boolean>((resolve) => {
        const timer = this.#options.clock.after(limits.vouch_ms, () => resolve(false));
        this.#release = () => {
          timer.cancel();
          resolve(true);
        };
      });
      if (!inTime && !this.#ended) {
        this.#options.log.warn('not every member can vouch for this disk: writes go into the log of a new incarnation', { away: this.#doubts(), log: logName(this.#brought) });
        await this.#store.reincarnate();
        this.#options.reconnect();
      }
    }
    if (this.#ended) throw new Error('the replica ends');
    await this.#store.resume();
  }

  run(): void {
    this.#timer = this.#options.clock.after(limits.membership_look_ms, () => {
      this.run();
      this.#look();
    });
    this.#considerOwn();
  }

  stop(): void {
    this.#ended = true;
    this.#release();
    this.#timer?.cancel();
  }

  /** A peer holds more of what this replica has written than its disk. */
  stale(peer: string): void {
    this.#endStale(`it is an old copy, or a wrong one: by what ${peer} holds`);
  }

  alarms(): readonly string[] {
    return [...(this.continues() === null ? [] : ['unvouchedDisk']), ...(this.#away.size === 0 ? [] : ['memberAway'])];
  }

  /** Members that have not said that they durably hold all of `held`. */
  lacking(held: Vector): string[] {
    const { configuration, self } = this.#store.membership;
    const { replica } = this.#store;
    // What is retired meanwhile they hold under another name, and report no more.
    const wanted = new Map([...held].filter(([log]) => !replica.retired.has(log)));
    return configuration.members
      .filter((m) => m.id !== self && m.standing === 'voting')
      .filter((m) => {
        const report = m.log === null ? undefined : replica.reportOf(m.log);
        return report === undefined || !covers(report.held, wanted);
      })
      .map((m) => m.name);
  }

  /** Members that have not vouched. */
  #doubts(): string[] {
    const { configuration, self } = this.#store.membership;
    return configuration.members.filter((m) => m.id !== self && m.standing === 'voting' && !this.#vouched.has(m.id)).map((m) => m.name);
  }

  /** A majority, itself included, that knows nothing against the disk is enough for its vote to count. */
  #doubt(): void {
    const { membership } = this.#store;
    const all = voters(membership.configuration).length;
    membership.doubtful = this.#brought !== null && (this.#vouched.size + 1) * 2 <= all;
  }

  #look(): void {
    this.#doubt();
    this.#evict();
    const { membership, replica } = this.#store;
    const continued = this.continues();
    if (continued === null) return;
    if (membership.doubtful) return this.#askSoon();
    // Its disk is what its peers know of it: it says itself that it writes another log now.
    const { self } = this.#store;
    membership.propose(joining({ id: self.id, name: self.name, slot: self.slot, incarnation: incarnationOf(replica.log), peerURLs: membership.place?.peerURLs ?? self.peerURLs, earlier: [continued] }))
      .then(() => this.#options.reconnect(), () => undefined);
  }

  /**
   * A member that has been away for too long holds up what the others could forget: it loses its place, by a majority's consent, and may come back
   * as a new incarnation. An alarm comes first. The time is counted anew after a restart.
   */
  #evict(): void {
    const { clock, log, evictAfterMs, connected } = this.#options;
    const { membership } = this.#store;
    const now = clock.monotonicMs();
    this.#away.clear();
    if (evictAfterMs === 0 || this.#store.readiness !== 'ready') return;
    for (const { id, name, standing } of membership.configuration.members) {
      if (id === membership.self || standing !== 'voting') continue;
      if (connected(id) || !this.#seenMs.has(id)) this.#seenMs.set(id, now);
      const away = now - (this.#seenMs.get(id) ?? now);
      if (away >= evictAfterMs * ALARM_SHARE) this.#away.add(name);
      if (away < evictAfterMs || membership.doubtful) continue;
      log.warn('a member has been away for too long: it is evicted if a majority agrees', { member: name, awayMs: away });
      this.#seenMs.set(id, now - evictAfterMs * ALARM_SHARE);
      membership.evictAway(id).catch((error: unknown) => log.warn('the eviction was not decided', { member: name, error }));
    }
  }

  /** What the newest configuration says of this replica. */
  #considerOwn(): void {
    const { membership, replica } = this.#store;
    const { place } = membership;
    if (place === undefined) return this.#end(new RemovedError(this.#options.dataDir));
    if (place.log === replica.log || (place.log === null && place.standing !== 'evicted')) return;
    // Its log has been taken from it while it was away; that may be so long ago that its name is no longer listed.
    const replaced = membership.number > 0 && place.log !== null && !replica.logs.has(place.log) && this.#store.readiness === 'ready';
    if (isRemoved(membership.configuration, replica.log) || place.standing === 'evicted' || replaced) {
      this.#endStale('the cluster has gone on without this disk');
    }
  }

  #askSoon(): void {
    if (this.#asking || this.#ended) return;
    this.#asking = true;
    void this.#ask().finally(() => (this.#asking = false));
  }

  async #ask(): Promise<void> {
    const known = otherURLs(this.#store.membership).map((url): Candidate => ({ url, address: null }));
    for (const whom of [...known, ...await this.#options.seeds()]) {
      const answer = await this.#options.ask(whom);
      if (this.#ended) return;
      if (answer instanceof Error) continue;
      if (answer.result === 'refused') return this.#end(new Error(`the cluster refuses this replica: ${answer.reason}`));
      if (answer.result === 'spent') return this.#endStale(answer.reason);
      if (answer.result === 'retry') this.#options.log.warn('no place in the cluster yet', { why: answer.reason });
      if (answer.configuration !== null && answer.result === 'joined') {
        this.learn(encodeConfiguration(answer.configuration));
        return this.#options.reconnect();
      }
    }
  }

  #endStale(why: string): void {
    this.#end(new StaleDataError(this.#options.dataDir, why, otherURLs(this.#store.membership)));
  }

  #end(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onFatal(error);
  }
}

