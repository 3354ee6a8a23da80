/**
 * How members agree on the next configuration: single-decree Paxos, once for each number, among the voting members of the configuration before
 * (REPLICATION.md, 10). Everybody may propose; competing proposals settle on one, and the loser works its change out again on top of it.
 *
 *     proposer                     each voter
 *     prepare(ballot)      ──►     promises to take nothing lower; tells what it has accepted, and its view     [durable first]
 *     accept(ballot, value) ──►    accepts unless it has promised a higher ballot                               [durable first]
 *     a majority accepted: decided; spread as `configuration`, by gossip
 *
 * The value proposed is what a voter has accepted under the highest ballot; only if none has, one's own. A voter that is further already answers
 * with its configuration. Messages may be lost, doubled and late.
 */
import type { Clock, Random } from '../host/host.ts';
import { errTimeout } from '../errors.ts';
import { limits } from '../limits.ts';
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { decodeConfiguration, encodeConfiguration } from './codec.ts';
import { joinViews, voters } from './configuration.ts';
import type { Change, Configuration } from './configuration.ts';

export interface Ballot {
  readonly round: number;
  readonly proposer: bigint;
}

/** What a voter must not forget. */
export interface Vote {
  /** The configuration that it is about. */
  readonly number: number;
  readonly promised: Ballot;
  readonly accepted: { readonly ballot: Ballot; readonly value: Uint8Array } | null;
}

export interface AgreementPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly self: bigint;
  /** What is known here to be decided (or to be the beginning). */
  current(): Configuration;
  /** May this replica's consent count? Not while its disk is doubtful. */
  mayVote(): boolean;
  vote(): Vote | null;
  /** Resolves when durable. */
  keep(vote: Vote): Promise<void>;
  /** Sends to a member, if it can be reached. */
  send(to: bigint, message: Uint8Array): void;
  /** Sends what is known to be decided. */
  sendConfiguration(to: bigint): void;
  /** A configuration has been decided. Resolves when durable. */
  decided(configuration: Configuration): Promise<void>;
}

const Kind = { prepare: 1, promise: 2, accept: 3, accepted: 4, refused: 5 } as const;

type Message =
  | { readonly kind: 'prepare'; readonly number: number; readonly ballot: Ballot }
  | { readonly kind: 'promise'; readonly number: number; readonly ballot: Ballot; readonly accepted: Vote['accepted']; readonly view: Uint8Array }
  | { readonly kind: 'accept'; readonly number: number; readonly ballot: Ballot; readonly value: Uint8Array }
  | { readonly kind: 'accepted'; readonly number: number; readonly ballot: Ballot }
  /** `ballot` is the one asked about; `promised` what stands in its way. */
  | { readonly kind: 'refused'; readonly number: number; readonly ballot: Ballot; readonly promised: Ballot };

export const compareBallots = (a: Ballot, b: Ballot): number => a.round - b.round || (a.proposer < b.proposer ? -1 : a.proposer > b.proposer ? 1 : 0);

export function writeBallot(w: Writer, { round, proposer }: Ballot): Writer {
  return w.varuint(round).i64(BigInt.asIntN(64, proposer));
}
export function readBallot(r: Reader): Ballot {
  const round = r.varuint();
  return { round, proposer: BigInt.asUintN(64, r.i64()) };
}

export function encodeMessage(message: Message): Uint8Array {
  const w = new Writer().u8(Kind[message.kind]).varuint(message.number);
  writeBallot(w, message.ballot);
  if (message.kind === 'promise') {
    w.u8(message.accepted === null ? 0 : 1);
    if (message.accepted !== null) writeBallot(w, message.accepted.ballot).bytes(message.accepted.value);
    w.bytes(message.view);
  } else if (message.kind === 'accept') w.bytes(message.value);
  else if (message.kind === 'refused') writeBallot(w, message.promised);
  return w.take();
}

/** @throws MalformedError */
export function decodeMessage(bytes: Uint8Array): Message {
  const r = new Reader(bytes);
  const kind = r.u8();
  const number = r.varuint();
  const ballot = readBallot(r);
  const read = (): Message => {
    switch (kind) {
      case Kind.prepare:
        return { kind: 'prepare', number, ballot };
      case Kind.promise: {
        const accepted = r.u8() === 0 ? null : { ballot: readBallot(r), value: r.bytes().slice() };
        return { kind: 'promise', number, ballot, accepted, view: r.bytes().slice() };
      }
      case Kind.accept:
        return { kind: 'accept', number, ballot, value: r.bytes().slice() };
      case Kind.accepted:
        return { kind: 'accepted', number, ballot };
      case Kind.refused:
        return { kind: 'refused', number, ballot, promised: readBallot(r) };
      default:
        throw new MalformedError(`message of kind ${kind} about the membership`);
    }
  };
  const message = read();
  r.end();
  return message;
}

/** A round under way. */
interface Round {
  readonly number: number;
  readonly ballot: Ballot;
  readonly quorum: number;
  readonly electorate: ReadonlySet<bigint>;
  readonly promises: Map<bigint, Extract<Message, { kind: 'promise' }>>;
  readonly accepted: Set<bigint>;
  phase: 'prepare' | 'accept';
  /** Settles a phase: true, a majority has answered; false, it cannot be. */
  settle: (won: boolean) => void;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export class Agreement {
  readonly #ports: AgreementPorts;
  #round: Round | null = null;
  #highest = 0;
  /** Proposals of this replica are made one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** A voter decides one thing after the other, each durable before it is told. */
  #voting: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(ports: AgreementPorts) {
    this.#ports = ports;
  }

  stop(): void {
    this.#stopped = true;
    this.#round?.settle(false);
  }

  /**
   * Makes a change, or finds that it has been made. Resolves with a decided configuration that has it.
   * @param withinMs then it rejects with errTimeout, and may still come about
   * @throws EtcdError of the change, or errTimeout
   */
  propose(change: Change, withinMs: number): Promise<Configuration> {
    const deadline = this.#ports.clock.monotonicMs() + withinMs;
    const made = this.#turn.then(() => this.#propose(change, deadline));
    this.#turn = made.catch(() => {});
    return made;
  }

  /** A configuration has become known: what is under way for its number is void. */
  superseded(): void {
    if (this.#round !== null && this.#round.number <= this.#ports.current().number) this.#round.settle(false);
  }

  /** @throws MalformedError */
  received(from: bigint, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    this.#highest = Math.max(this.#highest, message.ballot.round);
    if (message.kind === 'prepare' || message.kind === 'accept') {
      this.#voting = this.#voting.then(() => this.#vote(from, message)).catch(() => {});
      return;
    }
    this.#answered(from, message);
  }

  async #propose(change: Change, deadline: number): Promise<Configuration> {
    const { clock, random } = this.#ports;
    /** What was proposed here: another proposer may have brought it to its end. */
    const own = new Set<string>();
    for (let attempt = 0; ; attempt++) {
      const base = this.#ports.current();
      if (own.has(hex(encodeConfiguration(base))) || change(base) === null) return base;
      const left = deadline - clock.monotonicMs();
      if (left <= 0 || this.#stopped) throw errTimeout();
      const done = await this.#attempt(base, change, own, Math.min(left, limits.agreement_round_ms));
      if (done) continue;
      const pause = Math.min(limits.agreement_pause_ms * 2 ** Math.min(attempt, 4) * random.float(), Math.max(0, deadline - clock.monotonicMs()));
      await new Promise<void>((resolve) => clock.after(pause, resolve));
    }
  }

  /** One ballot. @returns whether something has been decided by it */
  async #attempt(base: Configuration, change: Change, own: Set<string>, withinMs: number): Promise<boolean> {
    const { self } = this.#ports;
    const electorate = new Set(voters(base).map((m) => m.id));
    const round: Round = {
      number: base.number + 1, ballot: { round: this.#nextRound(), proposer: self }, quorum: Math.floor(electorate.size / 2) + 1, electorate,
      promises: new Map(), accepted: new Set(), phase: 'prepare', settle: () => {},
    };
    this.#round = round;
    try {
      if (!(await this.#phase(round, { kind: 'prepare', number: round.number, ballot: round.ballot }, withinMs))) return false;
      const value = this.#choose(base, change, own, round);
      if (value === null) return true;
      round.phase = 'accept';
      if (!(await this.#phase(round, { kind: 'accept', number: round.number, ballot: round.ballot, value }, withinMs))) return false;
      await this.#ports.decided(decodeConfiguration(value));
      return true;
    } finally {
      this.#round = null;
    }
  }

  /** Above all that was met, also by an earlier life of this replica; who does not vote has no memory of its own, so chance keeps its ballots apart. */
  #nextRound(): number {
    const kept = this.#ports.vote()?.promised.round ?? 0;
    this.#highest = Math.max(this.#highest, kept) + 1 + Math.floor(this.#ports.random.float() * 1_000);
    return this.#highest;
  }

  /** What a majority's answers leave to propose. null: nothing is left to do. @throws EtcdError of the change */
  #choose(base: Configuration, change: Change, own: Set<string>, round: Round): Uint8Array | null {
    let best: NonNullable<Vote['accepted']> | null = null;
    let view = base;
    for (const { accepted, view: theirs } of round.promises.values()) {
      if (accepted !== null && (best === null || compareBallots(accepted.ballot, best.ballot) > 0)) best = accepted;
      view = joinViews(view, decodeConfiguration(theirs));
    }
    if (best !== null) return best.value;
    const made = change(view);
    if (made === null) return null;
    const value = encodeConfiguration(made);
    own.add(hex(value));
    return value;
  }

  #phase(round: Round, message: Message, withinMs: number): Promise<boolean> {
    const { clock, self } = this.#ports;
    return new Promise<boolean>((resolve) => {
      const timer = clock.after(withinMs, () => round.settle(false));
      round.settle = (won) => {
        timer.cancel();
        round.settle = () => {};
        resolve(won);
      };
      const bytes = encodeMessage(message);
      // The own vote comes first: once it is durable, no later life of this replica uses the ballot again.
      if (round.electorate.has(self)) this.received(self, bytes);
      void this.#voting.then(() => {
        for (const id of round.electorate) if (id !== self) this.#ports.send(id, bytes);
      });
    });
  }

  #answered(from: bigint, message: Exclude<Message, { kind: 'prepare' | 'accept' }>): void {
    const round = this.#round;
    if (round === null || message.number !== round.number || compareBallots(message.ballot, round.ballot) !== 0 || !round.electorate.has(from)) return;
    if (message.kind === 'refused') {
      this.#highest = Math.max(this.#highest, message.promised.round);
      return round.settle(false);
    }
    if (message.kind === 'promise') {
      round.promises.set(from, message);
      if (round.phase === 'prepare' && round.promises.size >= round.quorum) round.settle(true);
    } else {
      round.accepted.add(from);
      if (round.phase === 'accept' && round.accepted.size >= round.quorum) round.settle(true);
    }
  }

  async #vote(from: bigint, message: Extract<Message, { kind: 'prepare' | 'accept' }>): Promise<void> {
    const { self } = this.#ports;
    const current = this.#ports.current();
    const reply = (answer: Message): void => {
      const bytes = encodeMessage(answer);
      if (from === self) this.received(self, bytes);
      else this.#ports.send(from, bytes);
    };
    // It is behind: it gets what it does not know. Who has been removed gets nothing that counts: this configuration is without it.
    if (message.number <= current.number) return this.#ports.sendConfiguration(from);
    const electorate = voters(current);
    if (message.number > current.number + 1 || !this.#ports.mayVote()) return;
    if (!electorate.some((m) => m.id === self) || !electorate.some((m) => m.id === from)) return;
    const known = this.#ports.vote();
    const vote = known !== null && known.number === message.number ? known : null;
    if (vote !== null && compareBallots(vote.promised, message.ballot) > 0) {
      return reply({ kind: 'refused', number: message.number, ballot: message.ballot, promised: vote.promised });
    }
    if (message.kind === 'prepare') {
      await this.#ports.keep({ number: message.number, promised: message.ballot, accepted: vote?.accepted ?? null });
      return reply({ kind: 'promise', number: message.number, ballot: message.ballot, accepted: vote?.accepted ?? null, view: encodeConfiguration(current) });
    }
    await this.#ports.keep({ number: message.number, promised: message.ballot, accepted: { ballot: message.ballot, value: message.value } });
    reply({ kind: 'accepted', number: message.number, ballot: message.ballot });
  }
}
