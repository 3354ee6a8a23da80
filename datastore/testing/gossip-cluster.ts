/** Replicas gossiping over a network in memory, in virtual time: toys, or real ones over a map where the later write wins. */
import { Gossip } from '../gossip/mesh.ts';
import type { GossipOptions } from '../gossip/mesh.ts';
import type { GossipAlarm, MemberState, PeerAddress, PeerStats } from '../gossip/types.ts';
import { silent } from '../host/log.ts';
import type { Logger } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import { MemoryNet } from './memory-net.ts';
import type { Path } from './memory-net.ts';
import type { Clock } from '../host/host.ts';
import { SimClock } from './sim-clock.ts';
import type { MachineClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import type { LogId } from '../replica/types.ts';
import type { ReplicaPort } from '../gossip/types.ts';

/** A replica as these tests see it. */
export interface Subject {
  readonly port: ReplicaPort;
  put(key: string, value: string): void;
  remove(key: string): void;
  state(): Record<string, string>;
  /** What a later process finds on its disk if this one dies now. */
  disk(): unknown;
}

/** Makes a replica, on the disk of an earlier one if given. */
export type MakeSubject<S extends Subject> = (log: LogId, clock: Clock, random: SimRandom, disk: unknown) => S;

export interface Node<S extends Subject> {
  readonly name: string;
  readonly clock: MachineClock;
  readonly replica: S;
  readonly gossip: Gossip;
  readonly alarms: GossipAlarm[];
}

export interface NodeOptions {
  readonly slot?: number;
  readonly incarnation?: number;
  readonly state?: MemberState;
  readonly clusterId?: string;
  /** A disk that was there before. */
  readonly disk?: unknown;
  /** The machine, if not the one of that name: two processes that claim one name. */
  readonly machine?: string;
  readonly peers?: readonly PeerAddress[];
  readonly wallSkewMs?: number;
  readonly log?: Logger;
  readonly gossip?: Partial<GossipOptions>;
}

export const urlOf = (machine: string): string => `http://${machine}:2380`;

export class GossipCluster<S extends Subject> {
  readonly seed: number;
  readonly random: SimRandom;
  readonly clock = new SimClock();
  readonly net: MemoryNet;
  readonly names: readonly string[];
  /** Those that run. */
  readonly nodes = new Map<string, Node<S>>();
  readonly #make: MakeSubject<S>;
  #starts = 0;

  constructor(make: MakeSubject<S>, seed: number, members: number, defaults: Partial<Path> = {}) {
    this.#make = make;
    this.seed = seed;
    this.random = new SimRandom(seed);
    this.net = new MemoryNet({ clock: this.clock, random: this.random.fork('net'), defaults });
    this.names = Array.from({ length: members }, (_, i) => `m${i}`);
  }

  get addresses(): PeerAddress[] {
    return this.names.map((name) => ({ name, urls: [urlOf(name)] }));
  }

  async start(name: string, options: NodeOptions = {}): Promise<Node<S>> {
    const machine = options.machine ?? name;
    const index = this.names.indexOf(name);
    const slot = options.slot ?? index;
    const clock = this.clock.machine(options.wallSkewMs);
    const random = this.random.fork(`${name} ${this.#starts++}`);
    const replica = this.#make(logId(slot, options.incarnation ?? 1_000 + index), clock, random.fork('replica'), options.disk ?? null);
    const alarms: GossipAlarm[] = [];
    const gossip = new Gossip({
      clock,
      random,
      net: this.net.machine(machine),
      log: options.log ?? silent,
      replica: replica.port,
      self: { clusterId: options.clusterId ?? 'cluster', memberId: BigInt(100 + slot), name, slot },
      listen: [urlOf(machine)],
      peers: options.peers ?? this.addresses,
      state: options.state ?? 'ready',
      alarm: (alarm) => alarms.push(alarm),
      ...options.gossip,
    });
    const node: Node<S> = { name, clock, replica, gossip, alarms };
    this.nodes.set(machine, node);
    await gossip.run();
    return node;
  }

  async startAll(options: NodeOptions = {}): Promise<Node<S>[]> {
    return Promise.all(this.names.map((name) => this.start(name, options)));
  }

  /** The process dies; its disk stays with the caller, who may give it to the next one. */
  crash(machine: string, how: 'reset' | 'silent' = 'reset'): Node<S> {
    const node = this.nodes.get(machine)!;
    node.clock.halt();
    this.net.crash(machine, how);
    this.nodes.delete(machine);
    return node;
  }

  async stop(): Promise<void> {
    await this.clock.wait(Promise.all([...this.nodes.values()].map((node) => node.gossip.stop())), 10_000);
  }

  /** Same vectors and same state at every node that runs. */
  get converged(): boolean {
    const [first, ...others] = [...this.nodes.values()].map((node) => node.replica);
    if (first === undefined) return true;
    const vector = first.port.vector();
    if (!others.every((other) => Buffer.compare(other.port.vector(), vector) === 0)) return false;
    const state = JSON.stringify(first.state());
    return others.every((other) => JSON.stringify(other.state()) === state);
  }

  /** Waits until all hold the same. @returns the virtual milliseconds it took */
  async converge(withinMs = 60_000): Promise<number> {
    try {
      return await this.clock.until(() => this.converged, withinMs);
    } catch {
      const views = [...this.nodes.values()].map((node) => `${node.name} ${Buffer.from(node.replica.port.vector()).toString('hex')}`);
      throw new Error(`seed ${this.seed}: not converged within ${withinMs} ms of virtual time: ${views.join(' ; ')}`);
    }
  }

  /** A node's figures about one peer. */
  stats(node: string, peer: string): PeerStats {
    const found = this.nodes.get(node)?.gossip.stats().find((s) => s.name === peer);
    if (found === undefined) throw new Error(`${node} has no peer ${peer}`);
    return found;
  }
}
