/** Replicas as leases see them: records with stamps, the highest stamp of a key wins, and who hears what when is up to the test. */
import { silent } from '../host/log.ts';
import { errNoSpace } from '../errors.ts';
import type { KeyValue } from '../keyspace/types.ts';
import { Space } from '../replica/types.ts';
import type { Key, Write } from '../replica/types.ts';
import { SimClock } from '../testing/sim-clock.ts';
import type { MachineClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Lessor } from './lessor.ts';
import type { LeasePorts } from './ports.ts';

interface FakeRecord {
  readonly lamport: number;
  readonly slot: number;
  readonly writes: readonly Write[];
}
interface Current {
  readonly record: FakeRecord;
  readonly write: Write;
  readonly revision: number;
}

export class FakeReplica implements LeasePorts {
  readonly time: SimClock;
  readonly #slot: number;
  #machine: MachineClock | null = null;
  readonly #current = { [Space.client]: new Map<Key, Current>(), [Space.system]: new Map<Key, Current>() };
  #systemListeners: ((key: Key, value: Uint8Array | null) => void)[] = [];
  #visibleListeners: ((changes: readonly { type: 'put' | 'delete'; kv: KeyValue }[]) => void)[] = [];
  lamport = 1;
  revision = 1;
  records: FakeRecord[] = [];
  notes: Uint8Array[] = [];
  unreachable = new Set<number>();
  full = false;
  /** Not 0: commits throw this often. */
  refuse = 0;
  lessor: Lessor;

  constructor(time: SimClock, slot: number) {
    this.time = time;
    this.#slot = slot;
    this.lessor = this.#start(null);
  }

  #start(note: Uint8Array | null): Lessor {
    this.#systemListeners = [];
    this.#visibleListeners = [];
    this.#machine = this.time.machine();
    const lessor = new Lessor({ clock: this.#machine, random: new SimRandom(this.#slot + 1) }, this, silent);
    lessor.open(note);
    return lessor;
  }

  /** A crash, unless the lessor was closed before; then a new process that recovers from the disk. */
  restart(): void {
    this.#machine?.halt();
    this.lessor = this.#start(this.notes.at(-1) ?? null);
  }

  slot(): number {
    return this.#slot;
  }
  admit(): void {
    if (this.full) throw errNoSpace();
  }
  commit(writes: readonly Write[]): { revision: number; durable: Promise<void> } {
    if (this.refuse > 0 && this.refuse-- > 0) throw errNoSpace();
    this.lamport++;
    const record = { lamport: this.lamport, slot: this.#slot, writes };
    this.#apply(record);
    return { revision: this.revision, durable: Promise.resolve() };
  }
  integrate(record: FakeRecord): void {
    this.lamport = Math.max(this.lamport, record.lamport);
    this.#apply(record);
  }
  note(body: Uint8Array): Promise<void> {
    this.notes.push(body);
    return Promise.resolve();
  }
  *keysOfLease(id: bigint): Iterable<Key> {
    for (const [key, { write }] of this.#current[Space.client]) if (write.value !== null && write.lease === id) yield key;
  }
  leasesWithKeys(): Iterable<bigint> {
    return new Set([...this.#current[Space.client].values()].filter(({ write }) => write.value !== null && write.lease !== 0n).map(({ write }) => write.lease));
  }
  get(key: Key): KeyValue | null {
    const current = this.#current[Space.client].get(key);
    return current === undefined || current.write.value === null ? null : asKv(current.write, current.revision);
  }
  *systemEntries(): Iterable<[Key, Uint8Array]> {
    for (const [key, { write }] of this.#current[Space.system]) if (write.value !== null) yield [key, write.value];
  }
  onSystem(listener: (key: Key, value: Uint8Array | null) => void): void {
    this.#systemListeners.push(listener);
  }
  onVisible(listener: (changes: readonly { type: 'put' | 'delete'; kv: KeyValue }[]) => void): void {
    this.#visibleListeners.push(listener);
  }
  peerReachable(slot: number): boolean {
    return !this.unreachable.has(slot);
  }

  put(key: Key, lease: bigint, value = 'v'): void {
    this.commit([{ space: Space.client, key, value: Buffer.from(value), lease }]);
  }
  keys(): Key[] {
    return [...this.#current[Space.client]].filter(([, { write }]) => write.value !== null).map(([key]) => key).sort();
  }
  /** Everything that matters, for comparing replicas. */
  state(): string {
    const show = (space: Space): string => [...this.#current[space]].filter(([, { write }]) => write.value !== null)
      .map(([key, { write }]) => `${key}=${Buffer.from(write.value as Uint8Array).toString('hex')}/${write.lease}`).sort().join(' ');
    return `${show(Space.client)} | ${show(Space.system)}`;
  }

  #apply(record: FakeRecord): void {
    this.records.push(record);
    const changes: { type: 'put' | 'delete'; kv: KeyValue }[] = [];
    const revision = this.revision + 1;
    for (const write of record.writes) {
      const space = this.#current[write.space];
      const before = space.get(write.key);
      if (before !== undefined && (before.record.lamport - record.lamport || before.record.slot - record.slot) > 0) continue;
      space.set(write.key, { record, write, revision });
      if (write.space === Space.system) for (const listener of this.#systemListeners) listener(write.key, write.value);
      else changes.push({ type: write.value === null ? 'delete' : 'put', kv: asKv(write, revision) });
    }
    if (changes.length > 0) this.revision = revision;
    for (const listener of this.#visibleListeners) listener(changes);
  }
}

const asKv = (write: Write, revision: number): KeyValue =>
  ({ key: write.key, value: write.value ?? new Uint8Array(0), lease: write.value === null ? 0n : write.lease, createRevision: revision, modRevision: revision, version: 1 });

/** Replicas that exchange records when told to, each in its author's order. */
export class FakeCluster {
  readonly time = new SimClock();
  readonly replicas: FakeReplica[];
  readonly #heard = new Map<string, number>();

  constructor(size: number) {
    this.replicas = Array.from({ length: size }, (_, slot) => new FakeReplica(this.time, slot));
  }

  at(slot: number): FakeReplica {
    const replica = this.replicas[slot];
    if (replica === undefined) throw new Error(`no replica ${slot}`);
    return replica;
  }

  /** `to` hears what `from` holds and it does not, oldest first. */
  deliver(from: number, to: number): void {
    const known = new Set(this.at(to).records);
    for (const record of this.at(from).records.slice(this.#heard.get(`${from}>${to}`) ?? 0)) if (!known.has(record)) this.at(to).integrate(record);
    this.#heard.set(`${from}>${to}`, this.at(from).records.length);
  }

  exchange(): void {
    for (let round = 0; round < 2; round++) for (const from of this.replicas) for (const to of this.replicas) if (from !== to) this.deliver(from.slot(), to.slot());
  }

  cut(a: number, b: number): void {
    this.at(a).unreachable.add(b);
    this.at(b).unreachable.add(a);
  }
  heal(): void {
    for (const replica of this.replicas) replica.unreachable.clear();
  }

  /** Time passes; those in reach of each other exchange once a second, and in the end. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await this.time.run(Math.min(1_000, left));
      for (const from of this.replicas) for (const to of this.replicas) if (from !== to && !from.unreachable.has(to.slot())) this.deliver(from.slot(), to.slot());
    }
  }
}
