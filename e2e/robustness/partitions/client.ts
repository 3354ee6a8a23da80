import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../compatibility/differential/random.ts';
import type { Ledger } from './ledger.ts';
import type { Site } from './site.ts';

const OWN_KEYS = 30;
const SHARED_KEYS = 40;
/** Worth a line. */
const SLOW_MS = 4_000;

export const ownPrefix = (site: number): string => `/own/${site}/`;

/** One client of one site: keys of its own, and keys that clients of all sites write. It goes on as long as its site serves, whatever the links do. */
export class Client {
  readonly #site: Site;
  readonly #name: string;
  readonly #ledger: Ledger;
  readonly #random: Random;
  #serial = 0;
  answered = 0;
  /** The longest that an answer took, ms. */
  slowest_ms = 0;

  constructor(site: Site, number: number, ledger: Ledger, random: Random) {
    this.#site = site;
    this.#name = `${site.index}.${number}`;
    this.#ledger = ledger;
    this.#random = random;
  }

  async run(over: () => boolean): Promise<void> {
    while (!over()) {
      const { rpc } = this.#site;
      if (rpc === null) {
        await sleep(20);
        continue;
      }
      const writes = this.#writes();
      for (const { key, value } of writes) this.#ledger.issue(key, value);
      const started = performance.now();
      try {
        await this.#write(writes);
        this.answered++;
        const took_ms = performance.now() - started;
        this.slowest_ms = Math.max(this.slowest_ms, took_ms);
        if (took_ms > SLOW_MS) console.log(`n${this.#name}: an answer took ${took_ms.toFixed(0)} ms, ${((started - this.#site.startedMs) / 1_000).toFixed(1)} s after clients came`);
      } catch (error) {
        for (const { key, value } of writes) this.#ledger.lost(key, value);
        // Only a process that ended may leave a question open: cut off, a site serves all the same.
        await sleep(200);
        if (this.#site.rpc === rpc) this.#ledger.problem(`n${this.#name}: a request failed while its replica was up: ${String(error)}`);
      }
      await sleep(this.#random.below(25));
    }
  }

  #key(): string {
    if (this.#random.chance(60)) return `${ownPrefix(this.#site.index)}${this.#name}/${this.#random.below(OWN_KEYS)}`;
    return `/shared/${this.#random.below(SHARED_KEYS)}`;
  }

  #value(): string {
    return `${this.#name}:${this.#serial++}:${'x'.repeat(this.#random.chance(5) ? 20_000 : this.#random.below(300))}`;
  }

  #writes(): { readonly key: string; readonly value: string | null }[] {
    const draw = this.#random.below(100);
    if (draw < 20) return [{ key: this.#key(), value: null }];
    const keys = draw < 80 ? [this.#key()] : [...new Set([this.#key(), this.#key(), this.#key()])];
    return keys.map((key) => ({ key, value: this.#value() }));
  }

  async #write(writes: readonly { readonly key: string; readonly value: string | null }[]): Promise<void> {
    const { rpc } = this.#site;
    const [first] = writes;
    if (rpc === null || first === undefined) throw new Error('no replica');
    if (first.value === null) {
      const answer = await rpc.delete(first.key);
      if (answer.deleted === 0n) this.#ledger.nothing(first.key);
      else this.#ledger.ack(first.key, null, Number(answer.header?.revision));
      return;
    }
    const puts = writes.map(({ key, value }) => ({ key, value: value ?? '' }));
    const answer = puts.length === 1 ? await rpc.put(first.key, first.value) : await rpc.txn(null, puts);
    for (const { key, value } of puts) this.#ledger.ack(key, value, Number(answer.header?.revision));
  }
}
