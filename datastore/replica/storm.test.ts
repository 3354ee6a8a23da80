/**
 * Random schedules of a few replicas: writes, deletions, frames lost, doubled and out of order, anti-entropy, crashes that lose what was not
 * durable, restarts from the journal or from a snapshot and the tail, collections all the while in tiny segments. In every other one members are
 * replaced, removed and added, too; whoever was removed writes on until he hears of it.
 * SEED=n runs one schedule; STORMS=n runs that many.
 */
import { expect, test } from '@jest/globals';
import { LwwSink } from '../testing/lww-sink.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { answerOf } from '../testing/pulling.ts';
import { decodeFrame } from './frame.ts';
import { Replica } from './replica.ts';
import { compareStamps, incarnationOf, logId, slotOf } from './types.ts';
import type { LogId, Stamp, Write } from './types.ts';
import type { Held, Vector } from './vector.ts';

function random(seed: number): () => number {
  let a = (seed * 0x9e37_79b1) >>> 0;
  return () => {
    a = (a + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Issued {
  readonly stamp: Stamp;
  /** What its author had held. */
  readonly held: Map<LogId, number>;
  readonly key: string;
  readonly value: string | null;
  acknowledged: boolean;
}

/** As the membership has decided it. */
interface Config {
  readonly number: number;
  readonly logs: readonly LogId[];
  readonly removed: readonly LogId[];
}

class Node {
  readonly slot: number;
  readonly incarnation: number;
  config: Config;
  /** It has heard that it was removed. */
  gone = false;
  readonly world: World;
  clock!: ManualClock;
  sink!: LwwSink;
  journal!: MemoryJournal;
  replica!: Replica;
  /** A snapshot and how many entries it stands for. */
  snapshot: { chunks: Uint8Array[]; entries: number; config: Config } | null = null;

  constructor(world: World, log: LogId) {
    this.world = world;
    this.slot = slotOf(log);
    this.incarnation = incarnationOf(log);
    this.config = world.config;
  }

  get log(): LogId {
    return logId(this.slot, this.incarnation);
  }

  /** Hears of a configuration. */
  learn(config: Config): void {
    if (config.number <= this.config.number) return;
    this.config = config;
    this.#tell();
    void this.replica.note('config', new Uint8Array(Buffer.from(JSON.stringify(config))));
    if (!config.logs.includes(this.log)) this.gone = true;
  }

  #tell(): void {
    this.replica.setMembers(this.config.logs.map((log) => ({ slot: slotOf(log), log })), this.config.number, this.config.removed);
  }

  async open(entries: Uint8Array[]): Promise<void> {
    this.clock = new ManualClock();
    this.clock.lookMs = 3;
    this.sink = new LwwSink(true);
    this.journal = new MemoryJournal();
    this.journal.durable.push(...entries);
    const shape = { segmentRecords: 4, segmentBytes: 400, groupSegments: 3, pieceRecords: 2, pieceBytes: 100 };
    this.replica = new Replica({ clock: this.clock, sink: this.sink, onFatal: (error) => this.world.broke(error), shape });
    this.replica.onNote('config', (body) => (this.config = JSON.parse(Buffer.from(body).toString()) as Config));
    const journal = this.journal;
    this.replica.onFrame(({ bytes }) => {
      if (this.journal === journal) this.world.broadcast(this, bytes);
    });
    if (this.snapshot !== null) {
      this.config = this.snapshot.config;
      await this.replica.loadState(this.snapshot.chunks);
      this.sink.restore([...this.replica.logs.values()].flatMap((log) => [...log.segments.values()].flatMap((segment) => segment.records)));
    }
    for (const entry of entries.slice(this.snapshot?.entries ?? 0)) this.replica.applyEntry(entry);
    if (!this.replica.initialised) void this.replica.initialise({ slot: this.slot, incarnation: this.incarnation, striding: true });
    this.replica.start(this.journal);
    this.#tell();
  }

  async crash(): Promise<void> {
    const before = this.sink.trace!;
    const durable = [...this.journal.durable];
    this.replica.stop().catch(() => {});
    await this.open(durable);
    // Which of several copies counts is put right now and then, not at replay.
    const told = (trace: readonly string[]): string[] => trace.filter((line) => !line.startsWith('moved'));
    const again = told(this.sink.trace!);
    if (this.snapshot === null) expect(told(before).slice(0, again.length)).toEqual(again);
    this.world.forgotten(this.replica.log, this.replica.logs.get(this.replica.log)!.lamport);
  }
}

class World {
  readonly #random: () => number;
  nodes: Node[] = [];
  config: Config;
  readonly #churn: boolean;
  changes = 0;
  readonly failures: unknown[] = [];
  issued: Issued[] = [];
  readonly #first: Config;
  /** Most logs that a context names. */
  named = 0;
  /** Units by what became of them. */
  readonly units: Record<string, number> = {};
  #net: { to: Node; bytes: Uint8Array }[] = [];
  #values = 0;
  readonly #keys: number;
  readonly #loss: number;

  constructor(seed: number) {
    this.#random = random(seed);
    this.#keys = 2 + this.#int(seed % 2 === 1 ? 60 : 12);
    this.#loss = this.#random() * 0.3;
    const n = 1 + this.#int(4);
    this.#churn = seed % 2 === 1;
    this.config = { number: 0, logs: Array.from({ length: n }, (_, slot) => logId(slot, 77 + slot)), removed: [] };
    this.#first = this.config;
    for (const log of this.config.logs) this.nodes.push(new Node(this, log));
  }

  /** A majority of the members decides; one of them is replaced or removed, or somebody new comes. */
  async #change(): Promise<void> {
    const { number, logs, removed } = this.config;
    const voters = this.nodes.filter((node) => logs.includes(node.log) && !node.gone);
    const agree = voters.filter(() => this.#random() < 0.7);
    const by = this.#pick(agree);
    if (by === undefined || agree.length * 2 <= logs.length || this.changes++ > 12) return;
    for (const node of agree) node.learn(this.config);
    const dice = this.#random();
    const out = dice < 0.8 && logs.length > 1 ? this.#pick(logs.filter((log) => log !== by.log)) : undefined;
    const slot = out === undefined ? this.#int(8) : slotOf(out);
    if (out === undefined && logs.some((log) => slotOf(log) === slot)) return;
    const added = out === undefined || dice < 0.5 ? logId(slot, 1_000 + number) : null;
    this.config = {
      number: number + 1,
      logs: [...logs.filter((log) => log !== out), ...(added === null ? [] : [added])].sort((a, b) => a - b),
      removed: [...removed.filter((log) => !by.replica.isRetiredEverywhere(log)), ...(out === undefined ? [] : [out])],
    };
    for (const node of agree) if (node.log !== out) node.learn(this.config);
    // Its disk is lost, or it goes on as long as it does not know.
    if (this.#random() < 0.5) this.nodes = this.nodes.filter((node) => node.log !== out);
    if (added === null) return;
    const node = new Node(this, added);
    await node.open([]);
    this.nodes.push(node);
    await this.#unit(node, by, false);
  }

  /** Two that are in touch tell each other of the membership first. @returns false: one of them hears that it is no member */
  #meet(a: Node, b: Node): boolean {
    a.learn(b.config);
    b.learn(a.config);
    this.nodes = this.nodes.filter((node) => !node.gone);
    return !a.gone && !b.gone;
  }

  #int(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#int(from.length)]!;
  }

  broadcast(from: Node, bytes: Uint8Array): void {
    for (const to of this.nodes) {
      if (to === from || this.#random() < this.#loss) continue;
      this.#net.push({ to, bytes });
      if (this.#random() < 0.1) this.#net.push({ to, bytes });
    }
  }

  /** Whoever waits for a replica that broke would wait for ever. */
  broke(error: unknown): void {
    this.failures.push(error);
    throw error;
  }

  /** A crash lost what lay above; the owner may use the counters again. */
  forgotten(log: LogId, lamport: number): void {
    const lost = this.issued.filter((w) => w.stamp.log === log && w.stamp.lamport > lamport);
    expect(lost.filter((w) => w.acknowledged)).toEqual([]);
    this.issued = this.issued.filter((w) => !lost.includes(w));
  }

  #write(node: Node): void {
    const writes: Write[] = [];
    const mine: Issued[] = [];
    const keys = new Set(Array.from({ length: 1 + this.#int(3) }, () => `k${this.#int(this.#keys)}`));
    const log = node.replica.log;
    for (const key of keys) {
      const value = this.#random() < 0.3 ? null : `v${this.#values++}${'x'.repeat(this.#int(60))}`;
      writes.push({ space: 0, key, value: value === null ? null : new Uint8Array(Buffer.from(value)), lease: 0n });
      mine.push({ stamp: { log, lamport: 0 }, held: new Map(), key, value, acknowledged: false });
    }
    const { journal } = node;
    const { durable } = node.replica.commit(writes);
    const held = new Map([...node.replica.retired].map(([one, { lamport }]) => [one, lamport]));
    for (const [one, doc] of node.replica.logs) held.set(one, doc.lamport);
    for (const w of mine) {
      (w.stamp as { lamport: number }).lamport = node.replica.lamport;
      for (const [one, lamport] of held) w.held.set(one, lamport);
    }
    this.issued.push(...mine);
    void durable.then(() => {
      if (node.journal === journal) for (const w of mine) w.acknowledged = true;
    });
  }

  /** As gossip does it: in pieces, while both go on. */
  async #unit(to: Node, from: Node, busy: boolean): Promise<void> {
    if (!this.#meet(to, from)) return;
    const all = this.#random() < 0.1;
    const pieces = await answerOf(from, all ? null : to.replica.vector(), 1 + this.#int(300), {
      newest: all ? 0 : to.replica.report().newest,
      turn: () => {
        from.journal.held = false;
        from.journal.release();
        if (busy && this.#random() < 0.3) this.#write(from);
      },
    });
    if (busy && this.#random() < 0.1) return;
    const { replica } = to;
    const done = replica.integrateUnit(pieces);
    done.then((result) => (this.units[result] = (this.units[result] ?? 0) + 1), (error) => this.failures.push(error));
    if (!busy) return void (await to.clock.settle());
    await to.clock.turns(this.#int(30));
    if (replica.settled() !== null) this.units['seen half done'] = (this.units['seen half done'] ?? 0) + 1;
    if (this.#random() < 0.3) this.#write(to);
    if (this.#random() < 0.2) await to.crash();
  }

  #deliver(): void {
    const at = this.#int(this.#net.length);
    const message = this.#net[at];
    if (message === undefined) return;
    if (this.#random() < 0.9) this.#net.splice(at, 1);
    message.to.replica.integrate(decodeFrame(message.bytes));
  }

  #check(node: Node): void {
    // In the middle of a unit the documents are half changed; nothing of that shows outside.
    if (node.replica.settled() !== null) return;
    for (const { segments } of node.replica.logs.values()) {
      for (const { records } of segments.values()) {
        for (const record of records) {
          for (const [log, lamport] of record.context()) {
            const held = log === node.replica.log ? node.replica.lamport : (node.replica.logs.get(log)?.lamport ?? node.replica.retired.get(log)?.lamport ?? 0);
            expect(held).toBeGreaterThanOrEqual(lamport);
          }
        }
      }
    }
  }

  async run(steps: number): Promise<void> {
    for (const node of this.nodes) await node.open([]);
    for (let step = 0; step < steps; step++) {
      const node = this.#pick(this.nodes);
      const dice = this.#random();
      if (dice < 0.35) this.#write(node);
      else if (dice < 0.55) await node.clock.settle();
      else if (dice < 0.75) this.#deliver();
      else if (dice < 0.85) {
        const from = this.#pick(this.nodes);
        if (from !== node) await this.#unit(node, from, true);
      } else if (dice < 0.88) node.clock.advance(1000);
      else if (dice < 0.93) {
        node.journal.held = !node.journal.held;
        if (!node.journal.held) node.journal.release();
      } else if (dice < 0.95) node.journal.release(1);
      else if (dice < 0.96) await this.#snapshot(node);
      else if (dice < 0.965 && this.#churn) await this.#calm(4);
      else if (dice < 0.97) await node.crash();
      else if (dice < 0.985) await (this.#churn ? this.#change() : node.crash());
      else this.#check(node);
    }
    await this.#quiesce();
    this.#judge();
  }

  async #snapshot(node: Node): Promise<void> {
    // As the worker does it: from the durable entries alone.
    const sink = new LwwSink();
    const replica = new Replica({ clock: new ManualClock(), sink, shape: { segmentRecords: 4, segmentBytes: 400, groupSegments: 3, pieceRecords: 2, pieceBytes: 100 } });
    let { config } = node.snapshot ?? { config: this.#first };
    replica.onNote('config', (body) => (config = JSON.parse(Buffer.from(body).toString()) as Config));
    if (node.snapshot !== null) {
      await replica.loadState(node.snapshot.chunks);
      sink.restore([...replica.logs.values()].flatMap((log) => [...log.segments.values()].flatMap((segment) => segment.records)));
    }
    for (const entry of node.journal.durable.slice(node.snapshot?.entries ?? 0)) replica.applyEntry(entry);
    node.snapshot = { chunks: [...replica.encodeState()], entries: node.journal.durable.length, config };
  }

  async #quiesce(): Promise<void> {
    for (const node of this.nodes) node.learn(this.config);
    this.nodes = this.nodes.filter((node) => !node.gone);
    for (const node of this.nodes) {
      node.journal.held = false;
      node.journal.release();
      await node.clock.settle();
    }
    const state = (): string => JSON.stringify(this.nodes.map(({ replica, sink }) => [[...replica.vector()], [...replica.retired], sink.physical, sink.remembered]));
    for (let round = 0, still = 0, before = ''; round < 200 && still < 8; round++) {
      still = state() === before ? still + 1 : 0;
      before = state();
      await this.#calm(1);
    }
    this.#net = [];
  }

  /** Everybody hears everything, so often. */
  async #calm(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const to of [...this.nodes]) {
        for (const from of [...this.nodes]) if (to !== from && !to.gone && !from.gone) await this.#unit(to, from, false);
        to.clock.advance(1000);
        await to.clock.settle();
      }
    }
  }

  #judge(): void {
    expect(this.failures).toEqual([]);
    const first = this.nodes[0]!;
    const vector = first.replica.vector();
    const known = (log: LogId): number => vector.get(log)?.lamport ?? first.replica.retired.get(log)?.lamport ?? 0;
    const last = new Map<string, Issued>();
    for (const write of this.issued) {
      const seen = write.stamp.lamport <= known(write.stamp.log);
      if (write.acknowledged && this.config.logs.includes(write.stamp.log)) expect(seen).toBe(true);
      const best = last.get(write.key);
      if (seen && (best === undefined || compareStamps(best.stamp, write.stamp) < 0)) last.set(write.key, write);
    }
    const expected = [...last.values()].filter((w) => w.value !== null).map((w) => `${w.key}=${w.value}`);
    for (const node of this.nodes) {
      expect(node.sink.state()).toBe(expected.sort().join('\n'));
      const held = (of: Vector): [LogId, Held][] => [...of].filter(([, { clock }]) => clock > 0).sort(([a], [b]) => a - b);
      expect(held(node.replica.vector())).toEqual(held(vector));
      const digests = ({ replica }: Node): Map<LogId, number> => new Map([...replica.digests()].filter(([, digest]) => digest !== 0).sort());
      expect(digests(node)).toEqual(digests(first));
      expect(node.sink.visible).toBe(node.replica.currentRevision);
      this.#check(node);
      this.#judgeContexts(node);
      for (const log of node.replica.logs.keys()) expect(this.config.logs).toContain(log);
      expect([...node.replica.retired].sort()).toEqual([...first.replica.retired].sort());
    }
  }

  /** What a record's context says, with or without naming it, is what its author held. */
  #judgeContexts(node: Node): void {
    const issued = new Map(this.issued.map((write) => [`${write.stamp.log}/${write.stamp.lamport}`, write]));
    const logs = [...node.replica.logs.keys(), ...node.replica.retired.keys()];
    for (const { segments } of node.replica.logs.values()) {
      for (const record of [...segments.values()].flatMap((segment) => segment.records)) {
        const { held } = issued.get(`${record.log}/${record.lamport}`)!;
        const context = record.context();
        for (const log of logs) if (log !== record.log) expect(context.get(log) ?? 0).toBe(held.get(log) ?? 0);
        this.named = Math.max(this.named, context.size);
      }
    }
  }

  get first(): Node {
    return this.nodes[0]!;
  }
}

/** 487: within one frame a deletion was reported gone before what it had superseded. 115: the same, of a log that was retired with it. */
const regressions = [487, 115];
const seeds =
  process.env['SEED'] === undefined
    ? [...regressions, ...Array.from({ length: Number(process.env['STORMS'] ?? 20) }, (_, i) => i + 1)]
    : [Number(process.env['SEED'])];

test('replicas that have received the same hold the same, and nothing acknowledged is lost', async () => {
  let moves = 0;
  let drops = 0;
  let forgotten = 0;
  let copies = 0;
  let retired = 0;
  const units: Record<string, number> = {};
  for (const seed of seeds) {
    const world = new World(seed);
    try {
      await world.run(300);
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const { sink } of world.nodes) {
      moves += sink.moves;
      drops += sink.drops;
      copies += sink.copies;
    }
    retired += world.first.replica.retired.size;
    for (const [what, n] of Object.entries(world.units)) units[what] = (units[what] ?? 0) + n;
    forgotten += new Set(world.issued.map((w) => w.key)).size - world.first.sink.remembered;
  }
  if (process.env['SHOW'] !== undefined) console.log(units, { moves, drops, copies, retired, forgotten });
  if (seeds.length > 10) for (const n of [moves, drops, copies, retired, forgotten, units['applied'], units['seen half done']]) expect(n).toBeGreaterThan(0);
});
