/** The replica behind gossip's port: frames, vectors and digests as bytes. */
import { limits } from '../limits.ts';
import { MalformedError, Reader, Writer } from '../bytes.ts';
import { decodeFrame, FrameKind } from '../replica/frame.ts';
import type { Frame } from '../replica/frame.ts';
import { StaleDiskError } from '../replica/replica.ts';
import type { Replica } from '../replica/replica.ts';
import type { LogId } from '../replica/types.ts';
import { readDigests, readVector, writeDigests, writeVector } from '../replica/vector.ts';
import type { AnswerPort, Integrated, OwnFrame, ReplicaPort } from './types.ts';

export class ReplicaExchange implements ReplicaPort {
  readonly #replica: Replica;
  /** Frames that are tried again are decoded once. */
  readonly #decoded = new WeakMap<Uint8Array, Frame>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  get log(): LogId {
    return this.#replica.log;
  }

  get clock(): number {
    return this.held(this.#replica.log);
  }

  held(log: LogId): number {
    return this.#replica.vector().get(log)?.clock ?? 0;
  }

  get configNumber(): number {
    return this.#replica.config;
  }

  onFrame(fn: (frame: OwnFrame) => void): () => void {
    return this.#replica.onFrame(fn);
  }

  integrate(bytes: Uint8Array, from: LogId): Integrated {
    const frame = this.#decoded.get(bytes) ?? decodeFrame(bytes);
    if (frame.sender !== from) throw new MalformedError('a frame in the name of another member');
    const own = this.#replica.log;
    const acks = frame.reports.map((report): [LogId, number] => [report.log, report.held.get(own)?.clock ?? 0]);
    if (this.#shownStale(frame)) return { result: 'stale', acks: [] };
    try {
      const result = this.#replica.integrate(frame);
      if (result === 'waiting') this.#decoded.set(bytes, frame);
      return { result, acks };
    } catch (error) {
      if (error instanceof StaleDiskError) return { result: 'stale', acks: [] };
      throw error;
    }
  }

  /** Somebody holds more of the own log than this disk; or this replica itself, by whatever log it wrote then, once held more than it does now. */
  #shownStale({ reports }: Frame): boolean {
    const own = this.#replica.log;
    const clock = this.#replica.logs.get(own)?.clock ?? 0;
    for (const report of reports) {
      if ((report.held.get(own)?.clock ?? 0) > clock) return true;
      if ((report.log === own || this.#replica.wrote(report.log)) && !this.#replica.covers(report.held)) return true;
    }
    return false;
  }

  vector(): Uint8Array {
    const sorted = [...this.#replica.vector()].filter(([, { clock }]) => clock > 0).sort(([a], [b]) => a - b);
    const w = new Writer();
    writeVector(w, new Map(sorted));
    // Which logs are no more it need not be told again.
    return w.varuint(this.#replica.report().newest).take();
  }

  async integrateAnswer(pieces: readonly Uint8Array[], from: LogId): Promise<Integrated> {
    const own = this.#replica.log;
    const acks: [LogId, number][] = [];
    const repair = pieces[0]?.[1] === FrameKind.repair;
    const decoded = function* (this: ReplicaExchange): Iterable<Frame> {
      for (const piece of pieces) {
        const frame = decodeFrame(piece);
        if (frame.sender !== from) throw new MalformedError('an answer in the name of another member');
        if (this.#shownStale(frame)) throw new StaleDiskError(own);
        for (const { log, held } of frame.reports) acks.push([log, held.get(own)?.clock ?? 0]);
        yield frame;
      }
    };
    try {
      const result = await this.#replica.integrateUnit(decoded.call(this), repair);
      // Meanwhile it may have begun a new log: what others hold of the one before says nothing of that.
      return { result, acks: own === this.#replica.log ? acks : [] };
    } catch (error) {
      if (error instanceof StaleDiskError) return { result: 'stale', acks: [] };
      throw error;
    }
  }

  missing(vector: Uint8Array | null): AnswerPort {
    if (vector === null) return this.#replica.answerTo(null);
    const r = new Reader(vector);
    const theirs = readVector(r);
    const newest = r.varuint();
    r.end();
    if (theirs.size > limits.vector_logs) throw new MalformedError('a vector of too many logs');
    return this.#replica.answerTo(theirs, undefined, newest);
  }

  digest(): Uint8Array {
    const held = this.#replica.vector();
    const digests = [...this.#replica.digests()].filter(([log]) => (held.get(log)?.clock ?? 0) > 0);
    return writeDigests(new Writer(), new Map(digests.sort(([a], [b]) => a - b))).take();
  }

  differs(vector: Uint8Array, digest: Uint8Array): boolean {
    const [held, digests] = [readVector(new Reader(vector)), readDigests(new Reader(digest))];
    const [mine, ours] = [this.#replica.vector(), this.#replica.digests()];
    for (const [log, theirs] of digests) if (held.get(log)?.clock === mine.get(log)?.clock && ours.get(log) !== theirs) return true;
    return false;
  }

  onNews(fn: () => void): () => void {
    return this.#replica.onNews(fn);
  }

  flushed(): Promise<void> {
    return this.#replica.flushed();
  }

  report(): Uint8Array {
    return this.#replica.reportFrame();
  }
}
