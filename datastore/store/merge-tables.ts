/**
 * Whether all replicas merge by the same tables. Each says by which it goes under a system key of its own, `merge/<slot>`; while one differs, objects merge
 * whole, on all replicas alike: others would compute other bytes. Being a replicated key like any other, it is known exactly where its author's writes are.
 */
import type { Merger } from '../merge/merger.ts';
import type { Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import type { SystemSpace } from '../keyspace/system.ts';

const PREFIX = 'merge/';
/** What a replica says that does not merge at all. */
const OFF = 'off';

export class MergeTables {
  readonly #space: Pick<SystemSpace, 'get' | 'onChange'>;
  readonly #merger: Merger | null;
  readonly #hash: string;
  readonly #others = new Map<string, string>();

  constructor(space: Pick<SystemSpace, 'get' | 'onChange'>, merger: Merger | null) {
    this.#space = space;
    this.#merger = merger;
    this.#hash = merger?.hash ?? OFF;
    space.onChange((key, value) => {
      if (!key.startsWith(PREFIX)) return;
      if (value === null) this.#others.delete(key);
      else this.#others.set(key, Buffer.from(value).toString('latin1'));
      if (this.#merger !== null) this.#merger.whole = this.differing.length > 0;
    });
  }

  /** Slots of the replicas that go by other tables than this one. */
  get differing(): number[] {
    return [...this.#others].filter(([, hash]) => hash !== this.#hash).map(([key]) => Number(key.slice(PREFIX.length)));
  }

  /** Says by which tables this replica goes, if that is not known. One that is alone has nobody to tell. */
  async publish(slot: number, commit: (writes: readonly Write[]) => Promise<void>): Promise<void> {
    const known = this.#space.get(PREFIX + slot);
    if (known !== null && Buffer.from(known).toString('latin1') === this.#hash) return;
    await commit([{ space: Space.system, key: PREFIX + slot, value: Buffer.from(this.#hash, 'latin1'), lease: 0n }]);
  }

  /** Forgets what replicas said that are no members any more. */
  async forget(slots: ReadonlySet<number>, commit: (writes: readonly Write[]) => Promise<void>): Promise<void> {
    const gone = [...this.#others.keys()].filter((key) => !slots.has(Number(key.slice(PREFIX.length))));
    if (gone.length > 0) await commit(gone.map((key) => ({ space: Space.system, key, value: null, lease: 0n })));
  }
}
