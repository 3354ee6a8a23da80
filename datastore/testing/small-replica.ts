/** A real replica (Yjs logs, frames, group commit) over the smallest keyspace and a journal in memory that takes its time. */
import { ReplicaExchange } from '../gossip/replica-exchange.ts';
import type { Clock } from '../host/host.ts';
import { Replica } from '../replica/replica.ts';
import { incarnationOf, slotOf, Space } from '../replica/types.ts';
import type { LogId } from '../replica/types.ts';
import type { MakeSubject, Subject } from './gossip-cluster.ts';
import { LwwSink } from './lww-sink.ts';
import { MemoryJournal } from './memory-journal.ts';
import type { SimRandom } from './sim-random.ts';

export class SmallReplica implements Subject {
  readonly replica: Replica;
  readonly sink = new LwwSink();
  readonly port: ReplicaExchange;
  readonly #journal: MemoryJournal;
  /** Writes acknowledged to a client. */
  acknowledged = 0;

  constructor(log: LogId, clock: Clock, random: SimRandom, entries: readonly Uint8Array[]) {
    this.#journal = new MemoryJournal({ soon: (fn) => void clock.after(random.float() * 3, fn) });
    this.replica = new Replica({
      clock,
      sink: this.sink,
      onFatal: (error) => {
        throw error;
      },
    });
    this.port = new ReplicaExchange(this.replica);
    for (const entry of entries) this.replica.applyEntry(entry);
    this.#journal.durable.push(...entries);
    if (!this.replica.initialised) void this.replica.initialise({ slot: slotOf(log), incarnation: incarnationOf(log), striding: true });
    this.replica.start(this.#journal);
  }

  put(key: string, value: string): void {
    void this.replica
      .commit([{ space: Space.client, key, value: new TextEncoder().encode(value), lease: 0n }])
      .durable.then(() => this.acknowledged++);
  }

  remove(key: string): void {
    void this.replica.commit([{ space: Space.client, key, value: null, lease: 0n }]);
  }

  state(): Record<string, string> {
    const lines = this.sink.state().split('\n').filter((line) => line !== '');
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  }

  /** Only what was durable. */
  disk(): readonly Uint8Array[] {
    return [...this.#journal.durable];
  }
}

export const smallReplicas: MakeSubject<SmallReplica> = (log, clock, random, disk) =>
  new SmallReplica(log, clock, random, (disk as readonly Uint8Array[] | null) ?? []);
