/**
 * One replica: the logs it holds, its own among them, and the way of every change into them.
 *
 * A change is decided synchronously (stamp, revision, `sink.integrate`), waits in order for the next group commit, and is durable, visible
 * and sent to the peers when that is on stable storage. What a peer's frame brings goes the same way. See ARCHITECTURE.md, "A write".
 */
import type { Clock, Timer } from '../host/host.ts';
import type { Journal } from '../journal/types.ts';
import { limits } from '../limits.ts';
import type { Answer } from './answer.ts';
import { Applied } from './applied.ts';
import { assert } from './assert.ts';
import { Collector } from './collector.ts';
import { encodeEntry } from './entry.ts';
import type { Entry } from './entry.ts';
import { Exchange } from './exchange.ts';
import type { Frame, Report } from './frame.ts';
import { Heir } from './heir.ts';
import type { LogDoc } from './log-doc.ts';
import type { Logs } from './logs.ts';
import { Outbox } from './outbox.ts';
import type { OwnFrame } from './outbox.ts';
import { Pipeline } from './pipeline.ts';
import type { Group } from './pipeline.ts';
import { Queue } from './queue.ts';
import { RecordWriter } from './record.ts';
import type { StoredRecord } from './record.ts';
import type { Retirements } from './retirements.ts';
import type { RevisionKind, Revisions } from './revisions.ts';
import { usualShape } from './segment.ts';
import type { Shape } from './segment.ts';
import { Stability } from './stability.ts';
import type { Member, Standing } from './stability.ts';
import type { StateLoader } from './state.ts';
import { logId, slotOf, Space } from './types.ts';
import type { LogId, RecordSink, Stamp, Write } from './types.ts';
import { UnitIntake } from './unit-intake.ts';
import type { Outcome } from './unit-intake.ts';
import type { Vector } from './vector.ts';

export interface Identity {
  readonly slot: number;
  /** Random, 32 bits, drawn when the disk is initialised. */
  readonly incarnation: number;
  /** False only for a store of a single member that is to count by 1. */
  readonly striding: boolean;
}

export interface ReplicaOptions {
  readonly clock: Clock;
  readonly sink: RecordSink;
  /** The same as calling `onFrame` at once, for one who wants the bytes only. */
  readonly onFrame?: (frame: Uint8Array) => void;
  /** How large the parts of the documents are; tests make them small. */
  readonly shape?: Shape;
  /** The journal broke, or an invariant: the process must stop. */
  readonly onFatal?: (error: unknown) => void;
}

/**
 * applied: new here. known: nothing new. gap: an update begins above what is held; ask for what is missing. waiting: something that the frame
 * depends on is not here; anti-entropy brings it whole.
 */
export type IntegrateResult = Outcome;

export interface Commit {
  readonly revision: number;
  /** Resolves when it is on stable storage and visible. */
  readonly durable: Promise<void>;
}

/** What had been applied when a group was made; what is durable when it is. */
interface Mark extends Standing {
  readonly revision: number;
  /** The number of the report that says so. */
  readonly number: number;
  readonly digests: ReadonlyMap<LogId, number>;
}

const TICK_MS = 1_000;
export { StaleDiskError } from './logs.ts';
export type { OwnFrame } from './outbox.ts';

export class Replica {
  readonly #clock: Clock;
  readonly #sink: RecordSink;
  readonly #outbox = new Outbox();
  readonly #pipeline: Pipeline;
  readonly #collector: Collector;
  readonly #queue: Queue;
  readonly #stability: Stability;
  readonly #writer: RecordWriter;
  readonly #heir: Heir;
  readonly #applied: Applied;
  readonly #units: UnitIntake;
  readonly #exchange: Exchange;
  #held = false;
  /** Has there ever been a log of that slot? */
  readonly #heard = (slot: number): boolean => {
    for (const log of this.#logs.docs.keys()) if (slotOf(log) === slot) return true;
    for (const log of this.#logs.retired.keys()) if (slotOf(log) === slot) return true;
    return false;
  };
  readonly #mended: LogId[] = [];
  readonly #news = new Set<() => void>();
  #durable: Mark = { revision: 0, vector: new Map(), config: 0, newest: 0, number: 0, digests: new Map() };
  /** While half a unit is in the documents: what was held, durable and visible before. Nothing of the unit shows until it is complete. */
  #before: Mark | null = null;
  #started = false;
  #tick: Timer | null = null;

  constructor({ clock, sink, onFrame, onFatal, shape = usualShape }: ReplicaOptions) {
    this.#applied = new Applied(sink, shape);
    this.#clock = clock;
    this.#sink = sink;
    if (onFrame !== undefined) this.onFrame(({ bytes }) => onFrame(bytes));
    this.#pipeline = new Pipeline(clock, () => this.#prepare(), onFatal ?? (() => {}), () => this.#units.full());
    const { logs } = this.#applied;
    this.#writer = new RecordWriter(logs.retired);
    this.#stability = new Stability({ own: () => this.log, durable: () => this.#durable, covers: (held) => logs.covers(held, this.#durable.vector), retired: logs.retired });
    this.#collector = new Collector({ sink, stable: (stamp) => this.stable(stamp), isMember: (log) => this.#stability.isMember(log), retired: logs.retired, shape });
    this.#heir = new Heir(logs, sink, this.#collector);
    this.#queue = new Queue(sink, this.#collector, this.#heir);
    this.#units = new UnitIntake(this.#applied, {
      clock,
      sink,
      submit: (entry) => this.#submit(entry),
      flushed: () => this.flushed(),
      busy: () => this.#queue.records > 0 || !this.#pipeline.idle,
      full: () => this.#pipeline.full,
      begins: () => void (this.#before = this.#mark()),
      ended: () => void (this.#before = null),
      mended: (log) => {
        this.#mended.push(log);
        for (const fn of this.#news) fn();
      },
      broken: (error) => this.#pipeline.break(error),
    }, shape);
    this.#exchange = new Exchange(this.#applied, this.#stability, this.#units, this.#heir, {
      clock,
      own: () => this.#ownLog(),
      durable: () => this.#durable,
      held: () => this.held,
      submit: (entry) => this.#submit(entry),
      flushed: () => this.flushed(),
      wake: () => void this.#pipeline.submit(),
    });
  }

  // ---- life

  /** True once the disk has an identity, be it recovered or new. */
  get initialised(): boolean {
    return this.#own !== null;
  }

  /** Gives an empty disk its identity; the first entry of its journal. */
  initialise(identity: Identity): Promise<void> {
    assert(this.#own === null, 'a disk is initialised once');
    const log = logId(identity.slot, identity.incarnation);
    this.#applied.identify(log, identity.striding);
    if (this.#started) this.#own!.own();
    return this.#submit({ kind: 'identity', log, striding: identity.striding });
  }

  /**
   * Goes on in the log of a new incarnation, because this disk may be an old copy: after a `StaleDiskError`, or when no peer can vouch for it
   * (REPLICATION.md, rule 13). What was in the old log stays, as a log of which peers may hold more.
   * @param incarnation random, 32 bits
   */
  async reincarnate(incarnation: number): Promise<void> {
    assert(this.#started, 'a started replica gets a new incarnation');
    this.#units.settle();
    while (this.#queue.records > 0) await this.flushed();
    const log = logId(this.slot, incarnation);
    assert(this.#logs.isNew(log), 'an incarnation is new');
    this.#ownLog().disown();
    this.#applied.identify(log, true);
    this.#collector.reset();
    this.#ownLog().own();
    void this.#submit({ kind: 'identity', log, striding: true });
    await this.beginIncarnation().durable;
  }

  /** Recovery is over: everything applied so far is durable, and the replica may write. */
  start(journal: Journal): void {
    assert(!this.#started, 'started once');
    this.#started = true;
    this.#applied.recovered();
    this.#own?.own();
    this.#becomeDurable(this.#mark());
    this.#pipeline.start(journal);
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
  }

  /** Waits until everything decided is durable; not for room on a full disk: what waits for that has not been acknowledged. */
  async stop(): Promise<void> {
    this.#tick?.cancel();
    this.#units.settle();
    try {
      if (!this.#pipeline.full) await this.#pipeline.flushed();
    } finally {
      this.#tick?.cancel();
      this.#pipeline.stop();
    }
  }

  // ---- what it is

  get log(): LogId {
    return this.#ownLog().log;
  }

  get slot(): number {
    return slotOf(this.log);
  }

  get lamport(): number {
    return this.#logs.lamport;
  }

  /** Of the applied state. */
  get currentRevision(): number {
    return this.#applied.currentRevision;
  }

  /** Everything up to it is durable. */
  get visibleRevision(): number {
    return this.#durable.revision;
  }

  /** What the next `commit` that changes the client space gets. */
  get nextRevision(): number {
    return this.#applied.revisions.next(this.#applied.nextLamport);
  }

  /** Switch, floor and strides of the revisions; read only. */
  get revisions(): Revisions {
    return this.#applied.revisions;
  }

  /** False: refuse new client writes with `errNoSpace`. What is decided already waits and is written later. */
  get writable(): boolean {
    return this.#pipeline.writable;
  }

  /** True: the own log does not move, and what this replica reports counts for little, for it is not known yet whether the disk is an old copy. */
  get held(): boolean {
    return this.#held;
  }

  set held(held: boolean) {
    if (held === this.#held) return;
    this.#held = held;
    for (const fn of this.#news) fn();
  }

  /** Everything applied so far is durable. */
  flushed(): Promise<void> {
    return this.#pipeline.flushed();
  }

  /** Nothing decided waits for stable storage. */
  get idle(): boolean {
    return this.#pipeline.idle;
  }

  // ---- own changes

  /** Decides one transaction. Synchronous up to and including `sink.integrate`. */
  commit(writes: readonly Write[]): Commit {
    this.#units.settle();
    const own = this.#ownLog();
    const revisions = this.#applied.revisions;
    assert(this.#started && writes.length > 0, 'a started replica commits writes');
    assert(!this.held, 'the own log is written only once it is known that the disk is no old copy');
    const lamport = this.#applied.nextLamport;
    const revision = revisions.next(lamport);
    const written = !revisions.striding && writes.some((w) => w.space === Space.client) ? revision : 0;
    const record = this.#writer.encode({ lamport, log: own.log }, written, this.#logs.context, this.#described(writes));
    this.#logs.heard(own.log, lamport);
    this.#queue.record(record, this.#applied.give(record, undefined, true));
    return { revision: revisions.current, durable: this.#pipeline.submit() };
  }

  /** Decides writes that no other replica ever sees. */
  commitLocal(writes: readonly Write[]): Commit {
    this.#units.settle();
    const revision = this.#applied.revisions.next(0);
    const durable = this.#submit({ kind: 'local', revision, writes });
    this.#applied.local(revision, writes);
    return { revision, durable };
  }

  /** Forgets history up to and including `revision`, here only. */
  compact(revision: number): Promise<void> {
    this.#units.settle();
    this.#sink.compacted(revision);
    return this.#submit({ kind: 'compact', revision });
  }

  /**
   * Moves the counter above a foreign revision that a client named, so that `header.revision` only ever grows for a client that moves.
   * Does nothing for any other revision, or one absurdly far ahead.
   * @returns null if nothing moved
   */
  advanceAbove(foreign: number): Commit | null {
    this.#units.settle();
    const revision = this.#applied.revisions.above(foreign, this.#heard);
    if (revision === 0) return null;
    this.#applied.advance(revision, false);
    return { revision, durable: this.#submit({ kind: 'advance', revision, begin: false }) };
  }

  /**
   * The first revision of a new incarnation, once it has caught up: above all it has heard of plus a gap, since its predecessor may have issued
   * revisions that nobody heard. Everything below counts as compacted.
   */
  beginIncarnation(): Commit {
    this.#units.settle();
    const revisions = this.#applied.revisions;
    const revision = revisions.of(Math.max(this.#logs.lamport, revisions.counter) + limits.incarnation_gap);
    this.#applied.advance(revision, true);
    return { revision, durable: this.#submit({ kind: 'advance', revision, begin: true }) };
  }

  /** From now on revisions stride: a second member has joined. */
  stride(): Promise<void> {
    this.#units.settle();
    if (this.#applied.revisions.striding) return this.flushed();
    this.#applied.stride();
    return this.#submit({ kind: 'stride' });
  }

  /** What a revision named by a client means here. */
  classify(revision: number): RevisionKind {
    return this.#applied.revisions.classify(revision, this.#heard);
  }

  /** Small state of another module, through the journal in order with everything else. Its handler is called at once, and at replay. */
  note(name: string, body: Uint8Array): Promise<void> {
    this.#applied.note(name, body);
    return this.#submit({ kind: 'note', name, body });
  }

  onNote(name: string, handler: (body: Uint8Array) => void): void {
    this.#applied.onNote(name, handler);
  }

  // ---- other replicas

  /**
   * Takes a frame from a peer, whole or not at all. Whether its sender is a member at all the caller has checked.
   * @throws MalformedError (nothing has been applied), StaleDiskError (this disk must get a new incarnation)
   */
  integrate(frame: Frame): IntegrateResult {
    assert(this.#started, 'a started replica integrates');
    return this.#exchange.integrate(frame);
  }

  /**
   * Takes the pieces of an answer (`answerTo`), whole or not at all, without holding anybody up for long. They are put on stable storage first;
   * from then until the unit is complete nothing of it shows, own writes wait (`settled`), and frames are told to.
   * @param pieces decoded a few at a time, if it is done lazily
   * @param repair they are all there is, asked for because of a mismatch (mending.ts)
   * @throws as `integrate`
   */
  integrateUnit(pieces: Iterable<Frame>, repair = false): Promise<IntegrateResult> {
    assert(this.#started, 'a started replica integrates');
    return this.#exchange.integrateUnit(pieces, repair);
  }

  /** Null; or, while a unit is being integrated, its end: a write decided before that would have to finish it at once. */
  settled(): Promise<void> | null {
    return this.#units.settled;
  }

  /**
   * Everything that a replica with this vector lacks, in all logs, with deletions, in pieces; made while they are fetched.
   * @param theirs null: everything there is, for a repair
   * @param newest `at` of the newest retirement known there
   */
  answerTo(theirs: ReadonlyMap<LogId, { readonly clock: number }> | null, pieceBytes?: number, newest = 0): Answer {
    return this.#exchange.answerTo(theirs, pieceBytes, newest);
  }

  /** What this replica holds durably, of every log. */
  vector(): Vector {
    return this.#durable.vector;
  }

  /** Digest of the durable content of every log: with equal vectors these are equal, or something is wrong. */
  digests(): ReadonlyMap<LogId, number> {
    return this.#durable.digests;
  }

  /** Calls `fn` with every own frame from now on, in order. @returns a function that ends it */
  onFrame(fn: (frame: OwnFrame) => void): () => void {
    return this.#outbox.onFrame(fn);
  }

  /** A frame without updates that says what is durable here, and what others have said. */
  reportFrame(): Uint8Array {
    return this.#exchange.reportFrame();
  }

  /** What a member says it durably holds. */
  reported(report: Report): void {
    this.#exchange.reported(report);
  }

  /** The newest report of the member that writes `log`, heard since the start. */
  reportOf(log: LogId): Report | undefined {
    return this.#stability.reportOf(log);
  }

  /** Number of the membership configuration known here. */
  get config(): number {
    return this.#stability.config;
  }

  /** What this replica durably holds. Its number is the sum of all clocks: it grows, also across restarts. */
  report(): Report {
    return this.#exchange.report();
  }

  /**
   * Tells who the members are, this replica included. Nothing is stable before.
   * @param config number of that configuration of the membership
   * @param removed logs that no member writes any more
   */
  setMembers(members: readonly Member[], config = 0, removed: readonly LogId[] = []): void {
    this.#stability.setMembers(members, config);
    this.#exchange.setRemoved(removed);
    this.#applied.revisions.setMembers(members.map((m) => m.slot));
    // What the report says of it counts from when all that came before is durable.
    if (this.#started) void this.#pipeline.submit();
  }

  /** Held durably by every member, so that no write can turn up whose author did not know it (REPLICATION.md, rule 9). */
  stable(stamp: Stamp): boolean {
    return this.#stability.stable(stamp);
  }

  /** Of every log, those that are no more included, the highest Lamport counter that is durable here. */
  counters(): Map<LogId, number> {
    const counters = new Map([...this.retired].map(([log, { lamport }]) => [log, lamport]));
    for (const [log, { lamport }] of this.#durable.vector) counters.set(log, lamport);
    return counters;
  }

  /** Is all of `held` durable here, or was it until its log was retired? */
  covers(held: Vector): boolean {
    return this.#logs.covers(held, this.#durable.vector);
  }

  /** Is it a log that this disk wrote before the present one? */
  wrote(log: LogId): boolean {
    return this.#logs.former.has(log);
  }

  /** Does every member know, as far as has been reported, that the log is retired? */
  isRetiredEverywhere(log: LogId): boolean {
    const retired = this.retired.get(log);
    return retired !== undefined && (this.#stability.agreed()?.every(({ newest }) => newest >= retired.at) ?? false);
  }

  /** Logs that have been replaced because they were not what their owners had written (mending.ts), in order. */
  get mended(): readonly LogId[] {
    return this.#mended;
  }

  /** Calls `fn` when what this replica reports of itself, besides clocks, has changed: the configuration or the retirements that it knows, or whether that counts. */
  onNews(fn: () => void): () => void {
    this.#news.add(fn);
    return () => void this.#news.delete(fn);
  }

  /** The logs that are no more, and where they ended (REPLICATION.md, 14). */
  get retired(): Retirements {
    return this.#logs.retired;
  }

  /** For tests, metrics and snapshots. */
  get logs(): ReadonlyMap<LogId, LogDoc> {
    return this.#logs.docs;
  }

  // ---- replay

  /** Applies an entry of the journal again. @throws MalformedError; InvariantError if the outcome is not what it was */
  applyEntry(bytes: Uint8Array): void {
    assert(!this.#started, 'entries are replayed before the start');
    this.#applied.replay(bytes);
  }

  // ---- snapshots

  /** The whole state but what others keep of it, in chunks of about a MiB. Blocks for long: run it off the serving thread. */
  encodeState(): Iterable<Uint8Array> {
    return this.#applied.encodeState();
  }

  /** Takes what `encodeState` gave, chunk by chunk, before any entry. The sink is not called: it restores itself by `recordByStamp`. */
  loader(): StateLoader {
    assert(!this.#started, 'a snapshot is loaded before the start');
    return this.#applied.loader();
  }

  /** All of `encodeState`'s chunks at once. */
  async loadState(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const loader = this.loader();
    for await (const chunk of chunks) loader.chunk(chunk);
    assert(loader.ended, 'a snapshot is loaded to its end');
  }

  /**
   * The record of a stamp, if it is physically in a document. For loading and encoding snapshots: the first call after a change makes an
   * index of all records.
   */
  recordByStamp(log: LogId, lamport: number): StoredRecord | undefined {
    return this.#logs.find(log, lamport);
  }

  // ---- inside

  get #logs(): Logs {
    return this.#applied.logs;
  }

  get #own(): LogDoc | null {
    return this.#applied.own;
  }

  /** With what is needed to merge them, if there is anybody who could write at the same time. */
  #described(writes: readonly Write[]): readonly Write[] {
    if (this.#sink.describe === undefined || this.#stability.members.length < 2) return writes;
    return this.#sink.describe(writes, (stamp) => this.stable(stamp));
  }

  #ownLog(): LogDoc {
    assert(this.#own !== null, 'the disk is initialised');
    return this.#own;
  }

  #submit(entry: Entry): Promise<void> {
    this.#queue.entry(encodeEntry(entry));
    return this.#pipeline.submit();
  }

  /** One group of everything that waits. */
  #prepare(): Group | null {
    this.#logs.changed();
    const batch = this.#queue.drain(this.#own, !this.held && !this.#units.flipping);
    if (batch === null) {
      const mark = this.#mark();
      // Nothing is being written, so all of it is durable.
      if (mark.config !== this.#durable.config) this.#becomeDurable(mark);
      this.#heir.held(mark.vector);
      return null;
    }
    let mark: Mark;
    return {
      entries: batch.entries,
      begun: () => {
        batch.place();
        mark = this.#mark();
      },
      durable: () => {
        this.#becomeDurable(mark);
        this.#heir.held(mark.vector);
      },
      after: () => {
        this.#outbox.send(batch.sent, mark.vector, this.report());
        // A little at a time, so that nobody waits for long; but all of it.
        const { own } = this.#applied;
        if (this.#heir.waiting || (batch.forgot && own !== null && this.#collector.waiting(own))) void this.#pipeline.submit();
      },
    };
  }

  #mark(): Mark {
    if (this.#before !== null) return this.#before;
    const vector = this.#logs.vector();
    const { newest, clocks } = this.#logs.retired;
    // The sum of all clocks there have been: it grows, also across restarts.
    let number = clocks;
    for (const { clock } of vector.values()) number += clock;
    return { revision: this.currentRevision, vector, config: this.#stability.config, newest, number, digests: this.#logs.digests() };
  }

  #becomeDurable(mark: Mark): void {
    const advanced = mark.revision > this.#durable.revision;
    const news = mark.config !== this.#durable.config || mark.newest !== this.#durable.newest;
    this.#durable = mark;
    this.#stability.moved();
    if (advanced) this.#sink.durable(mark.revision);
    if (news) for (const fn of this.#news) fn();
  }

  /** An idle replica forgets, too. */
  #onTick(): void {
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
    if (this.#own === null || this.held || this.#units.flipping) return;
    this.#exchange.inherit();
    this.#collector.search(this.#own, 4);
    if (this.#collector.waiting(this.#own)) void this.#pipeline.submit();
  }
}
