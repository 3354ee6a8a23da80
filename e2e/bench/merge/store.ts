/**
 * A store under measurement: its replicas, objects as a kube-apiserver stored them, and the calls of a kube-apiserver. The same objects stand under keys that merge and
 * under others that do not: the same processes, the same compiled code, the same disk, so that what differs is merging.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { corpus } from '../../../datastore/merge/testing/corpus.ts';
import { change, look } from '../../../datastore/merge/testing/changes.ts';
import type { Changes } from '../../../datastore/merge/testing/changes.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { edgestoreLauncher, edgestoreMain } from '../../support/edgestore.ts';
import { Cluster } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';

const KINDS = ['protobuf apps/v1 Deployment', 'protobuf v1 Pod', 'protobuf v1 Node', 'protobuf apps/v1 ReplicaSet', 'json example.test/v1 Thing'] as const;
const VERSIONS = 16;
const KEYS = 50;
/** After this the replicas have nothing left to do of what they were asked. */
const SETTLE_MS = 10;

/** Where each side's objects stand; of these only the last is under `--merge-prefix`. Equally long. `again` is `off` once more: how far these two differ, the third may differ by chance. */
const PREFIXES = { off: '/register/', again: '/regimens/', field: '/registry/' } as const;
export type Side = keyof typeof PREFIXES;
export const SIDES = ['off', 'again', 'field'] as const satisfies readonly Side[];

/** apiserver notes the time of an update with the fields of whoever made it. */
function managed(value: Buffer, i: number): Changes {
  const [first] = (look(value, 'metadata/managedFields') ?? []) as readonly { readonly manager: string }[];
  return first === undefined ? {} : { [`metadata/managedFields/[${first.manager}]/time`]: `2026-11-28T12:00:${String(i).padStart(2, '0')}Z` };
}

/** Of every kind some versions that differ a little, as the updates of a controller do. */
export const kinds = KINDS.map((name) => {
  const value = corpus().get(name);
  if (value === undefined) throw new Error(`the corpus has no ${name}`);
  return { name, versions: Array.from({ length: VERSIONS }, (_, i) => Buffer.from(change(value, { 'metadata/generation': i + 1, 'metadata/annotations/seen': `at ${i}`, ...managed(value, i) }))) };
});

interface StoredObject {
  readonly key: string;
  readonly versions: readonly Buffer[];
  at: number;
  /** The last one that its client knows; 0: it is not there. */
  revision: number;
}

/** The objects of one side. */
class Objects {
  readonly all: readonly StoredObject[];
  #next = 0;

  constructor(prefix: string) {
    this.all = kinds.flatMap(({ versions }, kind) => Array.from({ length: KEYS }, (_, i) => ({ key: `${prefix}k${kind}/bench/o${i}`, versions, at: 0, revision: 0 })));
  }

  next(): StoredObject {
    return this.all[this.#next++ % this.all.length]!;
  }
}

export interface StoreOptions {
  readonly members: number;
  /** Another checkout's entry point, of before there was merging; '': this one's. */
  readonly main?: string;
  /** Where each replica writes a profile of its processor when it ends; '': nowhere. */
  readonly profiles?: string;
}

export class Store implements AsyncDisposable {
  readonly #rpc: Rpc;
  readonly #resources: AsyncDisposableStack;
  readonly #pids: readonly number[];
  readonly #objects = { off: new Objects(PREFIXES.off), again: new Objects(PREFIXES.again), field: new Objects(PREFIXES.field) };

  private constructor(rpc: Rpc, pids: readonly number[], resources: AsyncDisposableStack) {
    this.#rpc = rpc;
    this.#pids = pids;
    this.#resources = resources;
  }

  static async start({ members, main = '', profiles = '' }: StoreOptions): Promise<Store> {
    await using starting = new AsyncDisposableStack();
    const dir = starting.use(TempDir.create('bench-merge'));
    const launcher = edgestoreLauncher();
    const more = profiles === '' ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${profiles}`];
    const args = launcher.args.map((arg) => (main !== '' && arg === edgestoreMain() ? main : arg));
    const cluster = starting.use(await Cluster.create({ ...launcher, args: [...more, ...args] }, { dir, members, flags: main === '' ? ['--merge', 'field'] : [] }));
    await cluster.start();
    const rpc = new Rpc(cluster.endpoints[0] ?? '');
    starting.defer(() => rpc.close());
    return new Store(rpc, cluster.members.map(({ pid }) => pid!), starting.move());
  }

  /** One client that waits for each answer: how long each of `n` updates took, ms. */
  updates(side: Side, n: number): Promise<number[]> {
    return this.#timed(n, () => this.#update(this.#objects[side].next()));
  }

  /** What each replica has taken of the processors so far, µs; the first is the one that is asked. */
  cpu(): number[] {
    return this.#pids.map((pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1_000, 0));
  }

  gets(side: Side, n: number): Promise<number[]> {
    return this.#timed(n, () => this.#rpc.range(this.#objects[side].next().key, ''));
  }

  /** Updates a second, of so many clients that make `n` together. Each has objects of its own, so that no revision it compares is an old one. */
  async together(side: Side, clients: number, n: number): Promise<number> {
    const begun = performance.now();
    await Promise.all(Array.from({ length: clients }, async (_, client) => {
      const own = this.#objects[side].all.filter((_object, i) => i % clients === client);
      for (let i = 0; i < n / clients; i++) await this.#update(own[i % own.length]!);
    }));
    return (n / (performance.now() - begun)) * 1_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #update(object: StoredObject): Promise<void> {
    const { succeeded, header } = await this.#rpc.txn(object, [{ key: object.key, value: object.versions[object.at++ % VERSIONS]! }]);
    if (!succeeded) throw new Error(`${object.key} is not as it was at ${object.revision}`);
    object.revision = Number(header!.revision);
  }

  async #timed(n: number, work: () => Promise<unknown>): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < n; i++) {
      const begun = performance.now();
      await work();
      times.push(performance.now() - begun);
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return times;
  }
}
