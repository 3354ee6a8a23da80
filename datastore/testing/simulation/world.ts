/** What everybody in a simulated cluster shares: time, chance, the network, the machines, the records of what happened. */
import { parseKey } from '../../lease/record.ts';
import type { Configuration } from '../../membership/configuration.ts';
import { MemoryNet } from '../memory-net.ts';
import { SimClock } from '../sim-clock.ts';
import { SimRandom } from '../sim-random.ts';
import type { Figures } from './figures.ts';
import { Frames } from './frames.ts';
import { SimNode } from './node.ts';
import type { NodeConfig } from './node.ts';
import { Offered } from './offered.ts';
import { drawOptions } from './options.ts';
import type { SimOptions } from './options.ts';
import type { Process } from './process.ts';
import type { Plant } from './planted.ts';
import { Registry } from './registry.ts';
import type { KnownRecord } from './registry.ts';
import { Trace } from './trace.ts';
import { check, Violation } from './violation.ts';

/** A lease as its clients know it. */
export interface KnownLease {
  readonly id: bigint;
  /** As its last renewal was answered: two replicas may have granted one id at once, with two of them. */
  ttl: number;
  /** Who last renewed it, and when the request was made. */
  renewedBy: Process;
  renewedAtMs: number;
}

export class World {
  readonly random: SimRandom;
  readonly clock = new SimClock(1_700_000_000_000, true);
  readonly net: MemoryNet;
  readonly registry = new Registry();
  readonly figures: Figures;
  readonly trace: Trace;
  readonly plant: Plant;
  readonly options: SimOptions;
  /** The cluster's machines; those that have left are not among them. */
  readonly nodes: SimNode[] = [];
  /** All that ever were, clones included. */
  readonly all: SimNode[] = [];
  readonly frames: Frames;
  readonly offers = new Offered();
  /** Disks whose content is out of the cluster's reach: destroyed, replaced, set aside. */
  readonly lostDisks = new Set<object>();
  /** The membership is being changed: one thing after the other, so that a majority is left. */
  changing = false;
  readonly leases = new Map<bigint, KnownLease>();
  /** Clients may ask, faults may happen. */
  busy = true;
  violation: unknown = null;
  /** A machine with a copy of another's disk. */
  clone: SimNode | null = null;
  /** What processes have ended by. */
  readonly #ends = new WeakSet<Error>();
  #newest: Configuration | null = null;
  readonly onForgotten: ((node: SimNode) => void)[] = [];
  /** How long clients ask and faults happen. Most runs are short and full of faults; some are long, so that housekeeping and compaction have their turn. */
  readonly busyMs: number;

  constructor(seed: number, replicas: number, figures: Figures, plant: Plant, print: ((line: string) => void) | null) {
    this.random = new SimRandom(seed);
    this.busyMs = this.random.chance(0.7) ? 1_000 + this.random.float() * 3_000 : 4_000 + this.random.float() * 11_000;
    this.figures = figures;
    this.plant = plant;
    this.trace = new Trace(() => this.clock.monotonicMs(), print);
    this.net = new MemoryNet({ clock: this.clock, random: this.random.fork('net'), defaults: { delayMs: this.random.float() * 20, jitterMs: this.random.float() * 20 } });
    this.options = drawOptions(this.random.fork('options'));
    this.frames = new Frames(this.random.fork('frames'));
    const initial = new Map(Array.from({ length: replicas }, (_, slot) => [`r${slot}`, slot]));
    for (const [name, slot] of initial) this.add({ name, slot, host: name, initial, joining: false });
  }

  /** One more machine. */
  add(config: NodeConfig): SimNode {
    const node = new SimNode(this, config);
    this.all.push(node);
    this.nodes.push(node);
    return node;
  }

  /** A copy of a machine, with its disk. */
  addClone(of: SimNode): SimNode {
    const clone = of.clone();
    this.all.push(clone);
    this.clone = clone;
    return clone;
  }

  /** A replica has heard of a configuration. */
  learned(configuration: Configuration): void {
    if (configuration.number >= (this.#newest?.number ?? 0)) this.#newest = configuration;
  }

  /**
   * Every member's disk is there and has served, and the cluster knows it so: it can take one more loss. By the newest configuration that anybody has
   * heard of: one that is behind may count a member whose log was removed, and of two members left the second must not lose its disk. Nor may a member's place
   * have gone to another disk without anybody having heard of it, or a disk be an old copy that nobody has noticed yet.
   */
  get steady(): boolean {
    if (this.serving.length === 0 || this.#newest === null || this.changing || this.clone !== null || !this.nodes.every((node) => node.settled && node.newest && !node.undecided)) return false;
    const { members } = this.#newest;
    return members.length === this.nodes.length && members.every((member) => member.standing === 'voting' && this.nodes.some((node) => member.log !== null && node.logs.has(member.log)));
  }

  get serving(): SimNode[] {
    return this.nodes.filter((node) => node.serving);
  }

  /** Where a client may go. */
  get reachable(): readonly SimNode[] {
    return this.clone === null ? this.nodes : [...this.nodes, this.clone];
  }

  left(node: SimNode): void {
    const at = this.nodes.indexOf(node);
    if (at >= 0) this.nodes.splice(at, 1);
    if (this.clone !== node) return;
    this.clone = null;
    // Its original, whose log nobody can trust any more, is restarted, as the documentation says.
    this.clock.after(1, () => {
      const original = this.nodes.find((other) => other.name === node.name);
      original?.kill('process');
      original?.start();
    });
  }

  /** Nobody has seen anything of what this replica shows from now on. */
  forgotten(node: SimNode): void {
    for (const fn of this.onForgotten) fn(node);
  }

  /** A process has ended by this error, as it should. */
  endedBy(error: unknown): void {
    if (error instanceof Error) this.#ends.add(error);
  }

  violated(error: unknown): void {
    // Whoever still waited for that process hears the same.
    if (error instanceof Error && this.#ends.has(error)) return;
    // Of a process that is dead already.
    if (this.violation !== null || (error as { code?: unknown } | null)?.code === 'ECRASHED') return;
    this.violation = error;
    this.trace.say('!', error instanceof Error ? error.message : String(error));
  }

  /** Runs work that nobody waits for: what it throws is a finding. */
  go(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.violated(error));
  }

  /** The same without waiting. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.violated(error);
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve));
  }

  restartLater(node: SimNode): void {
    const downMs = this.random.chance(0.5) ? this.random.float() * 300 : this.random.float() * 6_000;
    this.clock.after(downMs, () => node.start());
  }

  /** A replica has decided a record: an expiry must not come before its time. */
  decided(node: SimNode, process: Process, record: KnownRecord): void {
    for (const { name } of record.writes) {
      if (!name.startsWith('1')) continue;
      const named = parseKey(name.slice(1));
      if (named === null || !named.expired) continue;
      this.figures.add('event lease expired');
      const lease = this.leases.get(named.id);
      if (lease === undefined || lease.renewedBy !== process) continue;
      const passed = this.clock.monotonicMs() - lease.renewedAtMs;
      // A rounding error is no error.
      check(passed >= lease.ttl * 1000 - 0.001, () => `${node.name} ended lease ${named.id} of ${lease.ttl} s ${passed} ms after it was renewed there`);
      this.figures.add('check expiry');
    }
  }

  /** Lets time pass, until then or until something is found. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monotonicMs() + ms;
    while (this.clock.monotonicMs() < end && this.violation === null) await this.step(Math.min(100, end - this.clock.monotonicMs()));
    if (this.violation !== null) throw this.violation;
  }

  /** @throws Violation if it is not so within that time */
  async until(done: () => boolean, withinMs: number, what: () => string): Promise<void> {
    const end = this.clock.monotonicMs() + withinMs;
    while (!done()) {
      if (this.clock.monotonicMs() >= end) throw new Violation(`not within ${withinMs} ms: ${what()}`);
      await this.pass(100);
    }
  }

  private async step(ms: number): Promise<void> {
    try {
      await this.clock.run(ms);
    } catch (error) {
      this.violated(error);
    }
  }
}
