/**
 * The least that gossip can be tried on: logs of records that name what they depend on, and a map where the later write wins. No Yjs, no
 * disk, but the same rules of what may be applied when.
 */
import type { LogId } from '../replica/types.ts';
import type { Integration, OwnFrame, ReplicaPort } from '../gossip/types.ts';

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
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

export interface ToyOptions {
  /** Records in one chunk of an answer. */
  readonly chunkRecords?: number;
  /** Called when everything integrated should become durable. */
  readonly flush?: () => Promise<void>;
}

export class ToyReplica implements ReplicaPort {
  readonly log: LogId;
  configNumber = 1;
  /** Spoils the digest, as damage would. */
  damage = '';
  readonly logs = new Map<LogId, ToyRecord[]>();
  readonly #options: ToyOptions;
  readonly #stages = new Map<number, ToyRecord[]>();
  readonly #listeners = new Set<(frame: OwnFrame) => void>();
  #lamport = 0;

  constructor(log: LogId, options: ToyOptions = {}) {
    this.log = log;
    this.#options = options;
  }

  /** Writes, and gives the frame out. */
  put(key: string, value: string): void {
    const clock = this.#length(this.log) + 1;
    const record: ToyRecord = { log: this.log, clock, lamport: ++this.#lamport, key, value, deps: this.#clocks() };
    this.#add(record);
    const frame: OwnFrame = { bytes: encode([record]), clock, records: 1 };
    for (const fn of this.#listeners) fn(frame);
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

  integrate(frame: Uint8Array): Integration {
    return this.#apply(decode(frame) as ToyRecord[]);
  }

  stage(stage: number, frame: Uint8Array, last: boolean): Integration {
    const records = this.#stages.get(stage) ?? [];
    this.#stages.set(stage, records);
    records.push(...(decode(frame) as ToyRecord[]));
    if (!last) return 'applied';
    this.#stages.delete(stage);
    this.damage = '';
    return this.#apply(records);
  }

  unstage(stage: number): void {
    this.#stages.delete(stage);
  }

  vector(): Uint8Array {
    return encode(this.#clocks());
  }

  *missing(vector: Uint8Array | null): Iterator<Uint8Array> {
    const theirs = new Map(vector === null ? [] : (decode(vector) as [LogId, number][]));
    const records = [...this.logs.values()].flatMap((log) => log.slice(theirs.get(log[0]?.log ?? 0) ?? 0));
    const size = this.#options.chunkRecords ?? 100;
    for (let i = 0; i < records.length; i += size) yield encode(records.slice(i, i + size));
  }

  digest(): Uint8Array {
    return encode(this.damage + JSON.stringify(this.state()));
  }

  flushed(): Promise<void> {
    return this.#options.flush?.() ?? Promise.resolve();
  }

  report(): Uint8Array {
    return this.vector();
  }

  reported(report: Uint8Array): number {
    return new Map(decode(report) as [LogId, number][]).get(this.log) ?? 0;
  }

  /** Answers under way. */
  get staged(): number {
    return this.#stages.size;
  }

  #apply(records: readonly ToyRecord[]): Integration {
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
