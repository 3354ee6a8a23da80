/** What everybody in a simulated cluster shares: time, chance, the network, the machines, the records of what happened. */
import { parseKey } from '../../lease/record.ts';
import { MemoryNet } from '../memory-net.ts';
import { SimClock } from '../sim-clock.ts';
import { SimRandom } from '../sim-random.ts';
import type { Figures } from './figures.ts';
import { SimNode } from './node.ts';
import type { Process } from './node.ts';
import type { Plant } from './planted.ts';
import { Registry } from './registry.ts';
import type { KnownRecord } from './registry.ts';
import { Trace } from './trace.ts';
import { check, Violation } from './violation.ts';

/** A lease as its clients know it. */
export interface KnownLease {
  readonly id: bigint;
  readonly ttl: number;
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
  readonly nodes: SimNode[];
  readonly leases = new Map<bigint, KnownLease>();
  /** Clients may ask, faults may happen. */
  busy = true;
  violation: unknown = null;
  /** How long clients ask and faults happen. Most runs are short and full of faults; some are long, so that housekeeping and compaction have their turn. */
  readonly busyMs: number;

  constructor(seed: number, replicas: number, figures: Figures, plant: Plant, print: ((line: string) => void) | null) {
    this.random = new SimRandom(seed);
    this.busyMs = this.random.chance(0.7) ? 1_000 + this.random.float() * 3_000 : 4_000 + this.random.float() * 11_000;
    this.figures = figures;
    this.plant = plant;
    this.trace = new Trace(() => this.clock.monotonicMs(), print);
    this.net = new MemoryNet({ clock: this.clock, random: this.random.fork('net'), defaults: { delayMs: this.random.float() * 20, jitterMs: this.random.float() * 20 } });
    const names = Array.from({ length: replicas }, (_, i) => `r${i}`);
    this.nodes = names.map((name, slot) => new SimNode(this, { name, slot, names }));
  }

  get serving(): SimNode[] {
    return this.nodes.filter((node) => node.serving);
  }

  violated(error: unknown): void {
    if (this.violation !== null) return;
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
