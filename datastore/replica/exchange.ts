/**
 * The replica as links to peers see it: frames, vectors, digests and reports as opaque bytes, answers to vectors in chunks.
 *
 * An answer is one frame. It is made at one moment, given out only once all in it is durable here, and sent in chunks of
 *
 *     u8 kind: 0 = more time is needed (the answer is not durable yet; nothing follows), 1 = a piece
 *     bytes of the frame
 *
 * which the receiver stages and applies together: two logs may wait for each other.
 */
import { crc32 } from 'node:zlib';
import { limits } from '../limits.ts';
import { MalformedError, Reader, Writer } from './bytes.ts';
import { decodeFrame, readReport, writeReport } from './frame.ts';
import { crcOf } from './record.ts';
import type { IntegrateResult, OwnFrame, Replica } from './replica.ts';
import type { LogId } from './types.ts';
import { readVector, writeLog, writeVector } from './vector.ts';
import type { Vector } from './vector.ts';

const WAIT = Uint8Array.of(0);
const PIECE = 1;
/** Each piece is copied into a message of its own; small ones leave turns of the event loop to others. */
const PIECE_BYTES = 1_048_576;
const VECTOR_VERSION = 1;
const REPORT_VERSION = 1;

interface Stage {
  readonly pieces: Uint8Array[];
  bytes: number;
}

export class Exchange {
  readonly #replica: Replica;
  readonly #stages = new Map<number, Stage>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  get log(): LogId {
    return this.#replica.log;
  }

  get configNumber(): number {
    return this.#replica.config;
  }

  /** Calls `fn` with every own frame from now on, once it is durable. @returns a function that ends it */
  onFrame(fn: (frame: OwnFrame) => void): () => void {
    return this.#replica.onFrame(fn);
  }

  /** @throws MalformedError, StaleDiskError */
  integrate(frame: Uint8Array): IntegrateResult {
    return this.#replica.integrate(decodeFrame(frame));
  }

  /**
   * Takes the next chunk of an answer; all of it is applied with the last. `stage` numbers answers.
   * @throws MalformedError, StaleDiskError
   */
  stage(stage: number, chunk: Uint8Array, last: boolean): IntegrateResult {
    if (chunk.length === 0 || chunk[0]! > PIECE) throw new MalformedError('chunk of an answer');
    let staged = this.#stages.get(stage);
    if (staged === undefined) this.#stages.set(stage, (staged = { pieces: [], bytes: 0 }));
    staged.pieces.push(chunk.subarray(1));
    staged.bytes += chunk.length - 1;
    if (staged.bytes > limits.answer_bytes) {
      this.#stages.delete(stage);
      throw new MalformedError('answer too large');
    }
    if (!last) return 'applied';
    this.#stages.delete(stage);
    return staged.bytes === 0 ? 'known' : this.integrate(staged.pieces.length === 1 ? staged.pieces[0]! : Buffer.concat(staged.pieces));
  }

  unstage(stage: number): void {
    this.#stages.delete(stage);
  }

  /** What is durably held, of every log; equal holdings give equal bytes. */
  vector(): Uint8Array {
    const sorted = new Map([...this.#replica.vector()].filter(([, held]) => held.clock > 0).sort(([a], [b]) => a - b));
    const w = new Writer().u8(VECTOR_VERSION);
    writeVector(w, sorted);
    return w.take();
  }

  /** Everything that a holder of `vector` lacks, made at the first `next()`; null: everything. @throws MalformedError */
  missing(vector: Uint8Array | null): Iterator<Uint8Array> {
    return this.#answer(vector === null ? null : decodeVector(vector));
  }

  *#answer(theirs: Vector | null): Generator<Uint8Array, undefined> {
    const answer = this.#replica.answer(theirs ?? new Map(), theirs === null);
    if (answer === null) return;
    let durable = this.#replica.idle;
    if (!durable) void answer.durable.then(() => (durable = true));
    while (!durable) yield WAIT;
    const frame = answer.encode();
    for (let at = 0; at < frame.length; at += PIECE_BYTES) {
      yield new Writer(Math.min(PIECE_BYTES, frame.length - at) + 1).u8(PIECE).raw(frame.subarray(at, at + PIECE_BYTES)).view();
    }
  }

  /** Of the durable content: equal wherever vectors are equal. */
  digest(): Uint8Array {
    const w = new Writer(64);
    for (const [log, digest] of [...this.#replica.digests()].sort(([a], [b]) => a - b)) if (digest !== 0) writeLog(w, log).varuint(digest);
    return new Writer(4).u32(crc32(w.view())).take();
  }

  flushed(): Promise<void> {
    return this.#replica.flushed();
  }

  /** `u8 version`, a report as in a frame, `u32 CRC-32`. */
  report(): Uint8Array {
    const w = new Writer().u8(REPORT_VERSION);
    writeReport(w, this.#replica.report());
    return w.u32(crc32(w.view())).take();
  }

  /** @returns the clock of this replica's own log up to which the reporter holds it durably. @throws MalformedError */
  reported(bytes: Uint8Array): number {
    const end = bytes.length - 4;
    if (end < 0 || crc32(bytes.subarray(0, end)) !== crcOf(bytes)) throw new MalformedError('report with a wrong CRC');
    const r = new Reader(bytes, 0, end);
    const version = r.u8();
    if (version !== REPORT_VERSION) throw new MalformedError(`report of version ${version}`);
    const report = readReport(r);
    r.end();
    this.#replica.reported(report);
    return report.held.get(this.log)?.clock ?? 0;
  }
}

/** What `Exchange.vector` made. @throws MalformedError */
export function decodeVector(bytes: Uint8Array): Vector {
  const r = new Reader(bytes);
  const version = r.u8();
  if (version !== VECTOR_VERSION) throw new MalformedError(`vector of version ${version}`);
  const vector = readVector(r);
  r.end();
  return vector;
}
