/** What is done to a cluster on purpose: drains, machines that come and go, evictions, force. And what happens to disks behind its back: old copies, clones. */
import { EtcdError } from '../../errors.ts';
import { StaleDataError } from '../../place.ts';
import { logName } from '../../replica/types.ts';
import type { SimRandom } from '../sim-random.ts';
import { memberId } from './node.ts';
import type { SimNode } from './node.ts';
import type { Process } from './process.ts';
import { check } from './violation.ts';
import type { World } from './world.ts';

const MACHINES_MAX = 8;
const DRAIN_MS = 10_000;
const ANSWER_MS = 6_000;

export class Reconfigurations {
  readonly #world: World;
  readonly #random: SimRandom;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork('reconfigurations');
  }

  /** One more member, or one that was removed comes again, with an empty disk. */
  scaleOut(): void {
    const world = this.#world;
    const { nodes, all } = world;
    if (nodes.length >= MACHINES_MAX || world.changing) return;
    const gone = all.filter((node) => node.left && !node.isClone && !nodes.some((other) => other.name === node.name));
    const again = gone.length > 0 && this.#random.chance(0.4) ? this.#random.pick(gone) : null;
    const slot = again?.slot ?? Math.max(...all.map((node) => node.slot)) + 1;
    const name = again?.name ?? `r${slot}`;
    world.figures.add('fault scale out');
    const initial = new Map([...nodes.map((node): [string, number] => [node.name, node.slot]), [name, slot]]);
    world.add({ name, slot, host: name, initial, joining: true }).start();
  }

  /** A drain that is cancelled, before or after it is over. */
  drainAndCancel(node: SimNode): void {
    const { process } = node;
    if (process?.serving !== true) return;
    this.#world.figures.add('fault drain');
    this.#world.go(async () => {
      await this.#drained(node, process, this.#random.chance(0.5) ? DRAIN_MS : this.#random.float() * 1_000);
      await this.#world.sleep(this.#random.float() * 500);
      if (!process.dead) process.draining!.undrain();
    });
  }

  /** A member is removed for good, most of the time after a drain: then nothing that a client was told may be missing. */
  scaleIn(node: SimNode): void {
    const world = this.#world;
    const { process } = node;
    if (!world.steady || process?.serving !== true || world.nodes.length < (this.#random.chance(0.2) ? 3 : 4)) return;
    world.changing = true;
    world.figures.add('fault scale in');
    world.go(async () => {
      const drain = this.#random.chance(0.75);
      if (!drain || (await this.#drained(node, process, DRAIN_MS))) {
        const removed = await this.#decided((by) => by.cluster.remove(memberId(node.slot)), node);
        // A restart forgets a drain.
        if (removed) node.leave(drain && node.process === process && process.draining!.state === 'drained');
      }
      if (!node.left && !process.dead) process.draining!.undrain();
      world.changing = false;
    });
  }

  evict(node: SimNode): void {
    const world = this.#world;
    if (!world.steady || world.nodes.length < (this.#random.chance(0.3) ? 3 : 4)) return;
    world.figures.add('fault eviction');
    world.go(async () => void (await this.#decided((by) => by.cluster.evict(memberId(node.slot)), node)));
  }

  /** A majority's machines burn down. An administrator tells one of the rest that they are all that is left. */
  force(): void {
    const world = this.#world;
    const { nodes } = world;
    if (!world.steady || nodes.length < 3) return;
    const left = [...nodes];
    const survivors: SimNode[] = [];
    for (let n = 1 + this.#random.below(Math.floor((nodes.length - 1) / 2)); n > 0; n--) survivors.push(...left.splice(this.#random.below(left.length), 1));
    world.changing = true;
    world.figures.add('fault forced configuration');
    for (const node of left) node.leave();
    world.go(async () => {
      const one = this.#random.pick(survivors);
      for (;;) {
        await world.sleep(100 + this.#random.float() * 1_000);
        if (one.process === null) one.start();
        if (!one.serving) continue;
        const { membership, cluster } = one.process!.store!;
        const dead = membership.configuration.members.filter((member) => !survivors.some((node) => memberId(node.slot) === member.id));
        if (dead.length === 0) break;
        await Promise.race([cluster.forceRemove(dead.map((member) => member.id)), world.sleep(ANSWER_MS)]);
      }
      world.changing = false;
    });
  }

  /** An old copy of a disk takes its place. */
  restore(node: SimNode): void {
    const world = this.#world;
    if (node.backup === null || world.nodes.length < 3 || !world.steady) return;
    node.restore();
    if (this.#random.chance(0.3)) world.restartLater(node);
    else node.start();
  }

  /** A second machine starts with a copy of a running one's disk, and is taken away after a while. */
  clone(node: SimNode): void {
    const world = this.#world;
    if (!node.serving || world.nodes.length < 3 || !world.steady) return;
    world.figures.add('fault cloned disk');
    const clone = world.addClone(node);
    clone.start();
    world.clock.after(500 + this.#random.float() * 8_000, () => clone.leave());
  }

  /** Old frames come again. */
  replay(node: SimNode): void {
    const { process } = node;
    if (process?.serving !== true) return;
    this.#world.figures.add('fault frames again');
    if (this.#world.frames.replay(process.store!.replica)) return;
    const others = process.store!.membership.configuration.members.filter((member) => member.slot !== node.slot);
    node.failed(process, new StaleDataError('data', 'it is an old copy: a frame holds more', others.flatMap((member) => member.peerURLs)));
  }

  async #drained(node: SimNode, process: Process, withinMs: number): Promise<boolean> {
    const world = this.#world;
    const { draining, store } = process;
    const held = node.held;
    world.trace.say(node.host, 'is drained');
    draining!.drain().catch((error: unknown) => world.violated(error));
    const end = world.clock.monotonicMs() + withinMs;
    while (draining!.state === 'draining' && !process.dead && world.clock.monotonicMs() < end) await world.sleep(20);
    if (process.dead || draining!.state !== 'drained') return false;
    world.figures.add('event drained');
    for (const other of world.nodes) {
      const member = store!.membership.configuration.members.find((m) => m.id === memberId(other.slot));
      // Who has lost its disk since it said so holds nothing; who has not come yet need not.
      if (other === node || !other.settled || member?.standing !== 'voting' || member.log === null || !other.logs.has(member.log)) continue;
      const lacking = [...held].find(([log, lamport]) => (other.held.get(log) ?? 0) < lamport && !store!.replica.retired.has(log));
      check(lacking === undefined, () => `${node.name} says that it is drained, and ${other.name} holds ${logName(lacking![0])} only up to ${other.held.get(lacking![0])} of ${lacking![1]}`);
      world.figures.add('check drained');
    }
    return true;
  }

  /** Asks one member after the other for a change, until one says that it is decided. */
  async #decided(change: (by: NonNullable<Process['store']>) => Promise<unknown>, without: SimNode): Promise<boolean> {
    const world = this.#world;
    for (let tries = 0; tries < 8 && world.busy && !without.left; tries++) {
      const by = world.serving.filter((node) => node !== without);
      if (by.length > 0) {
        const answer = change(this.#random.pick(by).process!.store!).then(() => true, (error: unknown) => {
          if (error instanceof EtcdError) return false;
          // Whoever was asked is gone.
          if ((error as { code?: unknown }).code === 'ECRASHED') return false;
          throw error;
        });
        if (await Promise.race([answer, world.sleep(ANSWER_MS).then(() => false)])) return true;
      }
      await world.sleep(200 + this.#random.float() * 600);
    }
    return false;
  }
}
