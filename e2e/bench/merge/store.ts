/** A store under measurement: its replicas, objects as a kube-apiserver stored them, and the calls of a kube-apiserver. */
import { readdirSync, readFileSync } from 'node:fs';
import { corpus } from '../../../datastore/merge/testing/corpus.ts';
import { change, look } from '../../../datastore/merge/testing/changes.ts';
import type { Changes } from '../../../datastore/merge/testing/changes.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import { Cluster } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';

const KINDS = ['protobuf apps/v1 Deployment', 'protobuf v1 Pod', 'protobuf v1 Node', 'protobuf apps/v1 ReplicaSet', 'json example.test/v1 Thing'] as const;
const VERSIONS = 16;
const KEYS = 50;
/** A store that is not asked has nothing left to do after this. */
const SETTLE_MS = 30;

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

export interface StoreOptions {
  readonly merge: 'off' | 'field';
  readonly members: number;
  /** Where each replica writes a profile of its processor when it ends; '': nowhere. */
  readonly profiles?: string;
}

export class Store implements AsyncDisposable {
  readonly #rpc: Rpc;
  readonly #resources: AsyncDisposableStack;
  readonly #pids: readonly number[];
  readonly #objects: readonly StoredObject[] = kinds.flatMap(({ versions }, kind) => Array.from({ length: KEYS }, (_, i) => ({ key: `/registry/k${kind}/bench/o${i}`, versions, at: 0, revision: 0 })));
  #next = 0;

  private constructor(rpc: Rpc, pids: readonly number[], resources: AsyncDisposableStack) {
    this.#rpc = rpc;
    this.#pids = pids;
    this.#resources = resources;
  }

  static async start({ merge, members, profiles = '' }: StoreOptions): Promise<Store> {
    await using starting = new AsyncDisposableStack();
    const dir = starting.use(TempDir.create('bench-merge'));
    const launcher = edgestoreLauncher();
    const more = profiles === '' ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${profiles}`];
    const cluster = starting.use(await Cluster.create({ ...launcher, args: [...more, ...launcher.args] }, { dir, members, flags: ['--merge', merge] }));
    await cluster.start();
    const rpc = new Rpc(cluster.endpoints[0] ?? '');
    starting.defer(() => rpc.close());
    return new Store(rpc, cluster.members.map(({ pid }) => pid!), starting.move());
  }

  /** One client that waits for each answer: how long each of `n` updates took, ms. */
  updates(n: number): Promise<number[]> {
    return this.#timed(n, () => this.#update(this.#object()));
  }

  /** What each replica has taken of the processors so far, µs; the first is the one that is asked. */
  cpu(): number[] {
    return this.#pids.map((pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1_000, 0));
  }

  gets(n: number): Promise<number[]> {
    return this.#timed(n, () => this.#rpc.range(this.#object().key, ''));
  }

  /** Updates a second, of so many clients that make `n` together. Each has objects of its own, so that no revision it compares is an old one. */
  async together(clients: number, n: number): Promise<number> {
    const begun = performance.now();
    await Promise.all(Array.from({ length: clients }, async (_, client) => {
      const own = this.#objects.filter((_object, i) => i % clients === client);
      for (let i = 0; i < n / clients; i++) await this.#update(own[i % own.length]!);
    }));
    return (n / (performance.now() - begun)) * 1_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #object(): StoredObject {
    return this.#objects[this.#next++ % this.#objects.length]!;
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
