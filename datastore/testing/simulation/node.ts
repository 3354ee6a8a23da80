/**
 * One machine of a simulated cluster: a disk that outlives its processes, and the process that runs now: the real store and the real replication,
 * wired as in the program.
 */
import type { Disk, Host, Network } from '../../host/host.ts';
import type { Fields, Logger } from '../../host/log.ts';
import { identify, idOf } from '../../identity.ts';
import type { LogId } from '../../replica/types.ts';
import type { Settings } from '../../config/settings.ts';
import { StaleDataError } from '../../place.ts';
import { startReplication } from '../../replication.ts';
import type { Replication } from '../../replication.ts';
import { openStore } from '../../store/store.ts';
import type { Store } from '../../store/store.ts';
import type { StoreOptions } from '../../store/types.ts';
import { MemoryNames } from '../memory-names.ts';
import { MemoryDisk } from '../memory-disk.ts';
import type { DiskFault } from '../memory-disk.ts';
import type { MachineClock } from '../sim-clock.ts';
import type { SimRandom } from '../sim-random.ts';
import { History } from './history.ts';
import { Observer } from './observer.ts';
import type { Plant } from './planted.ts';
import type { World } from './world.ts';
import { Violation } from './violation.ts';

export interface NodeConfig {
  readonly name: string;
  readonly slot: number;
  readonly names: readonly string[];
}

export const peerUrl = (name: string): string => `http://${name}:2380`;
const CLUSTER = 0xc1n;
export const memberId = (slot: number): bigint => BigInt(0x100 + slot);

/** One life of the program on a machine. */
export class Process {
  readonly clock: MachineClock;
  readonly number: number;
  store: Store | null = null;
  replication: Replication | null = null;
  observer: Observer | null = null;
  /** Clients are served. */
  serving = false;
  dead = false;
  /** It has been told to end. */
  stopping = false;
  /** Called when it dies. */
  readonly onDeath: (() => void)[] = [];

  constructor(clock: MachineClock, number: number) {
    this.clock = clock;
    this.number = number;
  }
}

export class SimNode {
  readonly name: string;
  readonly slot: number;
  disk: MemoryDisk;
  readonly history: History;
  /** Every log that this machine has written. */
  readonly logs = new Set<LogId>();
  process: Process | null = null;
  /** What the disk does at its next calls: set by the nemesis. */
  fault: ((kind: string, number: number) => DiskFault | undefined) | null = null;
  wallSkewMs = 0;
  /** It has served clients from this disk. */
  served = false;
  readonly #world: World;
  readonly #config: NodeConfig;
  readonly #random: SimRandom;
  /** It had another disk before. */
  joining = false;
  /** The disk is new, and no process has opened it yet. */
  replaced = false;
  #lives = 0;
  #disks = 0;

  constructor(world: World, config: NodeConfig) {
    this.#world = world;
    this.#config = config;
    this.name = config.name;
    this.slot = config.slot;
    this.#random = world.random.fork(config.name);
    this.history = new History(config.name);
    this.disk = this.#emptyDisk();
  }

  #emptyDisk(): MemoryDisk {
    const world = this.#world;
    const random = this.#random.fork(`disk ${this.#disks++}`);
    const latency = random.fork('latency');
    const slowMs = random.chance(0.3) ? 8 : 1;
    return new MemoryDisk({
      random,
      fault: ({ kind, number }) => this.#diskFault(kind, number),
      delay: (kind) => (kind === 'read' || kind === 'write' ? Promise.resolve() : new Promise((resolve) => void world.clock.after(latency.float() * slowMs, resolve))),
    });
  }

  /** The disk is destroyed, and a new one put in: what nobody else had of it is lost. */
  loseDisk(): void {
    this.kill('process');
    this.#world.trace.say(this.name, 'loses its disk');
    this.#world.figures.add('fault lost disk');
    this.replaceDisk();
  }

  /** From now on the machine has an empty disk, and joins a cluster that exists. What the clients have seen of the old one may be gone with it. */
  replaceDisk(): void {
    // A disk that was set aside offers what only it had (offers.ts); that is not simulated, so it counts as lost here.
    for (const log of this.logs) for (const record of this.#world.registry.logs.get(log) ?? []) record.diskLost = true;
    this.logs.clear();
    this.disk = this.#emptyDisk();
    this.joining = true;
    this.served = false;
    this.replaced = true;
  }

  get serving(): boolean {
    return this.process !== null && this.process.serving && !this.process.dead;
  }

  /** Starts a process. Returns at once; what becomes of it shows later. */
  start(): void {
    if (this.process !== null) return;
    const clock = this.#world.clock.machine(this.wallSkewMs);
    const process = new Process(clock, ++this.#lives);
    this.process = process;
    this.#world.trace.say(this.name, `start ${process.number}`);
    this.#boot(process).catch((error: unknown) => this.#failed(process, error));
  }

  /** The process ends. `power`: what was not on stable storage is partly gone. */
  kill(how: 'process' | 'power'): void {
    const process = this.process;
    if (process === null) return;
    this.#world.trace.say(this.name, how === 'power' ? 'loses power' : 'is killed');
    this.#world.figures.add(how === 'power' ? 'fault power loss' : 'fault kill');
    this.process = null;
    process.dead = true;
    process.serving = false;
    process.clock.halt();
    this.fault = null;
    this.#world.net.crash(this.name, how === 'power' && this.#random.chance(0.5) ? 'silent' : 'reset');
    if (how === 'power') this.disk.powerLoss();
    else this.disk.processLoss();
    for (const told of process.onDeath.splice(0)) told();
  }

  /** Ends in order, as by SIGTERM. */
  async stop(): Promise<void> {
    const process = this.process;
    if (process === null || process.store === null || process.replication === null) return this.kill('process');
    this.#world.trace.say(this.name, 'stops');
    this.#world.figures.add('fault orderly restart');
    process.serving = false;
    process.stopping = true;
    const { store, replication } = process;
    try {
      await replication.stop();
      await store.close();
    } catch (error) {
      this.#failed(process, error);
      return;
    }
    if (process.dead || this.process !== process) return;
    this.kill('process');
  }

  #diskFault(kind: string, number: number): DiskFault | undefined {
    const fault = this.fault?.(kind, number);
    if (fault === undefined) return undefined;
    this.#world.figures.add(`fault disk ${fault}`);
    this.#world.trace.say(this.name, `disk call ${kind}: ${fault}`);
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

  /** The program would end. Errors of the disk are expected; anything else is a bug. */
  #failed(process: Process, error: unknown): void {
    if (this.process !== process || process.dead) return;
    const code = (error as { code?: unknown }).code;
    if (code === 'EIO' || code === 'ENOSPC' || code === 'ECRASHED') {
      this.#world.trace.say(this.name, `the program ends: ${code}`);
      process.serving = false;
      process.dead = true;
      process.clock.halt();
      this.#world.clock.after(1, () => this.#die(process, this.#random.chance(0.3) ? 'power' : 'process'));
      return;
    }
    if (error instanceof StaleDataError) {
      // As the program does: the folder is set aside, and the replica starts again with an empty one.
      this.#world.trace.say(this.name, `sets its disk aside: ${error.message}`);
      this.#world.figures.add('event disk set aside');
      process.serving = false;
      process.dead = true;
      process.clock.halt();
      this.#world.clock.after(1, () => {
        if (this.process !== process) return;
        this.kill('process');
        this.replaceDisk();
        this.#world.restartLater(this);
      });
      return;
    }
    if (error instanceof Error && error.name === 'DiskFullError') {
      this.#world.clock.after(1, () => this.#die(process, 'process'));
      return;
    }
    this.#world.violated(error instanceof Violation ? error : new Violation(`${this.name}: the program ended by itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
  }

  /** What the wiring reads of the program's settings. */
  #settings(names: readonly string[]): Settings {
    const settings: Partial<Settings> = {
      name: this.name, slot: this.slot, slotGiven: true, dataDir: 'data', joining: this.joining, clusterId: CLUSTER, memberId: memberId(this.slot), initialClusterToken: 'simulation',
      initialCluster: names.map((name, slot) => ({ name, slot, id: memberId(slot), peerUrls: [peerUrl(name)] })),
      listenPeerUrls: [{ url: peerUrl(this.name), scheme: 'http', tls: false, host: this.name, port: 2380, path: '' }],
      advertisePeerUrls: [peerUrl(this.name)], advertiseClientUrls: [`http://${this.name}:2379`], writeAcks: 1, evictAfter_ms: 0,
    };
    return settings as Settings;
  }

  /** What the program logs stands in the trace. */
  #logger(): Logger {
    const say = (level: string) => (message: string, fields?: Fields): void => {
      const text = fields === undefined ? '' : Object.entries(fields).map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`).join(' ');
      this.#world.trace.say(this.name, `${level}: ${message} ${text}`);
    };
    const logger: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error'), with: () => logger };
    return logger;
  }

  async #boot(process: Process): Promise<void> {
    const world = this.#world;
    const { names } = this.#config;
    const plant: Plant = world.plant;
    const random = this.#random.fork(`life ${process.number}`);
    const disk: Disk = plant.disk?.(this.disk) ?? this.disk;
    const host: Host = { clock: process.clock, random, disk, net: mortal(process, world.net.machine(this.name)), names: new MemoryNames() };
    const fatal = (error: unknown): void => this.#failed(process, error);
    const settings = this.#settings(names);
    const log = this.#logger();
    const options: StoreOptions = {
      dataDir: settings.dataDir,
      identify: identify(settings, host, log),
      token: settings.initialClusterToken,
      idOf: idOf(settings.initialClusterToken),
      alone: false,
      localKeys: [],
      quotaBytes: -1,
      txnOps: 128,
      // Small, so that the owner's housekeeping happens within a short run.
      shape: { segmentRecords: 8, segmentBytes: 4_096, groupSegments: 4 },
      journalSizes: { firstStepBytes: 32_768, stepBytes: 65_536, sliceBytes: 32_768, reserveBytes: 8_192, snapshotMinBytes: 40_000 },
      watchProgressMs: 5_000,
      autoCompaction: { mode: 'periodic', retention: 30_000 },
      peerReachable: (slot) => process.replication?.reachable(slot) ?? false,
      onConflict: (conflict) => {
        if (process.observer !== null && plant.conflict?.() !== false) process.observer.conflict(conflict);
      },
      onFatal: fatal,
    };
    const store = await openStore(host, options, log, null);
    if (process.dead) return;
    process.store = store;
    if (store.readiness === 'empty') {
      if (this.served) throw new Violation(`${this.name} has served clients, and has forgotten that it has the cluster's data`);
      this.history.forget();
    }
    process.observer = new Observer(store, {
      name: this.name, registry: world.registry, history: this.history, disk: this.disk, random: this.#random.fork(`checks ${process.number}`), figures: world.figures,
      say: (what) => world.trace.say(this.name, what),
      onDecided: (record) => {
        // It may write another log than at its start: nobody could vouch for the disk.
        this.logs.add(record.log);
        world.decided(this, process, record);
      },
    });
    this.logs.add(store.replica.log);
    process.observer.attach(this.replaced ? [] : this.logs);
    this.replaced = false;
    plant.store?.(store, process.number);
    const replication = await startReplication(settings, host, store, log, fatal);
    if (process.dead) return;
    process.replication = replication;
    const serve = (): void => {
      if (process.dead || process.serving) return;
      process.serving = true;
      this.served = true;
      world.trace.say(this.name, `serves at ${store.keyspace.visibleRevision}`);
    };
    // As in the program: a disk that has the cluster's data serves at once.
    if (store.readiness === 'ready') serve();
    await replication.ready.catch((error: unknown) => {
      // Told to end before it could serve.
      if (!process.stopping) throw error;
    });
    if (!process.stopping) serve();
  }
}

/** The network of a process: gone with it. */
function mortal(process: Process, net: Network): Network {
  const gone = (): Promise<never> => Promise.reject(Object.assign(new Error('the process is gone'), { code: 'ECRASHED' }));
  return {
    dial: (url) => (process.dead ? gone() : net.dial(url)),
    listen: (url, onLink) => (process.dead ? gone() : net.listen(url, (link) => (process.dead ? link.close(1001, 'gone') : onLink(link)))),
  };
}
