/**
 * One machine of a simulated cluster: a disk that outlives its processes, and the process that runs now. What becomes of the disk (lost, restored from an
 * older copy, set aside, cloned) and of the place in the cluster is kept track of here, since it decides what may be missing at the end.
 */
import type { Disk, Host, Network } from '../../host/host.ts';
import type { Fields, Logger } from '../../host/log.ts';
import type { Settings } from '../../config/settings.ts';
import { hasAside, setAside } from '../../aside.ts';
import { endedBy, RemovedError, StaleDataError } from '../../place.ts';
import { ForgottenDeletionError } from '../../replica/assert.ts';
import type { MadeAgain } from '../../offers.ts';
import type { LogId, Write } from '../../replica/types.ts';
import { slotOf, Space } from '../../replica/types.ts';
import type { Store } from '../../store/store.ts';
import { MemoryNames } from '../memory-names.ts';
import { MemoryDisk } from '../memory-disk.ts';
import type { DiskFault, MemoryDiskOptions } from '../memory-disk.ts';
import type { SimRandom } from '../sim-random.ts';
import { History } from './history.ts';
import { isObject, merging } from './objects.ts';
import { Observer } from './observer.ts';
import { Process } from './process.ts';
import type { World } from './world.ts';
import { check, Violation } from './violation.ts';

export interface NodeConfig {
  readonly name: string;
  readonly slot: number;
  /** Its name in the network: a clone has another than its original. */
  readonly host: string;
  /** --initial-cluster: slots by name. */
  readonly initial: ReadonlyMap<string, number>;
  /** --initial-cluster-state existing */
  readonly joining: boolean;
}

const DATA = 'data';
export const peerUrl = (name: string): string => `http://${name}:2380`;
const CLUSTER = 0xc1n;
export const memberId = (slot: number): bigint => BigInt(0x100 + slot);

/** A disk as it was, with what the test knows of it. */
export interface Backup {
  readonly disk: MemoryDisk;
  readonly logs: ReadonlySet<LogId>;
  readonly aside: ReadonlySet<LogId>;
}

export class SimNode {
  readonly name: string;
  readonly slot: number;
  readonly host: string;
  disk: MemoryDisk;
  readonly history: History;
  /** Every log that this machine has written on the present disk. */
  readonly logs = new Set<LogId>();
  /** Those that the disk set aside: what nobody else has of them is offered. */
  readonly asideLogs = new Set<LogId>();
  process: Process | null = null;
  /** What the disk does at its next calls: set by the nemesis. */
  fault: ((kind: string, number: number) => DiskFault | undefined) | null = null;
  wallSkewMs = 0;
  /** It has served clients from this disk. */
  served = false;
  /** It is a member no more, and never starts again. */
  left = false;
  /** What the last process durably held. */
  lastHeld: ReadonlyMap<LogId, number> | null = null;
  backup: Backup | null = null;
  readonly #world: World;
  readonly #config: NodeConfig;
  readonly #random: SimRandom;
  /** The disk is not the first one. */
  #joining: boolean;
  /** A clone's: logs that are its original's. */
  #shared: ReadonlySet<LogId> | null = null;
  /** What the next start finds. */
  #diskIs: 'same' | 'older' | 'copied' = 'same';
  /** The disk, or one that it is a copy of, was put back from an older copy. */
  #restored = false;
  /** The program has begun to set its disk aside. */
  settingAside = false;
  #lives = 0;
  #disks = 0;
  /** By the vote that the last process left on the disk. */
  #undecided = false;

  constructor(world: World, config: NodeConfig) {
    this.#world = world;
    this.#config = config;
    this.name = config.name;
    this.slot = config.slot;
    this.host = config.host;
    this.#joining = config.joining;
    this.#random = world.random.fork(`${config.host} ${world.all.length}`);
    this.history = new History(config.host);
    this.disk = new MemoryDisk(this.#diskOptions());
  }

  /** Another machine with a copy of this one's disk, as it is now. It lives once: when it dies it is gone. */
  clone(): SimNode {
    const clone = new SimNode(this.#world, { ...this.#config, host: `${this.host}x`, joining: this.#joining });
    clone.disk = this.disk.copy(clone.#diskOptions());
    // The log that it writes now, too, though nothing may stand in it yet.
    const now = this.process?.store?.replica.log;
    clone.#shared = new Set(now === undefined ? this.logs : [...this.logs, now]);
    clone.#diskIs = 'copied';
    return clone;
  }

  /** The highest Lamport counter of each log that is durable here. */
  get held(): ReadonlyMap<LogId, number> {
    return (this.process?.observer ?? null) === null ? (this.lastHeld ?? new Map()) : this.process!.store!.replica.counters();
  }

  /** Is, or was, the other a member, as far as is known here? A clone cannot tell its original's revisions from its own, nor the other way round. */
  hasHeardOf(other: SimNode): boolean {
    if (this.name === other.name && (this.isClone || other.isClone)) return false;
    const { membership, replica } = this.process!.store!;
    return membership.configuration.members.some((m) => m.slot === other.slot) || [...replica.logs.keys(), ...replica.retired.keys()].some((log) => slotOf(log) === other.slot);
  }

  get isClone(): boolean {
    return this.#shared !== null;
  }

  #writes(log: LogId): void {
    if (this.#shared?.has(log) !== true) this.logs.add(log);
  }

  #diskOptions(): MemoryDiskOptions {
    const world = this.#world;
    const random = this.#random.fork(`disk ${this.#disks++}`);
    const latency = random.fork('latency');
    const slowMs = random.chance(0.3) ? 8 : 1;
    return {
      random,
      fault: ({ kind, number }) => this.#diskFault(kind, number),
      delay: (kind) => (kind === 'read' || kind === 'write' ? Promise.resolve() : new Promise((resolve) => void world.clock.after(latency.float() * slowMs, resolve))),
    };
  }

  /** The disk is destroyed, and a new one put in: what nobody else had of it is lost. */
  loseDisk(): void {
    this.kill('process');
    this.#world.trace.say(this.host, 'loses its disk');
    this.#world.figures.add('fault lost disk');
    this.#gone();
    this.disk = new MemoryDisk(this.#diskOptions());
    this.#joining = true;
    this.#restored = false;
    this.settingAside = false;
  }

  /** A copy of the disk is put away. */
  keep(): void {
    this.backup = { disk: this.disk.copy(), logs: new Set(this.logs), aside: new Set(this.asideLogs) };
    this.#world.figures.add('fault disk copied');
  }

  /** The copy takes the disk's place. What clients have seen since then may be seen again, or never. */
  restore(): void {
    const { disk, logs, aside } = this.backup!;
    this.kill('process');
    this.#world.trace.say(this.host, 'has an old copy of its disk');
    this.#world.figures.add('fault disk restored');
    this.#world.lostDisks.add(this.disk);
    this.#world.registry.diskLost([...this.logs, ...this.asideLogs].filter((log) => !logs.has(log) && !aside.has(log)));
    // What was sent since then cannot arrive after everybody has said that it holds no more.
    this.#world.frames.forget(logs);
    for (const log of [...this.logs]) if (!logs.has(log)) this.logs.delete(log);
    // A log that stands aside now and did not then is on the disk again.
    for (const log of logs) this.logs.add(log);
    this.asideLogs.clear();
    for (const log of aside) this.asideLogs.add(log);
    this.disk = disk.copy(this.#diskOptions());
    this.#diskIs = 'older';
    this.#restored = true;
    this.settingAside = false;
    this.#forgotten();
  }

  /** It has been removed, or its machine is gone for good. @param kept what clients were told is elsewhere */
  leave(kept = false): void {
    if (this.left) return;
    this.kill('process');
    this.left = true;
    this.#world.trace.say(this.host, 'leaves');
    this.#world.left(this);
    if (!kept) return this.#gone();
    // What was not for clients (an expiry, a lease's new keeper) may go with it.
    for (const log of this.logs) for (const record of this.#world.registry.logs.get(log) ?? []) record.diskLost ||= !record.acknowledged;
    this.#world.registry.diskLost(this.asideLogs);
  }

  #gone(): void {
    const { registry, lostDisks } = this.#world;
    lostDisks.add(this.disk);
    registry.diskLost(this.logs);
    registry.diskLost(this.asideLogs);
    this.logs.clear();
    this.asideLogs.clear();
    this.backup = null;
    this.#forgotten();
  }

  /** Nobody has seen anything of what it shows next. */
  #forgotten(): void {
    this.served = false;
    this.history.forget();
    this.#world.forgotten(this);
  }

  /** It may know of a configuration that has been decided and of which nobody has heard. */
  get undecided(): boolean {
    return this.process?.store?.membership.undecided ?? this.#undecided;
  }

  /** Of what it wrote, this disk holds all that the others do. If not, it is an old copy, and will be set aside once they meet. */
  get newest(): boolean {
    const { held } = this;
    const retired = this.process?.store?.replica.retired;
    return this.#world.nodes.every((other) => other === this || [...other.held].every(([log, lamport]) => slotOf(log) !== this.slot || (held.get(log) ?? 0) >= lamport || retired?.has(log) === true));
  }

  get serving(): boolean {
    return this.process?.serving ?? false;
  }

  /** It has its disk and its place, as far as it is known here. */
  get settled(): boolean {
    return this.served && !this.settingAside && this.#diskIs === 'same';
  }

  /** Starts a process. Returns at once; what becomes of it shows later. @param stale it sets its disk aside first, because of that */
  start(stale: StaleDataError | null = null): void {
    if (this.process !== null || this.left) return;
    const clock = this.#world.clock.machine(this.wallSkewMs);
    const process = new Process(clock, ++this.#lives);
    this.process = process;
    this.#world.trace.say(this.host, `start ${process.number}`);
    this.#boot(process, stale).catch((error: unknown) => this.failed(process, error));
  }

  /** The process ends. `power`: what was not on stable storage is partly gone. */
  kill(how: 'process' | 'power'): void {
    const process = this.process;
    if (process === null) return;
    this.#world.trace.say(this.host, how === 'power' ? 'loses power' : 'is killed');
    this.#world.figures.add(how === 'power' ? 'fault power loss' : 'fault kill');
    this.process = null;
    process.dead = true;
    process.clock.halt();
    this.fault = null;
    if (process.observer !== null) this.lastHeld = process.store!.replica.counters();
    this.#undecided = process.store?.membership.undecided ?? this.#undecided;
    this.#world.net.crash(this.host, how === 'power' && this.#random.chance(0.5) ? 'silent' : 'reset');
    if (how === 'power') this.disk.powerLoss();
    else this.disk.processLoss();
    process.hangUp();
    if (this.isClone && !this.left) this.leave();
  }

  /** Ends in order, as by SIGTERM. */
  async stop(): Promise<void> {
    const process = this.process;
    if (process === null || process.store === null || process.replication === null) return this.kill('process');
    this.#world.trace.say(this.host, 'stops');
    this.#world.figures.add('fault orderly restart');
    try {
      await process.stop();
    } catch (error) {
      this.failed(process, error);
      return;
    }
    if (process.dead || this.process !== process) return;
    this.kill('process');
  }

  #diskFault(kind: string, number: number): DiskFault | undefined {
    const fault = this.fault?.(kind, number);
    if (fault === undefined) return undefined;
    this.#world.figures.add(`fault disk ${fault}`);
    this.#world.trace.say(this.host, `disk call ${kind}: ${fault}`);
    if (fault === 'crash') {
      const process = this.process;
      const how = this.#random.chance(0.7) ? 'power' : 'process';
      this.#world.clock.after(20, () => {
        if (process !== null && this.process === process) this.#die(process, how);
      });
    }
    return fault;
  }

  #die(process: Process, how: 'process' | 'power'): void {
    if (this.process !== process) return;
    this.kill(how);
    this.#world.restartLater(this);
  }

  /** The program would end. Errors of the disk are expected, and that the cluster has gone on without it; anything else is a bug. */
  failed(process: Process, what: unknown): void {
    if (this.process !== process || process.dead) return;
    // Of any other disk it is a bug.
    const copied = what instanceof ForgottenDeletionError && (this.isClone || this.#restored);
    if (copied) this.#world.figures.add('event old copy noticed late');
    const error = copied ? endedBy(what, process.store!, DATA) : what;
    const { trace, clock, figures } = this.#world;
    const code = (error as { code?: unknown }).code;
    const ends = (): void => {
      process.dead = true;
      process.clock.halt();
    };
    if (code === 'EIO' || code === 'ENOSPC' || code === 'ECRASHED') {
      trace.say(this.host, `the program ends: ${String(code)}`);
      this.#world.endedBy(error);
      ends();
      clock.after(1, () => this.#die(process, this.#random.chance(0.3) ? 'power' : 'process'));
      return;
    }
    if (error instanceof StaleDataError) {
      // As the program does: the folder is set aside, and the replica starts again with an empty one.
      trace.say(this.host, `sets its disk aside: ${error.message}`);
      figures.add('event disk set aside');
      this.settingAside = true;
      this.#restored = false;
      ends();
      clock.after(1, () => {
        if (this.process !== process) return;
        this.kill('process');
        this.start(error);
      });
      return;
    }
    if (error instanceof RemovedError) {
      trace.say(this.host, 'finds that it was removed');
      figures.add('event removed');
      ends();
      clock.after(1, () => this.leave(process.draining?.state === 'drained'));
      return;
    }
    if (error instanceof Error && error.name === 'DiskFullError') {
      clock.after(1, () => this.#die(process, 'process'));
      return;
    }
    this.#world.violated(error instanceof Violation ? error : new Violation(`${this.host}: the program ended by itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
  }

  /** What the wiring reads of the program's settings. */
  #settings(joining: boolean): Settings {
    const { initial } = this.#config;
    const { options } = this.#world;
    const settings: Partial<Settings> = {
      name: this.name, slot: this.slot, slotGiven: true, dataDir: DATA, joining, clusterId: CLUSTER, memberId: memberId(this.slot), initialClusterToken: 'simulation',
      initialCluster: [...initial].map(([name, slot]) => ({ name, slot, id: memberId(slot), peerUrls: [peerUrl(name)] })),
      listenPeerUrls: [{ url: peerUrl(this.host), scheme: 'http', tls: false, host: this.host, port: 2380, path: '' }],
      advertisePeerUrls: [peerUrl(this.name)], advertiseClientUrls: [`http://${this.name}:2379`],
      writeAcks: options.writeAcks, evictAfter_ms: options.evictAfterMs, localKeys: options.localKeys, quota_bytes: options.quotaBytes,
    };
    return settings as Settings;
  }

  /** What the program logs stands in the trace. */
  #logger(): Logger {
    const say = (level: string) => (message: string, fields?: Fields): void => {
      const text = fields === undefined ? '' : Object.entries(fields).map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`).join(' ');
      this.#world.trace.say(this.host, `${level}: ${message} ${text}`);
    };
    const logger: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error'), with: () => logger };
    return logger;
  }

  async #boot(process: Process, stale: StaleDataError | null): Promise<void> {
    const world = this.#world;
    const { plant } = world;
    const random = this.#random.fork(`life ${process.number}`);
    const disk: Disk = plant.disk?.(this.disk) ?? this.disk;
    const host: Host = { clock: process.clock, random, disk, net: mortal(process, world.net.machine(this.host)), names: new MemoryNames() };
    const fatal = (error: unknown): void => this.failed(process, error);
    const log = this.#logger();
    if (stale !== null) await setAside(disk, DATA, stale.members);
    const settings = this.#settings(this.#joining || (await hasAside(disk, DATA)));
    const store = await process.open(settings, host, log, {
      // Small, so that the owner's housekeeping and snapshots happen within a short run.
      shape: { segmentRecords: 8, segmentBytes: 4_096, groupSegments: 4, pieceRecords: 3, pieceBytes: 512 },
      journalSizes: { firstStepBytes: 32_768, stepBytes: 65_536, sliceBytes: 32_768, reserveBytes: 8_192, snapshotMinBytes: 40_000 },
      merging,
      onConflict: (conflict) => {
        if (process.observer === null || plant.conflict?.() === false) return;
        process.observer.conflict(conflict);
        world.offers.reported(conflict.loser, `${conflict.space}${conflict.key}`);
      },
    }, fatal);
    if (process.dead) return;
    this.#recognise(store);
    world.learned(store.membership.configuration);
    store.membership.onChange((configuration) => world.learned(configuration));
    process.observer = new Observer(store, {
      name: this.host, registry: world.registry, history: this.history, disk: this.disk, random: this.#random.fork(`checks ${process.number}`), figures: world.figures,
      localKeys: world.options.localKeys,
      say: (what) => world.trace.say(this.host, what),
      failed: (error) => world.violated(error),
      onDecided: (record) => {
        // It may write another log than at its start: nobody could vouch for the disk.
        this.#writes(record.log);
        world.decided(this, process, record);
      },
    });
    this.#writes(store.replica.log);
    process.observer.attach(this.logs, this.#diskIs);
    if (this.#diskIs === 'older') this.#diskIs = 'same';
    if (this.#shared !== null) this.#fence(store, this.#shared);
    world.frames.listen(store.replica);
    plant.store?.(store, process.number);
    await process.connect(settings, host, log, store, fatal, plant.replication?.bind(plant));
    if (process.dead || process.stopping) return;
    this.served = true;
    world.trace.say(this.host, `serves at ${store.keyspace.visibleRevision}`);
    process.offer(settings, host, log, this.#offering(store), (write) => this.madeAgain(write));
  }

  /**
   * A clone that nobody could tell from its original, because that one is out of everybody's reach, would write on in the same log. No clock can tell the two
   * apart then, which is documented; such a clone ends before it writes.
   */
  #fence(store: Store, shared: ReadonlySet<LogId>): void {
    const { replica } = store;
    const end = (): never => {
      this.#world.figures.add('event clone not noticed');
      this.kill('process');
      throw Object.assign(new Error('the clone ends'), { code: 'ECRASHED' });
    };
    const commit = replica.commit.bind(replica);
    replica.commit = (writes) => (shared.has(replica.log) ? end() : commit(writes));
    let held: boolean = replica.held;
    Object.defineProperty(replica, 'held', {
      get: () => held,
      set: (value: boolean) => {
        held = value;
        // Not only what clients write moves the log: housekeeping does, too.
        if (!held && shared.has(replica.log) && store.readiness === 'ready') end();
      },
    });
  }

  /** Which disk is it that has been opened? */
  #recognise(store: Store): void {
    const { log } = store.replica;
    if (this.settingAside && !this.logs.has(log)) {
      for (const one of this.logs) this.asideLogs.add(one);
      this.logs.clear();
      this.#world.lostDisks.add(this.disk);
      this.settingAside = false;
      this.#forgotten();
    }
    if (store.readiness === 'ready') return;
    check(!this.served, () => `${this.host} has served clients, and has forgotten that it has the cluster's data`);
    this.history.forget();
  }

  /** An offer makes a write again: it must be one of a disk that was set aside here. */
  madeAgain({ key, value, log, lamport }: MadeAgain): void {
    const { registry, offers } = this.#world;
    const name = `${Space.client}${key}`;
    // What an object was there may be merged of several writes.
    const equals = (other: Buffer | null): boolean => other !== null && (other.equals(value) || isObject(name));
    const source = registry.keys.get(name)?.find(({ record, write }) => record.log === log && record.lamport === lamport && equals(write.value));
    check(source !== undefined && this.asideLogs.has(log), () => `${this.host} offers ${key}, which its disk set aside had not written itself`);
    offers.made(source.record, name);
  }

  /** The store as offers see it: what they report is noted. */
  #offering(store: Store): Store {
    const { offers } = this.#world;
    const { replica, conflicts } = store;
    return {
      membership: store.membership, leases: store.leases, keyspace: store.keyspace, merging: store.merging,
      replica: {
        retired: replica.retired,
        logs: replica.logs,
        vector: () => replica.vector(),
        reportOf: (log: LogId) => replica.reportOf(log),
        commit: (writes: readonly Write[]) => replica.commit(writes),
      },
      conflicts: {
        unseen: (key: string, value: Uint8Array | null, loser: { readonly log: LogId; readonly lamport: number }) => {
          offers.reported(loser, `${Space.client}${key}`);
          conflicts.unseen(key, value, loser);
        },
      },
    } as unknown as Store;
  }
}

/** The network of a process: gone with it. */
function mortal(process: Process, net: Network): Network {
  const gone = (): Promise<never> => Promise.reject(Object.assign(new Error('the process is gone'), { code: 'ECRASHED' }));
  return {
    dial: (url) => (process.dead ? gone() : net.dial(url).then((link) => {
      // Dead while it dialled: the machine's end of the link has nobody.
      if (!process.dead) return link;
      link.close(1001, 'gone');
      return gone();
    })),
    listen: (url, onLink) => (process.dead ? gone() : net.listen(url, (link) => (process.dead ? link.close(1001, 'gone') : onLink(link)))),
  };
}
