/** Writers at every replica, and watchers at each and at the Service, while replicas come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ordinal } from '../store.ts';
import type { Pod , Store} from '../store.ts';
import { until } from '../real-cluster.ts';
import { Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import { Watcher } from './watcher.ts';
import { Writer } from './writer.ts';

const PREFIX = '/load/';
/** How often the pods are looked at. */
const LOOK_MS = 500;

export interface TrafficOptions {
  /** At each replica. */
  readonly writers: number;
  /** Each writer's pause between an answer and the next request. */
  readonly pause_ms: number;
  /** Watchers that go through the Service for clients. */
  readonly roaming: number;
}

export class Traffic {
  readonly ledger = new Ledger();
  readonly meter = new Meter();
  readonly problems: string[] = [];
  private readonly store: Store;
  private readonly options: TrafficOptions;
  /** uid of the pod → its writers. */
  private readonly writers = new Map<string, Writer[]>();
  private readonly watchers = new Map<string, Watcher>();
  private readonly urls = new Map<string, string>();
  private serviceUrl: string | undefined;
  private stopped = false;
  private paused = false;
  private readonly done: Promise<void>;
  private runs = 0;

  constructor(store: Store, options: TrafficOptions) {
    this.store = store;
    this.options = options;
    this.done = this.follow();
    for (let i = 0; i < options.roaming; i++) this.watchers.set(`service ${i}`, new Watcher(() => this.serviceUrl, PREFIX));
  }

  /** Pods that are written to at the moment. */
  get replicas(): number {
    return this.writers.size;
  }

  /**
   * Holds the writers for as long as it takes the replicas that are ready to agree, and compares: acknowledged writes, and what each watcher has. Throws what is
   * wrong. Then the writers go on.
   */
  async check(timeout_s = 120): Promise<string> {
    this.paused = true;
    try {
      await Promise.all(this.all.map((writer) => writer.pause()));
      await this.compare(timeout_s, false);
      return this.report();
    } finally {
      this.paused = false;
      for (const writer of this.all) writer.resume();
    }
  }

  /** Ends the writers, waits until the replicas agree, and compares: acknowledged writes at each replica, each watcher with where it watches. */
  async finish(timeout_s = 120): Promise<string> {
    this.stopped = true;
    await this.done;
    await Promise.all(this.all.map((writer) => writer.stop()));
    await this.compare(timeout_s, true);
    for (const watcher of this.watchers.values()) await watcher.stop();
    return this.report();
  }

  private get all(): Writer[] {
    return [...this.writers.values()].flat();
  }

  private async compare(timeout_s: number, everyWatcher: boolean): Promise<void> {
    const content = await this.store.converged(PREFIX, timeout_s).catch((error: unknown) => {
      this.problems.push(String(error));
      return undefined;
    });
    if (content === undefined) return;
    this.problems.push(...this.ledger.compare(content));
    for (const [name, watcher] of this.watchers) {
      // Whoever watches at a replica that is away, or sends clients away, has nothing to be compared with, for as long as that lasts.
      await until(`the watcher at ${name} has everything`, 30, () => Promise.resolve((!everyWatcher && !watcher.connected) || watcher.compare(content).length === 0))
        .catch((error: unknown) => this.problems.push(`${String(error)}: ${watcher.compare(content).join('; ')} (${watcher.doing}, next ${watcher.next}, replicas at ${[...this.urls.values()].join(' ')})`));
      this.problems.push(...watcher.problems.splice(0).slice(0, 5).map((problem) => `watcher at ${name}: ${problem}`));
    }
  }

  /** Counts; throws if there were problems, which are then forgotten. */
  private report(): string {
    const all = [...this.watchers.values()];
    const sum = (what: (watcher: Watcher) => number): number => all.reduce((total, watcher) => total + what(watcher), 0);
    const text = `${this.ledger.acknowledged} writes acknowledged to ${this.ledger.size} keys, ${this.ledger.unanswered} not answered; ${all.length} watchers: ${sum((w) => w.events)} events, ${sum((w) => w.lists)} lists, ${sum((w) => w.resumed)} streams`;
    const problems = this.problems.splice(0);
    if (problems.length > 0) throw new Error(`${problems.length} problems, ${text}\n${problems.slice(0, 20).join('\n')}`);
    return text;
  }

  private async follow(): Promise<void> {
    while (!this.stopped) {
      try {
        // It has another address once the EdgeStore has been made anew.
        this.serviceUrl = await this.store.clientUrl().catch(() => this.serviceUrl);
        await this.look(await this.store.pods());
      } catch {
        // The apiserver is busy; what runs, runs on.
      }
      await sleep(LOOK_MS);
    }
  }

  private async look(pods: readonly Pod[]): Promise<void> {
    const present = new Map(pods.filter((pod) => pod.status.podIP !== undefined && pod.status.phase === 'Running').map((pod) => [`${pod.metadata.uid}`, pod]));
    for (const [uid, writers] of this.writers) {
      if (present.has(uid)) continue;
      this.writers.delete(uid);
      await Promise.all(writers.map((writer) => writer.stop()));
    }
    for (const [uid, pod] of present) {
      const { name } = pod.metadata;
      this.urls.set(name, `http://${pod.status.podIP}:2379`);
      if (!this.watchers.has(name)) this.watchers.set(name, new Watcher(() => this.urls.get(name), PREFIX));
      if (this.writers.has(uid)) continue;
      // The next look will do.
      if (this.paused) continue;
      const run = `r${this.runs++}`;
      this.writers.set(uid, Array.from({ length: this.options.writers }, (_, i) =>
        new Writer(this.urls.get(name) ?? '', `${PREFIX}${ordinal(name)}/${i}/`, run, this.ledger, this.meter, this.options.pause_ms)));
    }
    for (const name of [...this.urls.keys()]) {
      if (pods.some((pod) => pod.metadata.name === name)) continue;
      // Scaled in: whoever watched there is done with.
      this.urls.delete(name);
      const watcher = this.watchers.get(name);
      this.watchers.delete(name);
      await watcher?.stop();
      this.problems.push(...(watcher?.problems ?? []).slice(0, 5).map((problem) => `watcher at ${name}: ${problem}`));
    }
  }
}
