/** A few replicas without sockets: what they tell each other, and when, is for a test to say. Memberships are what the test decrees. */
import { decodeFrame } from '../replica/frame.ts';
import type { Frame } from '../replica/frame.ts';
import { Replica } from '../replica/replica.ts';
import type { IntegrateResult } from '../replica/replica.ts';
import { incarnationOf, logId, slotOf } from '../replica/types.ts';
import type { LogId, RecordSink, Write } from '../replica/types.ts';
import { LwwSink } from './lww-sink.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryJournal } from './memory-journal.ts';
import { pull } from './pulling.ts';

/** As a membership has decided it. */
export interface Decree {
  readonly number: number;
  readonly logs: readonly LogId[];
  readonly removed: readonly LogId[];
}

export const put = (key: string, value: string): Write => ({ space: 0, key, value: new Uint8Array(Buffer.from(value)), lease: 0n });
export const del = (key: string): Write => ({ space: 0, key, value: null, lease: 0n });

const shape = { segmentRecords: 4, segmentBytes: 400, groupSegments: 3, pieceRecords: 4, pieceBytes: 400 };

export class SmallMember {
  readonly log: LogId;
  readonly clock = new ManualClock();
  readonly sink: LwwSink;
  readonly journal = new MemoryJournal();
  readonly replica: Replica;
  readonly failures: unknown[] = [];
  readonly frames: Frame[] = [];
  decree: Decree = { number: 0, logs: [], removed: [] };

  /** @param entries what its disk holds */
  constructor(log: LogId, entries: readonly Uint8Array[] = []) {
    this.log = log;
    this.sink = new LwwSink(true);
    this.journal.durable.push(...entries);
    this.replica = new Replica({ clock: this.clock, sink: this.sink as RecordSink, shape, onFatal: (error) => this.failures.push(error) });
    this.replica.onFrame(({ bytes }) => this.frames.push(decodeFrame(bytes)));
    this.replica.onNote('decree', (body) => (this.decree = JSON.parse(Buffer.from(body).toString()) as Decree));
    for (const entry of entries) this.replica.applyEntry(entry);
    if (!this.replica.initialised) void this.replica.initialise({ slot: slotOf(log), incarnation: incarnationOf(log), striding: true });
    this.replica.start(this.journal);
    this.#tell();
  }

  async learn(decree: Decree): Promise<void> {
    if (decree.number <= this.decree.number && this.decree.logs.length > 0) return;
    this.decree = decree;
    this.#tell();
    void this.replica.note('decree', new Uint8Array(Buffer.from(JSON.stringify(decree))));
    await this.clock.settle();
  }

  async write(...writes: Write[]): Promise<void> {
    this.replica.commit(writes);
    await this.clock.settle();
  }

  /** A second of its life. */
  async tick(seconds = 1): Promise<void> {
    for (let n = 0; n < seconds; n++) {
      this.clock.advance(1_000);
      await this.clock.settle();
    }
  }

  pull(from: SmallMember): Promise<IntegrateResult> {
    return pull(this, from);
  }

  /** What it reports reaches another. */
  reportTo(to: SmallMember): void {
    to.replica.integrate(decodeFrame(this.replica.reportFrame()));
  }

  /** Logs that the contexts of its records name, at most. */
  get named(): number {
    let most = 0;
    for (const { segments } of this.replica.logs.values()) {
      for (const { records } of segments.values()) for (const record of records) most = Math.max(most, record.context().size);
    }
    return most;
  }

  #tell(): void {
    const { logs, number, removed } = this.decree;
    this.replica.setMembers(logs.map((log) => ({ slot: slotOf(log), log })), number, removed);
  }
}

/** Everybody hears everything, so often. */
export async function rounds(members: readonly SmallMember[], count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    for (const to of members) for (const from of members) if (to !== from) await to.pull(from);
    for (const member of members) await member.tick();
  }
}

export const [A, B, C, D, X] = [0, 1, 2, 3, 4].map((slot) => logId(slot, 70 + slot)) as [LogId, LogId, LogId, LogId, LogId];

/** Members of one cluster that know each other. */
export async function cluster(...logs: LogId[]): Promise<SmallMember[]> {
  const members = logs.map((log) => new SmallMember(log));
  for (const member of members) await member.learn({ number: 1, logs, removed: [] });
  return members;
}
