/** What goes wrong, and when: each seed draws its own weights, so that some runs are nearly all crashes, others all network. */
import type { SimRandom } from '../sim-random.ts';
import { Reconfigurations } from './reconfigurations.ts';
import type { World } from './world.ts';

export type FaultName = keyof typeof WEIGHTS;

const WEIGHTS = {
  kill: 1,
  powerLoss: 1.5,
  crashAtDiskCall: 2.5,
  orderlyRestart: 0.7,
  fsyncError: 0.6,
  diskFull: 0.6,
  wallClock: 0.5,
  cut: 1.5,
  cutOneWay: 1.2,
  flap: 0.6,
  partition: 1,
  breakLinks: 1.5,
  slowLink: 1,
  everythingDies: 0.25,
  loseDisk: 0.6,
  keepDisk: 1.5,
  restoreDisk: 1.5,
  cloneDisk: 0.5,
  scaleOut: 0.35,
  scaleIn: 0.5,
  drainAndCancel: 0.4,
  evict: 0.5,
  force: 0.2,
  replay: 1.2,
} as const;

const HOUR_MS = 3_600_000;

export class Nemesis {
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #weights: readonly (readonly [FaultName, number])[];
  readonly #paceMs: number;
  readonly #changes: Reconfigurations;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork('nemesis');
    this.#changes = new Reconfigurations(world);
    this.#paceMs = this.#random.chance(0.1) ? Infinity : 100 + this.#random.float() * (world.busyMs < 4_000 ? 700 : 3_000);
    this.#weights = (Object.entries(WEIGHTS) as [FaultName, number][]).map(([name, weight]) => [name, this.#random.chance(0.4) ? 0 : weight * this.#random.float()]);
    for (const node of world.nodes) if (this.#random.chance(0.3)) node.wallSkewMs = (this.#random.float() - 0.5) * 2 * HOUR_MS;
  }

  run(): void {
    if (this.#paceMs === Infinity) return;
    this.#world.go(async () => {
      for (;;) {
        await this.#world.sleep(this.#random.float() * 2 * this.#paceMs);
        if (!this.#world.busy) return;
        this.#strike();
      }
    });
  }

  /** Everything works again. */
  heal(): void {
    const { nodes, net } = this.#world;
    this.#world.clone?.leave();
    for (const node of nodes) {
      node.fault = null;
      delete node.disk.options.capacityBytes;
      for (const other of nodes) if (other !== node) net.shape(node.name, other.name, { cut: false, bytesPerMs: Infinity, delayMs: 2, jitterMs: 2 });
    }
    this.#world.trace.say('net', 'healed');
  }

  #strike(): void {
    const sum = this.#weights.reduce((n, [, weight]) => n + weight, 0);
    let draw = this.#random.float() * sum;
    const fault = this.#weights.find(([, weight]) => (draw -= weight) < 0)?.[0];
    if (fault !== undefined) this.#do(fault);
  }

  #do(fault: FaultName): void {
    const world = this.#world;
    const random = this.#random;
    const node = random.pick(world.nodes);
    const others = world.nodes.filter((n) => n !== node);
    const other = others.length === 0 ? node : random.pick(others);
    const { net, figures, trace } = world;
    switch (fault) {
      case 'kill':
      case 'powerLoss':
        if (node.process === null) return;
        node.kill(fault === 'kill' ? 'process' : 'power');
        return world.restartLater(node);
      case 'everythingDies':
        for (const n of [...world.nodes]) {
          if (n.process === null) continue;
          n.kill('power');
          world.restartLater(n);
        }
        return;
      case 'loseDisk':
        // One at a time, and only where there are enough others to agree on its successor.
        if (world.nodes.length < 3 || !world.steady) return;
        node.loseDisk();
        return world.restartLater(node);
      case 'keepDisk':
        if (node.settled) node.keep();
        return;
      case 'restoreDisk':
        return this.#changes.restore(random.pick(world.nodes.filter((n) => n.backup !== null).concat(node)));
      case 'cloneDisk':
        return this.#changes.clone(node);
      case 'scaleOut':
        return this.#changes.scaleOut();
      case 'scaleIn':
        return this.#changes.scaleIn(node);
      case 'drainAndCancel':
        return this.#changes.drainAndCancel(node);
      case 'evict':
        return this.#changes.evict(node);
      case 'force':
        return this.#changes.force();
      case 'replay':
        return this.#changes.replay(node);
      case 'crashAtDiskCall': {
        const at = node.disk.calls + random.below(random.chance(0.5) ? 4 : 30);
        node.fault = (_, number) => (number >= at ? 'crash' : undefined);
        return;
      }
      case 'orderlyRestart': {
        if (!node.serving) return;
        return world.go(async () => {
          await node.stop();
          if (node.process === null) world.restartLater(node);
        });
      }
      case 'fsyncError': {
        node.fault = (kind) => {
          if (kind !== 'datasync' && kind !== 'writeDurable' && kind !== 'syncDir') return undefined;
          node.fault = null;
          return 'EIO';
        };
        return;
      }
      case 'diskFull': {
        figures.add('fault disk full');
        trace.say(node.name, 'disk full');
        node.disk.options.capacityBytes = node.disk.usedBytes + random.below(3) * 30_000;
        const share = random.float();
        const fault = (kind: string) => (kind.startsWith('write') && random.float() < share ? ('ENOSPC' as const) : undefined);
        if (random.chance(0.5)) node.fault = fault;
        return void world.clock.after(random.float() * 5_000, () => {
          delete node.disk.options.capacityBytes;
          if (node.fault === fault) node.fault = null;
        });
      }
      case 'wallClock':
        figures.add('fault wall clock');
        node.wallSkewMs += random.pick([-1, 1]) * (random.chance(0.5) ? HOUR_MS : random.float() * 60_000);
        if (node.process !== null) node.process.clock.wallSkewMs = node.wallSkewMs;
        return;
      case 'cut':
        figures.add('fault cut');
        trace.say('net', `cut ${node.name} ${other.name}`);
        net.cut(node.name, other.name);
        return void world.clock.after(random.float() * 6_000, () => net.heal(node.name, other.name));
      case 'cutOneWay':
        figures.add('fault one-way cut');
        trace.say('net', `cut ${node.name} > ${other.name}`);
        net.cutOneWay(node.name, other.name);
        return void world.clock.after(random.float() * 20_000, () => net.heal(node.name, other.name));
      case 'flap': {
        figures.add('fault flapping link');
        trace.say('net', `flap ${node.name} ${other.name}`);
        for (let i = 0, at = 0; i < 6; i++) {
          world.clock.after((at += random.float() * 700), () => net.cut(node.name, other.name));
          world.clock.after((at += random.float() * 700), () => net.heal(node.name, other.name));
        }
        return;
      }
      case 'partition': {
        figures.add('fault partition');
        const left = world.nodes.filter(() => random.chance(0.5)).map((n) => n.name);
        const right = world.nodes.map((n) => n.name).filter((name) => !left.includes(name));
        trace.say('net', `partition ${left.join()} | ${right.join()}`);
        net.partition(left, right);
        return void world.clock.after(random.float() * 10_000, () => net.partition(world.nodes.map((n) => n.name)));
      }
      case 'breakLinks':
        figures.add('fault link loss');
        trace.say('net', `break ${node.name} ${other.name}`);
        return net.breakLinks(node.name, other.name);
      case 'slowLink': {
        figures.add('fault slow link');
        net.shape(node.name, other.name, { bytesPerMs: 0.2 + random.float() * 20, delayMs: random.float() * 400, jitterMs: random.float() * 400 });
        return void world.clock.after(random.float() * 10_000, () => net.shape(node.name, other.name, { bytesPerMs: Infinity, delayMs: random.float() * 20, jitterMs: random.float() * 20 }));
      }
    }
  }
}
