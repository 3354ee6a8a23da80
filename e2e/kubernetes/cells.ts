/**
 * Cells: replicas of one store, each with a control plane of its own, and links between the replicas that can be cut. What belongs to a cell (its nodes, its
 * controllers) talks to that cell's apiserver.
 */
import { edgestoreCluster } from '../support/edgestore.ts';
import type { Cluster, EtcdLike } from '../support/member.ts';
import type { TempDir } from '../support/temp.ts';
import { ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
import type { KubeApi } from './kube-api.ts';
import { until } from './scenario.ts';

export interface Cell {
  readonly name: string;
  readonly store: EtcdLike;
  readonly plane: ControlPlane;
  readonly api: KubeApi;
}

export interface CellsOptions {
  readonly dir: TempDir;
  /** More flags for the replicas. */
  readonly storeFlags?: readonly string[];
  /** How each cell's control plane is. */
  readonly plane: (cell: string) => Partial<ControlPlaneOptions>;
}

export class Cells implements AsyncDisposable {
  readonly cells: readonly Cell[];
  private readonly store: Cluster;

  private constructor(store: Cluster, cells: readonly Cell[]) {
    this.store = store;
    this.cells = cells;
  }

  /** Two cells, `a` and `b`, running. */
  static async start(options: CellsOptions): Promise<Cells> {
    const { dir, storeFlags = [] } = options;
    const store = await edgestoreCluster({ dir, members: 2, peerDelay_ms: 0, flags: storeFlags });
    await store.start();
    const cells: Cell[] = [];
    for (const [i, name] of ['a', 'b'].entries()) {
      const member = store.members[i]!;
      const { apiserverFlags = [], ...more } = options.plane(name);
      const plane = await ControlPlane.create({
        dir, name, etcd: member.endpoint, ...more,
        apiserverFlags: [`--advertise-address=192.0.2.${i + 1}`, ...apiserverFlags],
      });
      cells.push({ name, store: member, plane, api: plane.api });
    }
    const found = new Cells(store, cells);
    try {
      await Promise.all(cells.map((cell) => cell.plane.start()));
    } catch (error) {
      await found[Symbol.asyncDispose]();
      throw error;
    }
    return found;
  }

  get a(): Cell {
    return this.cells[0]!;
  }

  get b(): Cell {
    return this.cells[1]!;
  }

  cut(): void {
    for (const proxy of this.store.peerProxies) proxy.cut();
  }

  heal(): void {
    for (const proxy of this.store.peerProxies) proxy.heal();
  }

  /** Waits until both replicas hold the same bytes below `prefix`; returns the seconds. */
  converged(prefix: string, timeout_s: number): Promise<number> {
    return until(`the replicas agree on ${prefix}`, timeout_s, async () => {
      const [a, b] = await Promise.all(this.cells.map((cell) => stored(cell.store.endpoint, prefix)));
      return JSON.stringify([...a!]) === JSON.stringify([...b!]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.cells.map((cell) => cell.plane.stop()));
    await this.store.stop();
  }
}

/** Key → value in base64, of all keys below a prefix. */
export async function stored(endpoint: string, prefix: string): Promise<Map<string, string>> {
  const bytes = Buffer.from(prefix);
  const end = Buffer.from(bytes);
  end[end.length - 1]!++;
  const response = await fetch(`${endpoint}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: bytes.toString('base64'), range_end: end.toString('base64') }) });
  const { kvs = [] } = (await response.json()) as { kvs?: { key: string; value?: string }[] };
  return new Map(kvs.map(({ key, value = '' }) => [Buffer.from(key, 'base64').toString(), value]));
}
