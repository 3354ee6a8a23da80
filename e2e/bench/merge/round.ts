/** One round: a fresh store of which objects that do not merge, others just like them, and objects that merge are asked in turn, a few calls at a time; or these two, and a store of before. */
import { SIDES, Store } from './store.ts';
import type { Side } from './store.ts';

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
  /** Updates of each side before anything counts: so many until all of it is compiled. */
  readonly warm: number;
  /** Calls of each side that count: updates and gets of one client, updates of many. */
  readonly one: number;
  readonly many: number;
  readonly clients: number;
  /** The entry point of a checkout of before there was merging, whose store takes the place of the first side; '': none. */
  readonly before: string;
  /** A directory for profiles of the replicas; '': none. */
  readonly profiles: string;
}

const BLOCK = 25;

export const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

export async function round({ members, warm, one, many, clients, before, profiles }: RoundOptions): Promise<Record<Side, Figures>> {
  await using stores = new AsyncDisposableStack();
  const now = stores.use(await Store.start({ members, profiles }));
  const storeOf = { off: before === '' ? now : stores.use(await Store.start({ members, main: before })), again: now, field: now };
  let turn = 0;
  /** Each side's numbers of all blocks; who comes first changes from block to block. */
  const inTurn = async (blocks: number, ask: (side: Side) => Promise<readonly number[]>): Promise<Record<Side, number[]>> => {
    const found: Record<Side, number[]> = { off: [], again: [], field: [] };
    for (let block = 0; block < blocks; block++) {
      const first = turn++;
      for (let i = 0; i < SIDES.length; i++) {
        const side = SIDES[(first + (first % 2 === 0 ? i : SIDES.length - i)) % SIDES.length]!;
        found[side].push(...await ask(side));
      }
    }
    return found;
  };
  const blocks = (calls: number): number => Math.max(1, Math.round(calls / BLOCK));
  await inTurn(blocks(warm), (side) => storeOf[side].updates(side, BLOCK));
  const asked_us: Record<Side, number[]> = { off: [], again: [], field: [] };
  const others_us: Record<Side, number[]> = { off: [], again: [], field: [] };
  const put_ms = await inTurn(blocks(one), async (side) => {
    const store = storeOf[side];
    const earlier = store.cpu();
    const times = await store.updates(side, BLOCK);
    const [asked = 0, ...others] = store.cpu().map((us, i) => (us - earlier[i]!) / BLOCK);
    asked_us[side].push(asked);
    others_us[side].push(others.reduce((a, b) => a + b, 0));
    return times;
  });
  const get_ms = await inTurn(blocks(one), (side) => storeOf[side].gets(side, BLOCK));
  const puts = await inTurn(blocks(many / 20), async (side) => [await storeOf[side].together(side, clients, BLOCK * 20)]);
  const figures = (side: Side): Figures => ({ put_ms: median(put_ms[side]), asked_us: median(asked_us[side]), others_us: median(others_us[side]), get_ms: median(get_ms[side]), puts: median(puts[side]) });
  return { off: figures('off'), again: figures('again'), field: figures('field') };
}
