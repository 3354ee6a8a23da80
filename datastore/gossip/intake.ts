/** What becomes of the frames that peers send: integrated, waiting for another's, asked for again, or the end of the link. */
import type { Logger } from '../host/log.ts';
import { MalformedError } from '../bytes.ts';
import type { LogId } from '../replica/types.ts';
import { closeReasons } from './close-codes.ts';
import type { Peer } from './peer.ts';
import type { Session } from './session.ts';
import type { GossipAlarm, Integrated, ReplicaPort } from './types.ts';

export interface IntakeEnvironment {
  readonly replica: ReplicaPort;
  readonly log: Logger;
  peers(): Iterable<Peer>;
  /** What was integrated is on stable storage now. */
  durable(urgent: boolean): void;
  /** The owner of `log` has reported that it holds the own log durably up to `clock`. */
  acked(log: LogId, clock: number): void;
  alarm(alarm: GossipAlarm): void;
}

export class Intake {
  readonly #env: IntakeEnvironment;

  constructor(env: IntakeEnvironment) {
    this.#env = env;
  }

  /** Frames that a peer has pushed, in order. `ackWanted`: a client of theirs waits for them to be durable here. */
  frames(peer: Peer, session: Session, frames: readonly Uint8Array[], ackWanted: boolean): void {
    const waiting = peer.linked!.waiting;
    let applied = false;
    peer.stats.framesReceived += frames.length;
    for (const frame of frames) {
      const result = waiting.occupied ? 'waiting' : this.take(peer, session, frame);
      if (result === null) break;
      if (result === 'applied') applied = true;
      if (result !== 'waiting') continue;
      peer.stats.framesWaited++;
      waiting.add(frame);
    }
    if (applied) this.#integrated(ackWanted);
  }

  /** An anti-entropy answer. @returns null if the session was closed over it, or the replica is broken */
  async answer(peer: Peer, session: Session, pieces: readonly Uint8Array[]): Promise<Integrated['result'] | null> {
    let integrated: Integrated;
    try {
      integrated = await this.#env.replica.integrateAnswer(pieces, session.hello!.log);
    } catch (error) {
      // Anything else has broken the journal or an invariant: the process stops.
      if (error instanceof MalformedError) this.#malformed(peer, session, error);
      return null;
    }
    const result = this.#outcome(peer, session, integrated);
    if (result === 'applied') this.#integrated(false);
    return result;
  }

  /** One frame. @returns null if the session was closed over it */
  take(peer: Peer, session: Session, frame: Uint8Array): Integrated['result'] | null {
    let integrated: Integrated;
    try {
      integrated = this.#env.replica.integrate(frame, session.hello!.log);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#malformed(peer, session, error);
      return null;
    }
    return this.#outcome(peer, session, integrated);
  }

  #malformed(peer: Peer, session: Session, error: MalformedError): void {
    this.#env.log.warn('peer sent a frame that cannot be read', { peer: peer.name, error });
    session.close(closeReasons.malformed);
  }

  #outcome(peer: Peer, session: Session, integrated: Integrated): Integrated['result'] | null {
    for (const [log, clock] of integrated.acks) this.#env.acked(log, clock);
    switch (integrated.result) {
      case 'applied':
        peer.stats.framesApplied++;
        break;
      case 'known':
        peer.stats.framesKnown++;
        break;
      case 'gap':
        peer.stats.framesGap++;
        peer.linked?.pull.want();
        break;
      case 'stale':
        this.#env.log.error('a peer holds more of the own log than this disk', { peer: peer.name, log: this.#env.replica.log });
        this.#env.alarm({ type: 'staleDisk', log: this.#env.replica.log, peer: peer.name });
        session.close(closeReasons.staleDisk);
        return null;
    }
    return integrated.result;
  }

  /** Something new is here: what waited for it may go on, and once it is durable, the others are told. */
  #integrated(urgent: boolean): void {
    for (let progress = true; progress; ) {
      progress = false;
      for (const peer of this.#env.peers()) if (peer.linked?.waiting.retry() === true) progress = true;
    }
    this.#env.replica.flushed().then(
      () => this.#env.durable(urgent),
      // The journal broke: the process stops.
      () => {},
    );
  }
}
