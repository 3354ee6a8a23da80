/**
 * Whether all replicas merge by the same tables. Each says by which it goes under a system key of its own, `merge/<slot>`; while one differs, objects merge
 * whole, on all replicas alike: others would compute other bytes. Being a replicated key like any other, it is known exactly where its author's writes are.
 */
import type { Merger } from '../merge/merger.ts';
import type { Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import type { SystemSpace } from '../keyspace/system.ts';

/** The alarm of a replica that knows of others with other tables. */
export const MERGE_TABLES = 'MERGE-TABLES';

const PREFIX = 'merge/';
/** What a replica says that does not merge at all. */
const OFF = 'off';

export class MergeTables {
  readonly #space: Pick<SystemSpace, 'get' | 'onChange'>;
  readonly #merger: Merger | null;
  /** Of this replica's tables; `off` if it does not merge. */
  readonly hash: string;
  readonly #others = new Map<string, string>();
  readonly #listeners: ((slots: readonly number[]) => void)[] = [];

  constructor(space: Pick<SystemSpace, 'get' | 'onChange'>, merger: Merger | null) {
    this.#space = space;
    this.#merger = merger;
    this.hash = merger?.hash ?? OFF;
    space.onChange((key, value) => {
      if (!key.startsWith(PREFIX)) return;
      const before = this.differing.join();
      if (value === null) this.#others.delete(key);
      else this.#others.set(key, Buffer.from(value).toString('latin1'));
      const { differing } = this;
      if (this.#merger !== null) this.#merger.whole = differing.length > 0;
      if (differing.join() !== before) for (const listener of this.#listeners) listener(differing);
    });
  }

  /** Called with `differing` when it changes, before what brought it is durable. */
  onDiffering(listener: (slots: readonly number[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Slots of the replicas that go by other tables than this one. */
  get differing(): number[] {
    return [...this.#others].filter(([, hash]) => hash !== this.hash).map(([key]) => Number(key.slice(PREFIX.length)));
  }

  /** Says by which tables this replica goes, if that is not known. One that is alone has nobody to tell. */
  async publish(slot: number, commit: (writes: readonly Write[]) => Promise<void>): Promise<void> {
    const known = this.#space.get(PREFIX + slot);
    if (known !== null && Buffer.from(known).toString('latin1') === this.hash) return;
    await commit([{ space: Space.system, key: PREFIX + slot, value: Buffer.from(this.hash, 'latin1'), lease: 0n }]);
  }

  /** Forgets what replicas said that are no members any more. */
  async forget(slots: ReadonlySet<number>, commit: (writes: readonly Write[]) => Promise<void>): Promise<void> {
    const gone = [...this.#others.keys()].filter((key) => !slots.has(Number(key.slice(PREFIX.length))));
    if (gone.length > 0) await commit(gone.map((key) => ({ space: Space.system, key, value: null, lease: 0n })));
  }
}
