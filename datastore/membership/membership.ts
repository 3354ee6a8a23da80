/**
 * What one replica knows of the membership: the newest configuration, its vote about the next, and what it does when somebody wants a place.
 * Reading and writing wait for none of it.
 */
import { EtcdError, errUnavailable } from '../errors.ts';
import type { Clock, Random, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { incarnationOf, logId, logName, slotOf } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import { Agreement, readBallot, writeBallot } from './agreement.ts';
import type { Vote } from './agreement.ts';
import { decodeConfiguration, decodeJoin, encodeConfiguration, encodeJoined } from './codec.ts';
import type { JoinAnswer, JoinRequest, JoinResult } from './codec.ts';
import { bind, evicting, isLeftBehind, isRemoved, joining, memberOf, placeOf, removing, settle, voters, withoutRetired, withRemoved } from './configuration.ts';
import type { Change, Configuration, ConfiguredMember } from './configuration.ts';

/** What the disk keeps of the membership. */
export interface SavedMembership {
  readonly clusterId: string;
  /** This replica's. */
  readonly id: bigint;
  readonly configuration: Configuration;
  readonly vote: Vote | null;
}

const SAVED_VERSION = 1;
/** A log that nobody seems to write is removed if it seems so for more than so many looks: who writes it may be about to say so. */
const SWEEP_LOOKS = 5;
/** A forced configuration is numbered so far ahead that no agreement under way can reach its number. */
const FORCED_LEAP = 1_000;

/** `u8 version · bytes cluster id · i64 id · bytes configuration · u8 has vote · [varuint number · ballot · u8 · [ballot · bytes value]]` */
export function encodeSaved({ clusterId, id, configuration, vote }: SavedMembership): Uint8Array {
  const w = new Writer().u8(SAVED_VERSION).utf8(clusterId).i64(BigInt.asIntN(64, id)).bytes(encodeConfiguration(configuration)).u8(vote === null ? 0 : 1);
  if (vote !== null) {
    writeBallot(w.varuint(vote.number), vote.promised).u8(vote.accepted === null ? 0 : 1);
    if (vote.accepted !== null) writeBallot(w, vote.accepted.ballot).bytes(vote.accepted.value);
  }
  return w.take();
}

/** @throws MalformedError */
export function decodeSaved(bytes: Uint8Array): SavedMembership {
  const r = new Reader(bytes);
  const version = r.u8();
  if (version !== SAVED_VERSION) throw new MalformedError(`saved membership of version ${version}`);
  const clusterId = r.utf8();
  const id = BigInt.asUintN(64, r.i64());
  const configuration = decodeConfiguration(r.bytes());
  let vote: Vote | null = null;
  if (r.u8() === 1) {
    const number = r.varuint();
    const promised = readBallot(r);
    vote = { number, promised, accepted: r.u8() === 0 ? null : { ballot: readBallot(r), value: r.bytes().slice() } };
  }
  r.end();
  return { clusterId, id, configuration, vote };
}

/** The rest of the replica, as membership sees it. */
export interface MembershipPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Part of the cluster's secret: who joins must know it. */
  readonly token: string;
  /** Keeps the state in the journal; resolves when durable. */
  note(body: Uint8Array): Promise<void>;
  /** The log that this replica writes now. */
  ownLog(): LogId;
  /** Every log of which something is held here. */
  heldLogs(): Iterable<LogId>;
  /** The highest Lamport counter held of a log; 0: nothing. */
  lamportOf(log: LogId): number;
  isRetired(log: LogId): boolean;
  /** Does every member know that it is? */
  isRetiredEverywhere(log: LogId): boolean;
}

/** How it reaches the others: gossip. */
export interface MembershipLinks {
  send(to: bigint, message: Uint8Array): void;
  sendConfiguration(to: bigint, configuration: Uint8Array): void;
  /** The log that a member writes whose link is up; null: there is none. */
  connectedLog(id: bigint): LogId | null;
}

const noLinks: MembershipLinks = { send: () => {}, sendConfiguration: () => {}, connectedLog: () => null };

export class Membership {
  readonly clusterId: string;
  /** This replica's member id. */
  readonly self: bigint;
  readonly #ports: MembershipPorts;
  readonly #agreement: Agreement;
  readonly #listeners: ((configuration: Configuration) => void)[] = [];
  #links: MembershipLinks = noLinks;
  #configuration: Configuration;
  #vote: Vote | null;
  #encoded: Uint8Array | null = null;
  #timer: Timer | null = null;
  #stopped = false;
  /** How often in a row there was a log here that nobody writes. */
  #orphaned = 0;
  /** Does this replica have the cluster's data, so that it may speak for it? */
  ready = false;
  /** Nobody has confirmed yet that this disk is not an old copy: its vote may have been given differently. */
  doubtful = false;

  constructor(state: SavedMembership, ports: MembershipPorts) {
    this.clusterId = state.clusterId;
    this.self = state.id;
    this.#configuration = state.configuration;
    this.#vote = state.vote;
    this.#ports = ports;
    this.#agreement = new Agreement({
      clock: ports.clock,
      random: ports.random,
      self: state.id,
      current: () => this.#configuration,
      mayVote: () => !this.doubtful && this.place?.standing === 'voting',
      vote: () => this.#vote,
      keep: (vote) => {
        this.#vote = vote;
        return this.#save();
      },
      send: (to, message) => this.#links.send(to, message),
      sendConfiguration: (to) => this.#links.sendConfiguration(to, this.encoded),
      decided: (configuration) => this.#adopt(configuration, 'decided'),
    });
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get number(): number {
    return this.#configuration.number;
  }

  /** It has accepted the next configuration, of which it does not know whether it has been decided. */
  get undecided(): boolean {
    return this.#vote !== null && this.#vote.accepted !== null && this.#vote.number > this.number;
  }

  /** The configuration as bytes. */
  get encoded(): Uint8Array {
    return (this.#encoded ??= encodeConfiguration(this.#configuration));
  }

  /** Its place; undefined: it has none any more. */
  get place(): ConfiguredMember | undefined {
    return this.#configuration.members.find((m) => m.id === this.self);
  }

  /** Called after each change, and not at once. */
  onChange(listener: (configuration: Configuration) => void): void {
    this.#listeners.push(listener);
  }

  /** From now on the others can be reached. */
  run(links: MembershipLinks): void {
    this.#links = links;
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#agreement.stop();
  }

  /** A member's log has been met. */
  met(slot: number, log: LogId): void {
    const bound = bind(this.#configuration, slot, log);
    if (bound === null) return;
    this.#ports.log.info('a slot is bound to a log', { slot, log: logName(log) });
    this.#set(bound);
    void this.#save().catch(() => {});
  }

  /** Somebody sent a configuration. @returns whether it was news. @throws MalformedError */
  learn(bytes: Uint8Array): boolean {
    const theirs = decodeConfiguration(bytes);
    if (theirs.number <= this.number) return false;
    void this.#adopt(theirs, 'learned').catch(() => {});
    return true;
  }

  /** A message of a member about the next configuration. @throws MalformedError */
  received(from: bigint, bytes: Uint8Array): void {
    this.#agreement.received(from, bytes);
  }

  /** Makes a change by a majority's consent. @throws EtcdError, errTimeout */
  propose(change: Change, withinMs: number = limits.membership_change_ms): Promise<Configuration> {
    return this.#agreement.propose((from) => {
      const made = change(from);
      if (made === null) return null;
      // It may have been removed, retired and taken from the list since it was asked for: nobody would take anything of it.
      const spent = made.members.find(({ log }) => log !== null && memberOf(from, log) === undefined && this.#ports.isRetired(log));
      if (spent !== undefined) throw errUnavailable(`${logName(spent.log!)} is retired: it cannot come back under that name`);
      return withoutRetired(withRemoved(made, this.#orphans(from, made)), (log) => this.#ports.isRetiredEverywhere(log));
    }, withinMs);
  }

  /**
   * Evicts a member that is away, by a majority's consent. If its link is up by the time the votes are there, it has come back and keeps its place: it may
   * be the last disk but this one, and its own vote may be what makes the majority. @throws EtcdError, errTimeout
   */
  evictAway(id: bigint): Promise<Configuration> {
    return this.propose((from) => (this.#links.connectedLog(id) !== null ? null : evicting(id)(from)));
  }

  /**
   * Removes members without a majority's consent, because a majority's disks are gone. The rest must be all that is left of the cluster: if
   * somebody else decides otherwise at the same time, there are two clusters.
   */
  async forceRemove(ids: readonly bigint[]): Promise<Configuration> {
    let forced = this.#configuration;
    for (const id of ids) forced = removing(id)(forced) ?? forced;
    if (!forced.members.some((m) => m.id === this.self)) throw errUnavailable('a replica cannot force itself out');
    const number = this.#configuration.number + FORCED_LEAP;
    forced = {
      ...forced,
      number,
      members: forced.members,
      removed: forced.removed.map((r) => (isRemoved(this.#configuration, r.log) ? r : { ...r, number })),
    };
    this.#ports.log.error('MEMBERS REMOVED BY FORCE, without the consent of a majority: whatever only they held is lost', {
      removed: ids.map((id) => id.toString(16)), left: forced.members.map((m) => m.name), number,
    });
    await this.#adopt(forced, 'forced');
    return forced;
  }

  /** Somebody asks for a place. Never rejects. */
  async join(bytes: Uint8Array): Promise<Uint8Array> {
    const request = decodeJoin(bytes);
    let answer: JoinAnswer;
    try {
      answer = await this.#join(request);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      answer = this.#answer('retry', error.message.replace(/^etcdserver: /, ''));
    }
    this.#ports.log.info('asked for a place in the cluster', {
      name: request.name, slot: request.slot ?? undefined, result: answer.result, ...(answer.reason === '' ? {} : { reason: answer.reason }),
    });
    return encodeJoined(answer);
  }

  async #join(request: JoinRequest): Promise<JoinAnswer> {
    if (request.token !== this.#ports.token) return this.#answer('refused', 'the token of the cluster is another (--initial-cluster-token)');
    if (request.clusterId !== '' && request.clusterId !== this.clusterId) return this.#answer('refused', `this is another cluster, ${this.clusterId}`);
    const place = placeOf(this.#configuration, request);
    const log = place === undefined ? null : logId(place.slot, request.incarnation);
    if (place !== undefined && log !== null && (request.slot === null || request.slot === place.slot) && this.number === 0 && (place.log === null || place.log === log)) {
      return this.#answer('bootstrap', '', place);
    }
    if (place !== undefined && place.log === log && place.standing === 'voting') return this.#answer('joined', '', place);
    if (place !== undefined && place.name === request.name && request.slot !== null && request.slot !== place.slot) {
      return this.#answer('refused', `${request.name} is the name of the replica with slot ${place.slot}, and this one is told to have slot ${request.slot}: names, too, must differ between sites`);
    }
    if (!this.ready) return this.#answer('retry', 'this replica does not serve yet');
    const running = place === undefined ? null : this.#links.connectedLog(place.id);
    if (place?.id === this.self || (running !== null && running !== log && !request.earlier.includes(running))) {
      return this.#answer('retry', `${request.name} is running: stop it first, or give this replica a name and a slot of its own`);
    }
    if (place === undefined && this.#configuration.members.some((m) => m.slot === request.slot)) {
      const other = this.#configuration.members.find((m) => m.slot === request.slot);
      return this.#answer('refused', `slot ${request.slot} belongs to ${other?.name}: choose another with --slot or --slot-base`);
    }
    const slot = place?.slot ?? request.slot;
    const wanted = slot === null ? null : logId(slot, request.incarnation);
    if (wanted !== null && (isRemoved(this.#configuration, wanted) || this.#ports.isRetired(wanted))) return this.#answer('spent', `${logName(wanted)} was removed`, place);
    if (isLeftBehind(this.#configuration, place, request.earlier)) return this.#answer('spent', 'the cluster has gone on without this disk', place);
    const made = await this.propose(joining(request));
    return { ...this.#answer('joined', '', placeOf(made, request)), configuration: made };
  }

  #answer(result: JoinResult, reason: string, place?: ConfiguredMember): JoinAnswer {
    return { result, reason, clusterId: this.clusterId, id: place?.id ?? 0n, slot: place?.slot ?? 0, configuration: this.#configuration };
  }

  /**
   * Logs held here that nobody writes: of incarnations that never became a member's. A member that is away may be writing one, because nobody could vouch
   * for its disk: if that were removed, the disk would have to be set aside when it comes back. So only what is older than the log of a link that is up
   * (which may be that of a process that has died unnoticed: its successor's log is newer). Where the place goes to another log, all others are left behind.
   * Of its own place a member knows it by itself: whatever else was written there, it does not write. Nobody else could tell as long as it writes nothing at all.
   */
  #orphans(from: Configuration, made: Configuration): LogId[] {
    const alive = new Set<LogId>([this.#ports.ownLog()]);
    for (const { id, log } of made.members) {
      if (log !== null) alive.add(log);
      const connected = this.#links.connectedLog(id);
      if (connected !== null) alive.add(connected);
    }
    return [...this.#ports.heldLogs()].filter((log) => {
      if (alive.has(log) || this.#ports.isRetired(log)) return false;
      const member = made.members.find((m) => m.slot === slotOf(log));
      if (member === undefined || member.standing === 'evicted') return true;
      if (member.log === null) return false;
      if (!from.members.some((m) => m.log === member.log)) return true;
      if (member.id === this.self && member.log === this.#ports.ownLog() && this.ready && !this.doubtful) return true;
      const connected = this.#links.connectedLog(member.id);
      return connected !== null && this.#ports.lamportOf(log) < this.#ports.lamportOf(connected);
    });
  }

  async #adopt(configuration: Configuration, how: string): Promise<void> {
    if (configuration.number <= this.number) return;
    const before = this.#configuration;
    this.#ports.log.info('the membership has changed', {
      how, number: configuration.number, members: configuration.members.map((m) => `${m.name === '' ? m.id.toString(16) : m.name}=${m.log === null ? m.standing : logName(m.log)}`),
      gone: before.members.filter((m) => !configuration.members.some((n) => n.id === m.id)).map((m) => m.name),
    });
    this.#set(configuration);
    await this.#save();
  }

  #set(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#encoded = null;
    this.#agreement.superseded();
    for (const listener of this.#listeners) listener(configuration);
  }

  #save(): Promise<void> {
    return this.#ports.note(encodeSaved({ clusterId: this.clusterId, id: this.self, configuration: this.#configuration, vote: this.#vote }));
  }

  /** For the first time: makes it durable who this replica is. */
  begin(): Promise<void> {
    return this.#save();
  }

  /**
   * Once all logs are known, the lowest member has them decided, so that nobody can bind a slot to another. If somebody else was given a place before that,
   * by members that had not met all disks yet, a configuration has been decided that does not know the log of each: who is meant says it itself.
   */
  #look(): void {
    if (this.#stopped) return;
    this.#timer = this.#ports.clock.after(limits.membership_look_ms, () => this.#look());
    const { place } = this;
    if (this.number > 0 && this.ready && !this.doubtful && place?.standing === 'voting' && place.log === null) {
      const { id, name, slot, peerURLs } = place;
      const join = joining({ id, name, slot, incarnation: incarnationOf(this.#ports.ownLog()), peerURLs, earlier: [] });
      // It may have been evicted meanwhile: a disk with data does not come back from that.
      this.propose((from) => (from.members.some((m) => m.id === id && m.standing === 'voting' && m.log === null) ? join(from) : null), limits.agreement_round_ms).catch(() => {});
      return;
    }
    if (this.#configuration.number > 0) return this.#sweep();
    if (!this.ready || voters(this.#configuration)[0]?.id !== this.self || settle(this.#configuration) === null) return;
    this.propose(settle, limits.agreement_round_ms).catch(() => {});
  }

  /**
   * A log that nobody writes any more may come to light when no change is made that would remove it. As long as it stays, nobody inherits it, and what a disk set
   * aside holds of it cannot be offered. The members try it one after the other.
   */
  #sweep(): void {
    const left = (from: Configuration): boolean => this.#orphans(from, from).some((log) => !isRemoved(from, log));
    const rank = voters(this.#configuration).findIndex(({ id }) => id === this.self);
    if (rank < 0 || !this.ready || this.doubtful || !left(this.#configuration)) return void (this.#orphaned = 0);
    if (++this.#orphaned <= SWEEP_LOOKS + 2 * rank) return;
    this.propose((from) => (left(from) ? { ...from, number: from.number + 1 } : null), limits.agreement_round_ms).catch(() => {});
  }
}
