/** One round: a store that does not merge, another one just like it, and one that merges, asked in turn, a few hundred calls at a time. */
import { Store } from './store.ts';
import type { StoreOptions } from './store.ts';

/** `again` is `off` once more: how far two equal stores differ is how far the third may differ by chance. */
export const SIDES = ['off', 'again', 'field'] as const;
export type Side = (typeof SIDES)[number];

export interface Figures {
  /** One client: p50 of an update, and of a get, ms. */
  readonly put_ms: number;
  /** Of the processors, µs for each of these updates: the replica that is asked, and all others together. */
  readonly asked_us: number;
  readonly others_us: number;
  readonly get_ms: number;
  /** Many clients: updates a second. */
  readonly puts: number;
}

export interface RoundOptions {
  readonly members: number;
  /** Updates of each store before anything counts: so many until all of it is compiled. */
  readonly warm: number;
  /** Calls of each store that count: updates and gets of one client, updates of many. */
  readonly one: number;
  readonly many: number;
  readonly clients: number;
  /** A directory for each side's profiles; '': none. */
  readonly profiles: string;
}

const BLOCK = 250;

export const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

export async function round({ members, warm, one, many, clients, profiles }: RoundOptions): Promise<Record<Side, Figures>> {
  await using running = new AsyncDisposableStack();
  const stores = new Map<Side, Store>();
  for (const side of SIDES) {
    const options: StoreOptions = { merge: side === 'field' ? 'field' : 'off', members, profiles: profiles === '' ? '' : `${profiles}/${side}` };
    stores.set(side, running.use(await Store.start(options)));
  }
  let turn = 0;
  /** Each side's numbers of all blocks; who comes first changes from block to block. */
  const inTurn = async (blocks: number, ask: (store: Store, side: Side) => Promise<readonly number[]>): Promise<Record<Side, number[]>> => {
    const found: Record<Side, number[]> = { off: [], again: [], field: [] };
    for (let block = 0; block < blocks; block++) {
      const first = turn++;
      for (let i = 0; i < SIDES.length; i++) {
        const side = SIDES[(first + (first % 2 === 0 ? i : SIDES.length - i)) % SIDES.length]!;
        found[side].push(...await ask(stores.get(side)!, side));
      }
    }
    return found;
  };
  const blocks = (calls: number): number => Math.max(1, Math.round(calls / BLOCK));
  await inTurn(blocks(warm), (store) => store.updates(BLOCK));
  const asked_us: Record<Side, number[]> = { off: [], again: [], field: [] };
  const others_us: Record<Side, number[]> = { off: [], again: [], field: [] };
  const put_ms = await inTurn(blocks(one), async (store, side) => {
    const before = store.cpu();
    const times = await store.updates(BLOCK);
    const [asked = 0, ...others] = store.cpu().map((us, i) => (us - before[i]!) / BLOCK);
    asked_us[side].push(asked);
    others_us[side].push(others.reduce((a, b) => a + b, 0));
    return times;
  });
  const get_ms = await inTurn(blocks(one), (store) => store.gets(BLOCK));
  const puts = await inTurn(blocks(many / 4), async (store) => [await store.together(clients, BLOCK * 4)]);
  const figures = (side: Side): Figures => ({ put_ms: median(put_ms[side]), asked_us: median(asked_us[side]), others_us: median(others_us[side]), get_ms: median(get_ms[side]), puts: median(puts[side]) });
  return { off: figures('off'), again: figures('again'), field: figures('field') };
}
