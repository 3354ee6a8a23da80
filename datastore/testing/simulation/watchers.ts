/**
 * Watch clients, as an apiserver's reflector: list, watch from there, resume after a disconnect, here or at another replica, list again when told
 * that the revision was compacted. What each is told is compared with the replica's history, event by event.
 */
import { EtcdError } from '../../errors.ts';
import type { Change, KeyRange } from '../../keyspace/types.ts';
import type { WatchMessage, WatchStream } from '../../watch/types.ts';
import type { SimRandom } from '../sim-random.ts';
import { randomRange, rangeRequest } from './clients.ts';
import { describe, inRange, sameChange } from './history.ts';
import type { SeenChange } from './history.ts';
import type { SimNode } from './node.ts';
import type { Process } from './process.ts';
import { check } from './violation.ts';
import type { World } from './world.ts';

const FULL = 2 * 1_048_576;

export class WatchClient {
  readonly name: string;
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #range: KeyRange;
  readonly #noPut: boolean;
  readonly #noDelete: boolean;
  /** What the client believes, by its list and the events since. */
  readonly #cache = new Map<string, number>();
  #node: SimNode | null = null;
  #process: Process | null = null;
  #stream: WatchStream | null = null;
  #hangUp: () => void = () => {};
  /** Number of the connection: messages of earlier ones count for nothing. */
  #connection = 0;
  /** The first revision of which it may have missed something; 0: it must list. */
  #next = 0;
  /** Where `#next` comes from. */
  #issuer: SimNode | null = null;
  #slow = false;
  /** It came with a revision of another replica and waits to be told so. */
  #foreign = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#random = world.random.fork(`watch ${name}`);
    this.#range = randomRange(this.#random);
    this.#noPut = this.#random.chance(0.1);
    this.#noDelete = !this.#noPut && this.#random.chance(0.1);
    world.onForgotten.push((node) => {
      if (this.#issuer !== node) return;
      this.#next = 0;
      if (this.#foreign) this.#disconnect();
    });
  }

  run(): void {
    this.#world.go(async () => {
      while (this.#world.busy) {
        await this.#world.sleep(this.#random.float() * 600);
        this.#world.guard(() => this.#turn());
      }
    });
  }

  /** Nothing disturbs any more: who has no watch opens one, where he was if that serves. */
  reconnect(): void {
    if (this.#stream !== null) return;
    const node = this.#node === null || !this.#node.serving ? this.#world.nodes[0]! : this.#node;
    if (this.#issuer !== node) this.#next = 0;
    // Compacted meanwhile: it lists.
    for (let tries = 0; this.#stream === null && tries < 2; tries++) this.#connect(node);
  }

  /** It has been told of everything that its replica shows. One that does not read gets nothing. */
  get complete(): boolean {
    // Its replica told it to list, or ended, while it was waited for.
    this.reconnect();
    return this.#stream !== null && (this.#slow || this.#expected(this.#next).length === 0);
  }

  /** What it lacks. */
  get missing(): string {
    if (this.#stream === null) return `${this.name} cannot watch ${this.#node!.name}`;
    return `${this.name} at ${this.#node!.name} was never told of ${describe(this.#expected(this.#next)[0]!)}; it is at ${this.#next}`;
  }

  /** It has been told of everything that its replica shows, and believes what a fresh list says. Call it when it is `complete`. */
  checkComplete(): void {
    check(!this.#foreign, () => `${this.name} was never told that ${this.#node!.name} did not issue ${this.#next}`);
    check(this.complete, () => this.missing);
    const node = this.#node!;
    if (this.#slow) return;
    if (this.#noPut || this.#noDelete) return;
    const { kvs } = node.process!.store!.kv.range(rangeRequest(this.#range));
    const listed = kvs.map((kv) => `${kv.key}@${kv.modRevision}`).join();
    const believed = [...this.#cache].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, revision]) => `${key}@${revision}`).join();
    check(listed === believed, () => `${this.name} believes ${believed}, a list at ${node.name} says ${listed}`);
    this.#world.figures.add('check watch complete');
  }

  #turn(): void {
    if (this.#stream !== null) {
      const draw = this.#random.float();
      if (draw < 0.08) this.#disconnect();
      else if (this.#foreign) return;
      else if (draw < 0.2) this.#stream.requestProgress();
      else if (draw < 0.25) this.#slow = true;
      return;
    }
    const serving = this.#world.reachable.filter((node) => node.serving);
    if (serving.length === 0) return;
    const stay = this.#node !== null && this.#node.serving && this.#random.chance(0.7);
    this.#connect(stay ? this.#node! : this.#random.pick(serving));
  }

  #disconnect(): void {
    this.#hangUp();
    this.#stream?.close();
    this.#stream = null;
    this.#connection++;
    this.#slow = this.#foreign = false;
  }

  #connect(node: SimNode): void {
    const process = node.process!;
    const store = process.store!;
    const connection = ++this.#connection;
    this.#node = node;
    this.#process = process;
    const hungUp = (): void => {
      if (this.#connection === connection) this.#disconnect();
    };
    process.connections.add(hungUp);
    this.#hangUp = () => void process.connections.delete(hungUp);
    // A replica that has never heard of the other cannot know its revisions.
    if (this.#issuer !== null && this.#issuer !== node && !node.hasHeardOf(this.#issuer)) this.#next = 0;
    const fresh = this.#next === 0;
    if (fresh) {
      this.#cache.clear();
      try {
        const { kvs, revision } = store.kv.range(rangeRequest(this.#range));
        check(revision >= node.history.visible, () => `${node.name}: a list at ${revision}, visible is ${node.history.visible}`);
        for (const kv of kvs) this.#cache.set(kv.key, kv.modRevision);
        this.#next = revision + 1;
        this.#issuer = node;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        return;
      }
    }
    // From now on, if nothing has happened since the list: it has not, for this is one turn.
    const fromNow = fresh && this.#random.chance(0.3);
    const foreign = this.#foreign = this.#issuer !== node;
    const startRevision = fromNow ? 0 : this.#next;
    this.#world.figures.add(fromNow ? 'op watch from now' : foreign ? 'op watch from a foreign revision' : 'op watch from a revision');
    this.#stream = store.watch.open({
      send: (message) => {
        if (this.#connection === connection && !process.dead) this.#world.guard(() => this.#received(message));
      },
      get bufferedBytes() {
        return slow() ? FULL : 0;
      },
      onDrain: (fn) => {
        this.#world.figures.add('event slow watcher');
        process.clock.after(this.#random.float() * 500, () => {
          if (this.#connection === connection) this.#slow = false;
          fn();
        });
      },
      end: () => {
        if (this.#connection === connection) this.#disconnect();
      },
    });
    const slow = (): boolean => this.#connection === connection && this.#slow;
    this.#stream.create({ range: this.#range, startRevision, progressNotify: this.#random.chance(0.5), noPut: this.#noPut, noDelete: this.#noDelete, prevKv: true, watchId: 0n, fragment: false });
  }

  #received(message: WatchMessage): void {
    const node = this.#node!;
    switch (message.type) {
      case 'created':
        check(message.revision >= node.history.visible, () => `${node.name}: a watch was created at ${message.revision}, visible is ${node.history.visible}`);
        return;
      case 'refused':
        return check(false, () => `${this.name}: ${message.reason}`);
      case 'canceled':
        check(message.compactRevision > 0, () => `${this.name}: canceled without a reason`);
        // A client that moves must never see a smaller revision than it knew.
        if (this.#issuer !== node) {
          check(message.compactRevision + 1 >= this.#next, () => `${this.name} came with ${this.#next} and was told ${message.compactRevision}`);
          check(node.history.visible + 1 >= this.#next, () => `${this.name} came with ${this.#next} and was sent to list at ${node.history.visible}`);
          this.#world.figures.add('check foreign');
        } else {
          const oldest = Math.max(this.#process!.store!.keyspace.compactedRevision, this.#process!.store!.replica.revisions.floor);
          check(this.#next <= oldest, () => `${this.name}: a watch from ${this.#next} was cancelled as compacted, ${node.name} has compacted ${oldest}`);
        }
        this.#next = 0;
        this.#world.figures.add('event watch compacted');
        return this.#disconnect();
      case 'progress':
        check(!this.#foreign, () => `${node.name} accepted a watch from ${this.#next}, which ${this.#issuer!.name} issued`);
        return this.#progress(message.revision);
      case 'events':
        check(!this.#foreign, () => `${node.name} accepted a watch from ${this.#next}, which ${this.#issuer!.name} issued`);
        return this.#events(message.changes, message.revision);
    }
  }

  /** What it must be told from a revision on. */
  #expected(from: number): SeenChange[] {
    const { history } = this.#node!;
    const found: SeenChange[] = [];
    for (let i = history.position(from); i < history.changes.length; i++) {
      const change = history.changes[i]!;
      if (!inRange(change.key, this.#range) || (change.after.value === null ? this.#noDelete : this.#noPut)) continue;
      found.push(change);
    }
    return found;
  }

  #progress(revision: number): void {
    const owed = this.#expected(this.#next).at(0);
    check(owed === undefined || owed.after.revision > revision, () => `${this.name}: progress to ${revision} overtook ${describe(owed!)}`);
    check(revision >= this.#next - 1, () => `${this.name}: progress went back to ${revision} from ${this.#next - 1}`);
    check(revision <= this.#node!.history.visible, () => `${this.name}: progress to ${revision}, which is not visible`);
    this.#next = revision + 1;
    this.#world.figures.add('check progress');
  }

  #events(changes: readonly Change[], revision: number): void {
    const expected = this.#expected(this.#next);
    for (const [i, change] of changes.entries()) {
      const wanted = expected[i];
      check(wanted !== undefined && sameChange(wanted, change), () => `${this.name} at ${this.#node!.name} from ${this.#next} was told ${change.type} ${change.kv.key}@${change.revision}, next was ${wanted === undefined ? 'nothing' : describe(wanted)}`);
      const before = change.prev;
      if (before !== null) check(wanted.before !== null && wanted.before.value!.equals(before.value) && wanted.before.revision === before.modRevision, () => `${this.name}: ${change.kv.key}@${change.revision} says it was something else before`);
      else check(wanted.before === null || wanted.after.revision <= this.#process!.store!.keyspace.compactedRevision, () => `${this.name}: ${change.kv.key}@${change.revision} says it was nothing before`);
      if (change.type === 'delete') this.#cache.delete(change.kv.key);
      else this.#cache.set(change.kv.key, change.revision);
    }
    const last = changes.at(-1)!.revision;
    check(expected[changes.length] === undefined || expected[changes.length]!.after.revision > last, () => `${this.name}: revision ${last} came in two parts`);
    check(revision >= last, () => `${this.name}: a header of ${revision} over events up to ${last}`);
    // A client resumes after the last event that it has.
    this.#next = last + 1;
    this.#world.figures.add('check event', changes.length);
  }
}
