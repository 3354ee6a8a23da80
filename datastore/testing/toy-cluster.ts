/** Some toy replicas gossiping over a network in memory, in virtual time. */
import { Gossip } from '../gossip/mesh.ts';
import type { GossipOptions } from '../gossip/mesh.ts';
import type { GossipAlarm, MemberState, PeerAddress, PeerStats } from '../gossip/types.ts';
import { silent } from '../host/log.ts';
import type { Logger } from '../host/log.ts';
import { logId } from '../replica/types.ts';
import { MemoryNet } from './memory-net.ts';
import type { Path } from './memory-net.ts';
import { SimClock } from './sim-clock.ts';
import type { MachineClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { ToyReplica } from './toy-replica.ts';
import type { ToyOptions } from './toy-replica.ts';

export interface Node {
  readonly name: string;
  readonly clock: MachineClock;
  readonly replica: ToyReplica;
  readonly gossip: Gossip;
  readonly alarms: GossipAlarm[];
}

export interface NodeOptions extends ToyOptions {
  readonly slot?: number;
  readonly incarnation?: number;
  readonly state?: MemberState;
  readonly clusterId?: string;
  /** A disk that was there before. */
  readonly replica?: ToyReplica;
  /** The machine, if not the one of that name: two processes that claim one name. */
  readonly machine?: string;
  readonly peers?: readonly PeerAddress[];
  readonly wallSkewMs?: number;
  readonly log?: Logger;
  readonly gossip?: Partial<GossipOptions>;
}

export const urlOf = (machine: string): string => `http://${machine}:2380`;

export class ToyCluster {
  readonly seed: number;
  readonly random: SimRandom;
  readonly clock = new SimClock();
  readonly net: MemoryNet;
  readonly names: readonly string[];
  /** Those that run. */
  readonly nodes = new Map<string, Node>();
  #starts = 0;

  constructor(seed: number, members: number, defaults: Partial<Path> = {}) {
    this.seed = seed;
    this.random = new SimRandom(seed);
    this.net = new MemoryNet({ clock: this.clock, random: this.random.fork('net'), defaults });
    this.names = Array.from({ length: members }, (_, i) => `m${i}`);
  }

  get addresses(): PeerAddress[] {
    return this.names.map((name) => ({ name, urls: [urlOf(name)] }));
  }

  async start(name: string, options: NodeOptions = {}): Promise<Node> {
    const machine = options.machine ?? name;
    const index = this.names.indexOf(name);
    const slot = options.slot ?? index;
    const clock = this.clock.machine(options.wallSkewMs);
    const replica = options.replica ?? new ToyReplica(logId(slot, options.incarnation ?? 1_000 + index), options);
    const alarms: GossipAlarm[] = [];
    const gossip = new Gossip({
      clock,
      random: this.random.fork(`${name} ${this.#starts++}`),
      net: this.net.machine(machine),
      log: options.log ?? silent,
      replica,
      self: { clusterId: options.clusterId ?? 'cluster', memberId: BigInt(100 + slot), name, slot },
      listen: [urlOf(machine)],
      peers: options.peers ?? this.addresses,
      state: options.state ?? 'ready',
      alarm: (alarm) => alarms.push(alarm),
      ...options.gossip,
    });
    const node: Node = { name, clock, replica, gossip, alarms };
    this.nodes.set(machine, node);
    await gossip.run();
    return node;
  }

  async startAll(options: NodeOptions = {}): Promise<Node[]> {
    return Promise.all(this.names.map((name) => this.start(name, options)));
  }

  /** The process dies; its disk stays with the caller, who may give it to the next one. */
  crash(machine: string, how: 'reset' | 'silent' = 'reset'): Node {
    const node = this.nodes.get(machine)!;
    node.clock.halt();
    this.net.crash(machine, how);
    this.nodes.delete(machine);
    return node;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes.values()) await node.gossip.stop();
  }

  /** Same vectors and same state at every node that runs. */
  get converged(): boolean {
    const views = [...this.nodes.values()].map((node) => Buffer.from(node.replica.vector()).toString() + JSON.stringify(node.replica.state()));
    return views.every((view) => view === views[0]);
  }

  /** Waits until all hold the same. @returns the virtual milliseconds it took */
  async converge(withinMs = 60_000): Promise<number> {
    try {
      return await this.clock.until(() => this.converged, withinMs);
    } catch {
      const views = [...this.nodes.values()].map((node) => `${node.name} ${Buffer.from(node.replica.vector()).toString()}`);
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
