/**
 * Gossip: the links of this replica to all others, and what travels on them. Own frames are pushed to everyone; what a link lost is made up
 * by anti-entropy with anyone; everyone is told what is durable here.
 */
import type { Clock, Link, Network, Random } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { limits } from '../limits.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { Batcher } from './batch.ts';
import { Bootstrap } from './bootstrap.ts';
import type { Readiness } from './bootstrap.ts';
import { Admission } from './admission.ts';
import { closeReasons } from './close-codes.ts';
import type { CloseReason } from './close-codes.ts';
import { Donor } from './donor.ts';
import type { Hello } from './hello.ts';
import { Intake } from './intake.ts';
import { Peer } from './peer.ts';
import { Pull } from './pull.ts';
import { Reporter } from './reporter.ts';
import { Seeds } from './seeds.ts';
import type { SeedAddress } from './seeds.ts';
import { Session } from './session.ts';
import type { LogId } from '../replica/types.ts';
import type { GossipAlarm, MembershipPort, MemberState, OwnFrame, PeerAddress, PeerStats, ReplicaPort, Self } from './types.ts';
import { MalformedError } from '../bytes.ts';
import { WaitingRoom } from './waiting-room.ts';
import { Unacked } from './unacked.ts';
import { encodeMessage, MADE_VERSION, WIRE_VERSION, WIRE_VERSION_MIN } from './wire.ts';
import type { Message } from './wire.ts';

export interface GossipOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Network;
  readonly log: Logger;
  readonly replica: ReplicaPort;
  readonly self: Self;
  /** Peer URLs to accept links on. */
  readonly listen: readonly string[];
  /** The members as configured; this one may be among them. */
  readonly peers: readonly PeerAddress[];
  /** Where else members may be, at the moment: asked again and again while one of them has no link. Never rejects. */
  readonly seeds?: () => Promise<readonly SeedAddress[]>;
  /** How this replica starts: see `bootstrap.ts`. */
  readonly state: MemberState;
  /** Makes durable that this replica has the cluster's data, or has begun a new cluster, before anybody is told. */
  readonly begin?: (how: Readiness) => Promise<void>;
  /** Proof of knowing the cluster's secret. */
  readonly proof?: Uint8Array;
  readonly alarm?: (alarm: GossipAlarm) => void;
  /** Ask peers to report own frames as soon as they hold them (a client waits for that: --write-acks). */
  readonly ackWanted?: boolean;
  /** A peer's report has moved what is known to be durable there. */
  readonly onReport?: (peer: string, clock: number) => void;
  /** What a peer wrote is durable here, so many seconds after it was committed there. A sample; see convergence.ts. */
  readonly onConverged?: (seconds: number) => void;
  /** A member has been met: whose log the slot of that replica belongs to, as it says itself. */
  readonly onMember?: (slot: number, log: LogId) => void;
  /** A peer has said, itself and on its link, what it holds. */
  readonly heard?: (hello: Hello) => void;
  /** Absent: the members are those configured, for good. */
  readonly membership?: MembershipPort;
}

export class Gossip {
  readonly #options: GossipOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #replica: ReplicaPort;
  readonly #run: string;
  readonly #startedWallMs: number;
  readonly #peers = new Map<string, Peer>();
  /** Links whose other end has not been accepted, with the peer that was dialled, if one was. */
  readonly #greeting = new Map<Session, Peer | null>();
  readonly #unacked = new Unacked();
  /** The own log whose frames are pushed. */
  #pushedLog: LogId;
  /** The own log that the peers' acknowledgements are of. */
  #ackedLog: LogId | null = null;
  readonly #batcher: Batcher;
  readonly #reporter: Reporter;
  readonly #intake: Intake;
  readonly #antiEntropy: AntiEntropy;
  readonly #admission: Admission;
  readonly #bootstrap: Bootstrap;
  readonly #seeds: Seeds | null;
  /** When everything was last asked of a peer after a mismatch. */
  readonly #lastFullMs = new Map<string, number>();
  readonly #listeners: { close(): Promise<void> }[] = [];
  #unsubscribe: (() => void) | null = null;
  #state: 'made' | 'running' | 'stopped' = 'made';
  /** Links that were refused, by name of the reason. */
  readonly refusals = new Map<string, number>();

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#replica = options.replica;
    this.#pushedLog = options.replica.log;
    this.#run = Buffer.from(options.random.bytes(16)).toString('hex');
    this.#startedWallMs = Math.max(0, Math.floor(options.clock.wallMs()));
    this.#batcher = new Batcher(this.#clock, (batch) => {
      for (const peer of this.#peers.values()) peer.linked?.donor.push(batch);
    });
    this.#batcher.ackWanted = options.ackWanted ?? false;
    this.#reporter = new Reporter(
      this.#clock,
      () => this.#replica.report(),
      (report) => this.#report(report),
    );
    this.#intake = new Intake({
      replica: this.#replica,
      log: this.#log,
      peers: () => this.#peers.values(),
      durable: (urgent) => {
        this.#reporter.changed(urgent);
        for (const peer of this.#peers.values()) this.#converged(peer);
      },
      acked: (log, clock) => this.#acked(log, clock),
      alarm: (alarm) => options.alarm?.(alarm),
    });
    this.#antiEntropy = new AntiEntropy(this.#clock, options.random, () => this.#linked().map((peer) => peer.linked!.pull));
    this.#bootstrap = new Bootstrap(options.state, () => this.#peers.size + 1, this.#log, (state) => {
      this.#broadcast({ type: 'status', state });
      // What it holds counts from now on: others may wait for it to vouch for their disks.
      if (state === 'ready') this.#report(this.#replica.report());
    }, options.begin ?? null);
    this.#admission = new Admission({
      clock: this.#clock,
      log: this.#log,
      hello: () => this.#hello(),
      peer: (name) => this.#peers.get(name) ?? null,
      connected: () => this.#linked().map((peer) => peer.linked!.session.hello!),
      admit: (session, peer) => this.#admit(session, peer),
      refused: (_session, reason) => this.refusals.set(reason.name, (this.refusals.get(reason.name) ?? 0) + 1),
      alarm: (alarm) => options.alarm?.(alarm),
      place: (theirs) => options.membership?.place(theirs) ?? null,
      tell: (session) => this.#tell(session),
    });
    const { clock, random, net, log, seeds: find } = options;
    this.#seeds = find === undefined ? null : new Seeds({
      clock, random, net, log, find,
      wanted: () => this.#linked().length < this.#peers.size,
      greet: (link) => this.#open(link, true, null),
    });
    this.setPeers(options.peers);
  }

  /** Listens, dials, exchanges. Resolves when it listens. @throws if an address cannot be had. */
  async run(): Promise<void> {
    if (this.#state !== 'made') throw new Error('gossip runs once');
    this.#state = 'running';
    // What was written before and may be nowhere else.
    if (this.#replica.clock > 0) this.#unacked.add(this.#replica.clock, this.#replica.clock, 0, this.#clock.monotonicMs());
    const frames = this.#replica.onFrame((frame) => this.#ownFrame(frame));
    const news = this.#replica.onNews(() => this.#reporter.changed(false));
    this.#unsubscribe = () => {
      frames();
      news();
    };
    for (const url of this.#options.listen) this.#listeners.push(await this.#options.net.listen(url, (link) => this.#accept(link)));
    for (const peer of this.#peers.values()) peer.start();
    this.#antiEntropy.run();
    this.#seeds?.run();
    this.#bootstrap.start();
  }

  /** Sends what waits, tells the peers, closes everything. Takes as long as the links take what was sent, at most `stop_ms`. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#batcher.flush();
    this.#state = 'stopped';
    this.#unsubscribe?.();
    this.#batcher.stop();
    this.#reporter.stop();
    this.#antiEntropy.stop();
    this.#seeds?.stop();
    this.#admission.stop();
    const sessions = [...this.#greeting.keys(), ...this.#linked().map((peer) => peer.linked!.session)];
    for (const session of this.#greeting.keys()) session.close(closeReasons.stopping);
    for (const peer of this.#peers.values()) peer.stop(closeReasons.stopping);
    // A listener that closes ends its links at once, sent or not.
    const deadline = this.#clock.monotonicMs() + limits.stop_ms;
    while (sessions.some((session) => !session.gone) && this.#clock.monotonicMs() < deadline) {
      await new Promise<void>((resolve) => this.#clock.after(limits.drain_poll_ms, resolve));
    }
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** Resolves when this replica may serve; says why it may. */
  get ready(): Promise<Readiness> {
    return this.#bootstrap.ready;
  }

  get state(): MemberState {
    return this.#bootstrap.state;
  }

  /** The members from now on. Links to those that are gone are closed. */
  setPeers(addresses: readonly PeerAddress[]): void {
    const wanted = new Map(addresses.filter((a) => a.name !== this.#options.self.name).map((a) => [a.name, a]));
    for (const [name, peer] of this.#peers) {
      if (wanted.has(name)) continue;
      this.#peers.delete(name);
      peer.stop(closeReasons.removed);
      this.#bootstrap.forget(name);
    }
    for (const address of wanted.values()) {
      const known = this.#peers.get(address.name);
      if (known !== undefined) {
        known.urls = address.urls;
        continue;
      }
      const peer = new Peer(address, this.#clock, this.#options.random, this.#options.net, this.#log.with({ peer: address.name }), (link, dialled) =>
        this.#greet(link, dialled),
      );
      this.#peers.set(address.name, peer);
      if (this.#state === 'running') peer.start();
    }
  }

  /** What each peer's figures are now. */
  stats(): readonly PeerStats[] {
    const now = this.#clock.monotonicMs();
    return [...this.#peers.values()].map((peer) => {
      const beyond = this.#unacked.beyond(peer.ackedClock, now);
      peer.stats.lagMs = beyond.ageMs;
      peer.stats.unackedRecords = beyond.records;
      peer.stats.unackedBytes = beyond.bytes;
      peer.stats.bufferedBytes = peer.linked?.session.bufferedBytes ?? 0;
      return { ...peer.stats };
    });
  }

  /** Own transactions that no peer has reported to hold, and the age of the oldest of them; null: there is no peer. */
  singleCopy(): { readonly records: number; readonly ageMs: number } | null {
    if (this.#peers.size === 0) return null;
    return this.#unacked.beyond(Math.max(...[...this.#peers.values()].map((peer) => peer.ackedClock)), this.#clock.monotonicMs());
  }

  /** How many peers hold the own log durably up to `clock`. */
  holders(clock: number): number {
    this.#sameLog();
    let n = 0;
    for (const peer of this.#peers.values()) if (peer.ackedClock >= clock) n++;
    return n;
  }

  /** Sends to a member whose link is up a message about the next configuration. */
  sendAgreement(memberId: bigint, bytes: Uint8Array): void {
    this.#peerOf(memberId)?.linked?.session.send({ type: 'agree', bytes });
  }

  /** Sends the configuration to one member, or to all. */
  sendConfiguration(bytes: Uint8Array, memberId?: bigint): void {
    if (memberId === undefined) this.#broadcast({ type: 'config', bytes });
    else this.#peerOf(memberId)?.linked?.session.send({ type: 'config', bytes });
  }

  /** The log that a member writes whose link is up; null: there is none. */
  connectedLog(memberId: bigint): LogId | null {
    return this.#peerOf(memberId)?.linked?.session.hello?.log ?? null;
  }

  /** The links are made anew: this replica writes another log now, or has another configuration. */
  reconnect(): void {
    for (const peer of this.#linked()) peer.linked!.session.close(closeReasons.duplicateLink);
  }

  #peerOf(memberId: bigint): Peer | undefined {
    return this.#linked().find((peer) => peer.linked!.session.hello?.memberId === memberId);
  }

  #tell(session: Session): void {
    const { membership } = this.#options;
    if (membership !== undefined) session.send({ type: 'config', bytes: membership.encoded });
  }

  /** A configuration, perhaps on a link that is not accepted: what it says decides that. */
  #configured(session: Session, bytes: Uint8Array): void {
    const { membership } = this.#options;
    if (membership === undefined || session.hello?.clusterId !== this.#options.self.clusterId) return;
    try {
      membership.learn(bytes);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return session.close(closeReasons.malformed);
    }
    this.#admission.informed(session);
  }

  #joining(session: Session, bytes: Uint8Array): void {
    const { membership } = this.#options;
    if (membership === undefined) return session.close(closeReasons.unexpected);
    const answer = (): Promise<Uint8Array> => {
      try {
        return membership.join(bytes);
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    answer().then((joined) => {
      session.send({ type: 'joined', bytes: joined });
      session.close(closeReasons.answered);
    }, () => session.close(closeReasons.malformed));
  }

  #ownFrame(frame: OwnFrame): void {
    // The links' hellos named the log before: what comes next is not theirs. Whoever is dialled anew asks for it.
    if (this.#pushedLog !== this.#replica.log) {
      this.#pushedLog = this.#replica.log;
      this.reconnect();
    }
    this.#sameLog();
    this.#unacked.add(frame.clock, frame.records, frame.bytes.length, this.#clock.monotonicMs());
    // It carries this replica's report.
    this.#batcher.add(frame.bytes, frame.clock);
  }

  #hello(): Hello {
    return {
      ...this.#options.self,
      versionMin: WIRE_VERSION_MIN,
      versionMax: WIRE_VERSION,
      log: this.#replica.log,
      run: this.#run,
      startedWallMs: this.#startedWallMs,
      configNumber: this.#replica.configNumber,
      state: this.#bootstrap.state,
      proof: this.#options.proof ?? new Uint8Array(0),
      continues: this.#options.membership?.continues() ?? null,
    };
  }

  #accept(link: Link): void {
    const unknown = [...this.#greeting.keys()].filter((session) => !session.dialled).length;
    if (this.#state !== 'running') return link.close(closeReasons.stopping.code, closeReasons.stopping.name);
    if (unknown >= limits.unknown_links) return link.close(closeReasons.overloaded.code, closeReasons.overloaded.name);
    this.#greet(link, null);
  }

  #greet(link: Link, dialled: Peer | null): void {
    const session = this.#open(link, dialled !== null, dialled);
    dialled?.greeting(session);
    session.start();
  }

  /** @param expected whose URL was dialled; null: nobody's in particular, or the other side dialled */
  #open(link: Link, dialled: boolean, expected: Peer | null): Session {
    const session = new Session(link, dialled, this.#hello(), this.#clock, {
      hello: (s, hello) => this.#admission.hello(s, hello, expected?.name ?? null),
      message: (s, message) => this.#message(s, message),
      config: (s, bytes) => this.#configured(s, bytes),
      join: (s, bytes) => this.#joining(s, bytes),
      closed: (s, reason, here) => this.#closed(s, reason, here),
    });
    this.#greeting.set(session, expected);
    return session;
  }

  #admit(session: Session, peer: Peer): void {
    const hello = session.hello as Hello;
    const log = this.#log.with({ peer: peer.name });
    this.#greeting.get(session)?.greeted(session, peer);
    this.#seeds?.admitted(session);
    this.#greeting.delete(session);
    const mismatch = (): void => this.#mismatch(peer);
    const donor = new Donor(session, this.#replica, this.#clock, log, peer.stats, { mayAnswer: () => this.#isOfThisLog(session) && this.#mayAnswer(peer), mismatch, answering: () => this.#tellOldest(peer, session) });
    const pull: Pull = new Pull(session, this.#replica, this.#clock, log, peer.stats, this.#antiEntropy, {
      integrate: (frame) => this.#intake.answer(peer, session, frame),
      caughtUp: () => this.#caughtUp(peer),
      mismatch,
    });
    if (peer.log !== hello.log) peer.ackedClock = 0;
    peer.log = hello.log;
    peer.stats.state = hello.state;
    // Its place is the log's that it continues: what it writes meanwhile gets that place by consent only.
    this.#options.onMember?.(hello.slot, hello.continues ?? hello.log);
    const waiting = new WaitingRoom(
      this.#clock,
      (frame) => this.#intake.take(peer, session, frame) !== 'waiting',
      () => pull.want(),
    );
    peer.link({ session, donor, pull, waiting });
    log.info('peer connected', { remote: session.remote, dialled: session.dialled, log: hello.log });
    this.#bootstrap.heard(peer.name, hello.state);
    session.send({ type: 'report', report: this.#replica.report() });
    // It may have changed since the hello was sent, when this link was not yet among those that are told.
    session.send({ type: 'status', state: this.#bootstrap.state });
    pull.want();
    session.accept(peer.stats);
  }

  #closed(session: Session, reason: CloseReason | null, here: boolean): void {
    const dialled = this.#greeting.get(session) ?? null;
    this.#greeting.delete(session);
    const peer = dialled ?? (session.hello === null ? null : (this.#peers.get(session.hello.name) ?? null));
    const level = reason?.level ?? 'info';
    this.#log[level]('link closed', { peer: peer?.name, remote: session.remote, reason: reason?.name ?? 'broken', here });
    if (session.state === 'closed' && peer !== null && session.stats === null && reason !== null && reason !== closeReasons.duplicateLink) {
      peer.stats.refusals++;
    }
    this.#admission.closed(session);
    this.#seeds?.ended(session, reason);
    if (!here && peer !== null && reason !== null && session.state === 'closed' && (reason === closeReasons.otherDisk || reason === closeReasons.removed || reason === closeReasons.notMember)) {
      this.#options.membership?.refused(reason, peer.name);
    }
    if (this.#state === 'running') peer?.ended(session, reason);
  }

  #message(session: Session, message: Message): void {
    const peer = this.#peers.get(session.hello!.name);
    // The last messages of a link that another has replaced.
    if (peer?.linked?.session !== session) return;
    switch (message.type) {
      case 'frames':
        return this.#intake.frames(peer, session, message.frames, message.ackWanted);
      case 'vector':
        return peer.linked.donor.asked(message);
      case 'chunk':
        return peer.linked.pull.received(message);
      case 'nudge':
        return peer.linked.pull.want();
      case 'made':
        return peer.convergence.told(session.hello!.log, message, this.#replica.held(session.hello!.log));
      case 'report':
        // It may have caught up since it said hello.
        if (this.#intake.take(peer, session, message.report) !== null) this.#options.heard?.({ ...session.hello!, state: peer.stats.state ?? 'new' });
        return;
      case 'agree':
        return this.#agree(session, message.bytes);
      case 'status':
        peer.stats.state = message.state;
        return this.#bootstrap.heard(peer.name, message.state);
      default:
        session.close(closeReasons.unexpected);
    }
  }

  /** A peer is about to get what it lacks: when the oldest of it was made here. */
  #tellOldest(peer: Peer, session: Session): void {
    const oldest = this.#unacked.oldest(peer.ackedClock);
    if (oldest === null || session.hello!.versionMax < MADE_VERSION) return;
    const wallMs = this.#clock.wallMs() - this.#clock.monotonicMs() + oldest.atMs;
    session.send({ type: 'made', clock: oldest.clock, wallMs: Math.max(0, Math.floor(wallMs)) });
  }

  #converged(peer: Peer): void {
    // Before a pong nobody knows how far the clocks are apart.
    if (peer.log === null || peer.linked === null || peer.linked.session.answeredMs === -Infinity) return;
    for (const seconds of peer.convergence.arrived(this.#replica.held(peer.log), this.#clock.wallMs() + peer.stats.clockSkewMs)) this.#options.onConverged?.(seconds);
  }

  #agree(session: Session, bytes: Uint8Array): void {
    try {
      this.#options.membership?.received(session.hello!.memberId, bytes);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      session.close(closeReasons.malformed);
    }
  }

  /** With nobody else to ask, a peer gets after a while what there is: otherwise replicas that wait for each other would wait for ever. */
  #mayAnswer(peer: Peer): boolean {
    if (peer.stats.state === 'ready' || this.#options.membership?.doubtful !== true) return true;
    const now = this.#clock.monotonicMs();
    peer.askedMs ??= now;
    return now - peer.askedMs >= limits.donor_doubt_wait_ms;
  }

  #caughtUp(peer: Peer): void {
    if (this.#bootstrap.state === 'ready') return;
    this.#replica.flushed().then(
      () => this.#bootstrap.caughtUp(peer.name),
      () => {},
    );
  }

  /** The owner of `log` holds the own log durably up to `clock`; it may be another than who brought the report. */
  #acked(log: LogId, clock: number): void {
    this.#sameLog();
    for (const peer of this.#peers.values()) {
      if (peer.log !== log || clock <= peer.ackedClock) continue;
      peer.ackedClock = clock;
      this.#options.onReport?.(peer.name, clock);
      this.#unacked.forget(Math.min(...[...this.#peers.values()].map((p) => p.ackedClock)));
    }
  }

  /** This replica may have begun a new log, whose clock starts at 0: what peers held of the one before says nothing of it. */
  #sameLog(): void {
    if (this.#ackedLog === this.#replica.log) return;
    this.#ackedLog = this.#replica.log;
    for (const peer of this.#peers.values()) peer.ackedClock = 0;
    this.#unacked.begin();
  }

  /** Equal vectors, unequal contents: a bug, or damage that no checksum saw. Both sides fetch everything from each other. */
  #mismatch(peer: Peer): void {
    peer.stats.digestMismatches++;
    this.#log.error('peer holds the same logs with other contents', { peer: peer.name });
    this.#options.alarm?.({ type: 'digestMismatch', peer: peer.name });
    const now = this.#clock.monotonicMs();
    if (now - (this.#lastFullMs.get(peer.name) ?? -Infinity) < limits.full_sync_interval_ms) return;
    this.#lastFullMs.set(peer.name, now);
    peer.linked?.pull.want(true);
  }

  #linked(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.linked !== null);
  }

  /** Did the hello on this link name the log that this replica writes now? If not, the link is about to be made anew, and nothing of the new log goes over it. */
  #isOfThisLog(session: Session): boolean {
    return session.mine.log === this.#replica.log;
  }

  #report(report: Uint8Array): void {
    const bytes = encodeMessage({ type: 'report', report });
    for (const { linked } of this.#linked()) if (this.#isOfThisLog(linked!.session)) linked!.session.sendEncoded(bytes);
  }

  #broadcast(message: Message): void {
    const bytes = encodeMessage(message);
    for (const peer of this.#linked()) peer.linked!.session.sendEncoded(bytes);
  }
}
