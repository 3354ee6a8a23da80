/**
 * From a hello to a link in use, or to a refusal. Most hellos are judged at once (`handshake.ts`). One that comes from another run of a
 * process whose link is still up needs a question: the old process may have died unnoticed (a restart), or both may live (a cloned disk, or
 * two replicas with one name). The old link is asked for a sign of life; if it gives one, both are refused, and a clone's log is
 * refused from then on: what it holds can no longer be told apart by clocks.
 */
import type { Clock, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import type { LogId } from '../replica/types.ts';
import { logName } from '../replica/types.ts';
import { closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import { commonVersion, judge, newerStays } from './handshake.ts';
import type { Hello } from './hello.ts';
import type { Peer } from './peer.ts';
import type { Session } from './session.ts';
import type { GossipAlarm } from './types.ts';
import { MEMBERSHIP_VERSION } from './wire.ts';

export interface AdmissionEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  hello(): Hello;
  peer(name: string): Peer | null;
  /** Hellos of the peers whose links are in use. */
  connected(): readonly Hello[];
  admit(session: Session, peer: Peer): void;
  refused(session: Session, reason: CloseReason): void;
  alarm(alarm: GossipAlarm): void;
  /** Is this the member that has the place it claims? Null: yes, or why not. */
  place(theirs: Hello): CloseReason | null;
  /** Sends the own configuration of the membership. */
  tell(session: Session): void;
}

export class Admission {
  readonly #env: AdmissionEnvironment;
  readonly #probes = new Map<Session, Timer>();
  /** Logs that two processes wrote. */
  readonly #clones = new Set<LogId>();
  /** Links whose other side knows a newer configuration, which is on its way: it decides who is a member. */
  readonly #awaiting = new Map<Session, string | null>();

  constructor(env: AdmissionEnvironment) {
    this.#env = env;
  }

  /** @param expected the name of the peer whose URL was dialled; null if the other side dialled, or an address that may be anybody's */
  hello(session: Session, theirs: Hello, expected: string | null): void {
    const mine = this.#env.hello();
    const needless = this.#needless(session, theirs, mine, expected);
    if (needless !== null) return session.close(needless);
    session.introduce();
    const shared = theirs.clusterId === mine.clusterId && (commonVersion(mine, theirs) ?? 0) >= MEMBERSHIP_VERSION;
    if (shared && theirs.configNumber < mine.configNumber) this.#env.tell(session);
    if (shared && theirs.configNumber > mine.configNumber) return void this.#awaiting.set(session, expected);
    const reason = judge(mine, theirs, this.#env.connected(), (name) => this.#env.peer(name) !== null) ?? this.#env.place(theirs);
    if (reason !== null) return this.#refuse(session, reason);
    if (this.#clones.has(theirs.log)) return this.#refuse(session, closeReasons.duplicateIdentity);
    const peer = this.#env.peer(theirs.name) as Peer;
    const old = peer.linked?.session ?? null;
    const oldHello = old?.hello ?? null;
    if (old === null || oldHello === null) return this.#env.admit(session, peer);
    if (oldHello.run !== theirs.run) return this.#probe(session, peer, old);
    if (newerStays(mine, theirs, old.dialled, session.dialled)) this.#env.admit(session, peer);
    else session.close(closeReasons.duplicateLink);
  }

  /**
   * Names and addresses lead to whoever has them now; the handshake says who that is. If it is somebody to whom there is a link already, it must not hear
   * this side's hello: it would take the new link for the better one and close the old.
   */
  #needless(session: Session, theirs: Hello, mine: Hello, expected: string | null): CloseReason | null {
    if (!session.dialled || theirs.clusterId !== mine.clusterId || theirs.name === expected) return null;
    const linked = this.#env.peer(theirs.name)?.linked?.session.hello?.run === theirs.run;
    if (expected === null) return linked || theirs.run === mine.run ? closeReasons.duplicateLink : null;
    return linked ? closeReasons.notTheOneDialled : null;
  }

  /** A configuration has come over this link: what had to wait for it goes on. */
  informed(session: Session): void {
    const expected = this.#awaiting.get(session);
    if (expected === undefined || session.state !== 'hello' || session.hello === null) return;
    this.#awaiting.delete(session);
    this.hello(session, session.hello, expected);
  }

  closed(session: Session): void {
    this.#awaiting.delete(session);
    this.#probes.get(session)?.cancel();
    this.#probes.delete(session);
  }

  stop(): void {
    for (const timer of this.#probes.values()) timer.cancel();
    this.#probes.clear();
  }

  #probe(session: Session, peer: Peer, old: Session): void {
    const startedMs = this.#env.clock.monotonicMs();
    peer.candidate?.close(closeReasons.duplicateLink);
    peer.candidate = session;
    old.ping();
    this.#probes.set(
      session,
      this.#env.clock.after(limits.clone_probe_ms, () => {
        this.#probes.delete(session);
        if (session.state === 'closed') return;
        peer.candidate = null;
        const alive = peer.linked?.session === old && old.answeredMs >= startedMs;
        if (!alive) return this.#env.admit(session, peer);
        const clone = (old.hello as Hello).log === (session.hello as Hello).log;
        const reason = clone ? closeReasons.duplicateIdentity : closeReasons.slotClash;
        if (clone) this.#clones.add((old.hello as Hello).log);
        this.#refuse(session, reason);
        old.close(reason);
      }),
    );
  }

  #refuse(session: Session, reason: CloseReason): void {
    const theirs = session.hello as Hello;
    this.#env.log[reason.level]('peer refused', {
      peer: theirs.name,
      remote: session.remote,
      reason: reason.name,
      cluster: theirs.clusterId,
      log: logName(theirs.log),
    });
    this.#env.refused(session, reason);
    if (reason === closeReasons.slotClash) this.#env.alarm({ type: 'slotClash', slot: theirs.slot, peer: theirs.name });
    if (reason === closeReasons.duplicateIdentity) this.#env.alarm({ type: 'duplicateIdentity', log: theirs.log, peer: theirs.name });
    session.close(reason);
  }
}
