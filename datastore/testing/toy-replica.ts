/**
 * The least that gossip can be tried on: logs of records that name what they depend on, and a map where the later write wins. No Yjs, no
 * disk, but the same rules of what may be applied when.
 */
import { crc32 } from 'node:zlib';
import type { LogId } from '../replica/types.ts';
import type { MakeSubject, Subject } from './gossip-cluster.ts';
import { MalformedError } from '../bytes.ts';
import type { AnswerPort, Integrated, OwnFrame, ReplicaPort } from '../gossip/types.ts';

interface ToyRecord {
  readonly log: LogId;
  /** Place in its log, from 1. */
  readonly clock: number;
  readonly lamport: number;
  readonly key: string;
  readonly value: string;
  /** What its author held. */
  readonly deps: readonly (readonly [LogId, number])[];
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
function decode(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new MalformedError('not JSON');
  }
}

interface ToyFrame {
  readonly sender: LogId;
  readonly records: readonly ToyRecord[];
  /** What the sender holds, and what it knows of others. */
  readonly reports: readonly (readonly [LogId, readonly (readonly [LogId, number])[]])[];
}

/** An answer's pieces. */
const PIECE_BYTES = 65_536;

export class ToyReplica implements ReplicaPort, Subject {
  readonly log: LogId;
  configNumber = 1;
  /** Spoils the digest, as damage would. */
  damage = '';
  readonly logs = new Map<LogId, ToyRecord[]>();
  readonly #reports = new Map<LogId, readonly (readonly [LogId, number])[]>();
  readonly #listeners = new Set<(frame: OwnFrame) => void>();
  #lamport = 0;

  constructor(log: LogId) {
    this.log = log;
  }

  get port(): ReplicaPort {
    return this;
  }

  disk(): ToyReplica {
    return this;
  }

  /** Writes, and gives the frame out. */
  put(key: string, value: string): void {
    const clock = this.#length(this.log) + 1;
    const record: ToyRecord = { log: this.log, clock, lamport: ++this.#lamport, key, value, deps: this.#clocks() };
    this.#add(record);
    const frame: OwnFrame = { bytes: this.#frame([record]), clock, records: 1 };
    for (const fn of this.#listeners) fn(frame);
  }

  /** Toys do not forget: an empty value. */
  remove(key: string): void {
    this.put(key, '');
  }

  /** What each key is. */
  state(): Record<string, string> {
    const best = new Map<string, ToyRecord>();
    for (const records of this.logs.values()) {
      for (const record of records) {
        const now = best.get(record.key);
        if (now === undefined || record.lamport > now.lamport || (record.lamport === now.lamport && record.log > now.log)) best.set(record.key, record);
      }
    }
    return Object.fromEntries([...best].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, record]) => [key, record.value]));
  }

  onFrame(fn: (frame: OwnFrame) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  onNews(): () => void {
    return () => {};
  }

  integrate(bytes: Uint8Array, from: LogId): Integrated {
    const frame = decode(bytes) as ToyFrame;
    if (frame.sender !== from) throw new MalformedError('sender');
    for (const [log, held] of frame.reports) this.#reports.set(log, held);
    const acks = frame.reports.map(([log, held]): [LogId, number] => [log, new Map(held).get(this.log) ?? 0]);
    const result = this.#apply(frame.records);
    if (result === 'known' && frame.records.length > 0) this.damage = '';
    return { result, acks };
  }

  vector(): Uint8Array {
    return encode(this.#clocks());
  }

  missing(vector: Uint8Array | null): AnswerPort {
    const theirs = new Map(vector === null ? [] : (decode(vector) as [LogId, number][]));
    const records = [...this.logs.values()].flatMap((log) => log.slice(theirs.get(log[0]?.log ?? 0) ?? 0));
    const frame = this.#frame(records);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < frame.length; at += PIECE_BYTES) pieces.push(frame.subarray(at, at + PIECE_BYTES));
    return { next: () => Promise.resolve(pieces.shift() ?? null), close() {} };
  }

  integrateAnswer(pieces: readonly Uint8Array[], from: LogId): Promise<Integrated> {
    return Promise.resolve().then(() => this.integrate(Buffer.concat(pieces), from));
  }

  digest(): Uint8Array {
    return encode(crc32(this.damage + JSON.stringify(this.state())));
  }

  differs(vector: Uint8Array, digest: Uint8Array): boolean {
    return Buffer.compare(vector, this.vector()) === 0 && digest.length > 0 && Buffer.compare(digest, this.digest()) !== 0;
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  get clock(): number {
    return this.#length(this.log);
  }

  held(log: LogId): number {
    return this.#length(log);
  }

  report(): Uint8Array {
    return this.#frame([]);
  }

  #frame(records: readonly ToyRecord[]): Uint8Array {
    this.#reports.set(this.log, this.#clocks());
    return encode({ sender: this.log, records, reports: [...this.#reports] } satisfies ToyFrame);
  }

  #apply(records: readonly ToyRecord[]): Integrated['result'] {
    const held = new Map(this.#clocks());
    const news: ToyRecord[] = [];
    for (const record of records) {
      const clock = held.get(record.log) ?? 0;
      if (record.clock <= clock) continue;
      if (record.clock !== clock + 1) return 'gap';
      held.set(record.log, record.clock);
      news.push(record);
    }
    if (!news.every((record) => record.deps.every(([log, clock]) => (held.get(log) ?? 0) >= clock))) return 'waiting';
    for (const record of news) this.#add(record);
    return news.length > 0 ? 'applied' : 'known';
  }

  #add(record: ToyRecord): void {
    const log = this.logs.get(record.log) ?? [];
    this.logs.set(record.log, log);
    log.push(record);
    this.#lamport = Math.max(this.#lamport, record.lamport);
  }

  #length(log: LogId): number {
    return this.logs.get(log)?.length ?? 0;
  }

  #clocks(): [LogId, number][] {
    return [...this.logs].map(([log, records]): [LogId, number] => [log, records.length]).sort((a, b) => a[0] - b[0]);
  }
}

/** Toys; a toy's disk is the toy itself. */
export const toys: MakeSubject<ToyReplica> = (log, _clock, _random, disk) => (disk instanceof ToyReplica ? disk : new ToyReplica(log));
