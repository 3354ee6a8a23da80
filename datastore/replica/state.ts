/**
 * The replica's part of a snapshot, in chunks: identity and counters, then each document in pieces, then what the documents must amount to.
 *
 *     0 header   u8 format version (2), u8 initialised
 *                [log, u8 striding, varuint current revision, last counted by 1, floor, Lamport counter]
 *                varuint `at` of the newest retirement, sum of the clocks of all retired logs; those remembered (retirements.ts); vector of the logs;
 *                varuint n, n × log: those that this disk wrote before (since version 2)
 *     1 piece    log, bytes        of the document's V1 state, in order
 *     3 staged   log, varuint from, to, lamport, bytes: an update of a unit that is not complete yet, in order
 *     2 end      varuint n, n × { log, varuint digest }
 *
 * Reports and members are not in it: they come again with the first peer.
 */
import { MalformedError, Reader, Writer } from '../bytes.ts';
import type { LogDoc, LogUpdate } from './log-doc.ts';
import { readRetirements, writeRetirements } from './retirements.ts';
import type { Retirement, Retirements } from './retirements.ts';
import type { RevisionState } from './revisions.ts';
import { logName } from './types.ts';
import type { LogId } from './types.ts';
import { readLog, readVector, writeLog, writeVector } from './vector.ts';
import type { Held } from './vector.ts';

const VERSION = 2;
const VERSION_MIN = 1;
const HEADER = 0;
const PIECE = 1;
const END = 2;
const STAGED = 3;
const PIECE_BYTES = 1_048_576;

export interface ReplicaState {
  /** null: the disk has no identity yet. */
  readonly identity: { readonly log: LogId; readonly revisions: RevisionState; readonly lamport: number } | null;
  readonly former: ReadonlySet<LogId>;
  readonly retired: Retirements;
  readonly logs: Iterable<LogDoc>;
  readonly staged: readonly LogUpdate[];
}

export function* encodeState({ identity, former, retired, logs, staged }: ReplicaState): IterableIterator<Uint8Array> {
  const docs = [...logs];
  const w = new Writer().u8(HEADER).u8(VERSION).u8(identity === null ? 0 : 1);
  if (identity !== null) {
    const { striding, current, lastSingle, floor } = identity.revisions;
    writeLog(w, identity.log).u8(striding ? 1 : 0).varuint(current).varuint(lastSingle).varuint(floor).varuint(identity.lamport);
  }
  writeRetirements(w.varuint(retired.newest).varuint(retired.clocks), retired);
  writeVector(w, new Map(docs.map((doc) => [doc.log, doc])));
  w.varuint(former.size);
  for (const log of former) writeLog(w, log);
  yield w.take();
  for (const doc of docs) {
    const { update } = doc.updateSince(0);
    for (let at = 0; at < update.length; at += PIECE_BYTES) {
      yield writeLog(w.reset().u8(PIECE), doc.log).bytes(update.subarray(at, at + PIECE_BYTES)).take();
    }
  }
  for (const { log, fromClock, toClock, lamport, update } of staged) {
    yield writeLog(w.reset().u8(STAGED), log).varuint(fromClock).varuint(toClock).varuint(lamport).bytes(update).take();
  }
  w.reset().u8(END).varuint(docs.length);
  for (const doc of docs) writeLog(w, doc.log).varuint(doc.digest);
  yield w.take();
}

/** Logs that are no more, of a snapshot. */
export interface LoadedRetirements {
  readonly newest: number;
  readonly clocks: number;
  readonly retired: ReadonlyMap<LogId, Retirement>;
}

/** Where a loader puts what it reads. */
export interface StateTarget {
  header(identity: ReplicaState['identity'], retired: LoadedRetirements, former: ReadonlySet<LogId>): void;
  /** @returns the document loaded */
  log(log: LogId, held: Held, update: Uint8Array): LogDoc;
  staged(update: LogUpdate): void;
}

/** Takes the chunks in order. @throws MalformedError if they are not what `encodeState` gave, or the documents not what they were. */
export class StateLoader {
  readonly #target: StateTarget;
  #logs: Map<LogId, Held> = new Map();
  readonly #pieces = new Map<LogId, Uint8Array[]>();
  #ended = false;

  constructor(target: StateTarget) {
    this.#target = target;
  }

  /** True once all of it has been loaded. */
  get ended(): boolean {
    return this.#ended;
  }

  chunk(bytes: Uint8Array): void {
    const r = new Reader(bytes);
    const kind = r.u8();
    if (kind === HEADER) this.#header(r);
    else if (kind === PIECE) this.#piece(r);
    else if (kind === END) this.#end(r);
    else if (kind === STAGED) this.#staged(r);
    else throw new MalformedError(`snapshot chunk of kind ${kind}`);
    r.end();
  }

  #header(r: Reader): void {
    const version = r.u8();
    if (version < VERSION_MIN || version > VERSION) throw new MalformedError(`snapshot of version ${version}`);
    const identity = r.u8() === 0 ? null : readIdentity(r);
    const newest = r.varuint();
    const clocks = r.varuint();
    const retired = readRetirements(r);
    this.#logs = readVector(r);
    const former = new Set<LogId>();
    if (version >= 2) for (let n = r.count(5); n > 0; n--) former.add(readLog(r));
    this.#target.header(identity, { newest, clocks, retired }, former);
  }

  #piece(r: Reader): void {
    const log = readLog(r);
    if (!this.#logs.has(log)) throw new MalformedError('snapshot piece of an unknown log');
    const pieces = this.#pieces.get(log);
    const piece = new Uint8Array(r.bytes());
    if (pieces === undefined) this.#pieces.set(log, [piece]);
    else pieces.push(piece);
  }

  #staged(r: Reader): void {
    const log = readLog(r);
    const fromClock = r.varuint();
    const toClock = r.varuint();
    this.#target.staged({ log, fromClock, toClock, lamport: r.varuint(), update: new Uint8Array(r.bytes()) });
  }

  #end(r: Reader): void {
    const digests = new Map<LogId, number>();
    for (let n = r.count(6); n > 0; n--) digests.set(readLog(r), r.varuint());
    for (const [log, held] of this.#logs) {
      const doc = this.#target.log(log, held, join(this.#pieces.get(log) ?? []));
      this.#pieces.delete(log);
      if (doc.digest !== digests.get(log)) throw new MalformedError(`snapshot of ${logName(log)} has another content`);
    }
    this.#ended = true;
  }
}

function readIdentity(r: Reader): NonNullable<ReplicaState['identity']> {
  const slot = r.u8();
  const log = slot * 4_294_967_296 + r.u32();
  const striding = r.u8() === 1;
  const current = r.varuint();
  const lastSingle = r.varuint();
  const floor = r.varuint();
  return { log, revisions: { slot, striding, current, lastSingle, floor }, lamport: r.varuint() };
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
