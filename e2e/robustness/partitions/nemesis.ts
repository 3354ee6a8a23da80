/** What is done to links and processes, by a seed: cuts both ways and one way, links that flap, crawl and lag, kill -9. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../compatibility/differential/random.ts';
import type { Pairs } from '../../support/pairs.ts';
import type { Rpc } from '../shared/rpc.ts';
import type { Site } from './site.ts';

const SLOW_BYTES_PER_S = 40_000;
const LAG_MS = 300;
const FLAP_MS = 250;

export class Nemesis {
  readonly counts = new Map<string, number>();
  readonly #pairs: Pairs;
  readonly #sites: readonly Site[];
  readonly #random: Random;
  readonly #revived: (site: Site, rpc: Rpc) => Promise<void>;
  readonly #delay_ms: number;

  /** @param revived is called when a killed site serves again, before clients come */
  constructor(pairs: Pairs, sites: readonly Site[], random: Random, delay_ms: number, revived: (site: Site, rpc: Rpc) => Promise<void>) {
    this.#pairs = pairs;
    this.#sites = sites;
    this.#random = random;
    this.#delay_ms = delay_ms;
    this.#revived = revived;
  }

  /** One fault, and some time with it. Others that came before may go on beside it. */
  async step(): Promise<void> {
    const below = (n: number): number => this.#random.below(n);
    const a = below(this.#sites.length);
    const b = (a + 1 + below(this.#sites.length - 1)) % this.#sites.length;
    const time_ms = 500 + below(6_000);
    switch (below(9)) {
      case 0:
        this.#count('isolated');
        this.#pairs.isolate(a, this.#random.chance(50));
        break;
      case 1:
        this.#count('cut');
        this.#pairs.cut(a, b, this.#random.chance(50));
        break;
      case 2:
        this.#count('cut one way');
        this.#pairs.shape(a, b, { held: true });
        break;
      case 3:
        this.#count('flapping');
        for (let flapped = 0; flapped < time_ms; flapped += FLAP_MS * 2) {
          this.#pairs.cut(a, b, false);
          await sleep(FLAP_MS);
          this.#pairs.heal(a, b);
          await sleep(FLAP_MS);
        }
        return;
      case 4:
        this.#count('slow');
        this.#pairs.shape(a, b, { bytesPerSecond: SLOW_BYTES_PER_S });
        this.#pairs.shape(b, a, { bytesPerSecond: SLOW_BYTES_PER_S });
        break;
      case 5:
        this.#count('lagging');
        this.#pairs.shape(a, b, { delay_ms: LAG_MS });
        await sleep(time_ms);
        return this.#pairs.shape(a, b, { delay_ms: this.#delay_ms });
      case 6:
      case 7:
        this.#count('kill -9');
        return this.kill([this.#sites[a]!], below(2_500));
      default:
        this.#count('all healed');
        this.#pairs.healAll();
    }
    await sleep(time_ms);
    if (this.#random.chance(50)) this.#pairs.healAll();
  }

  /** kill -9; they stay down for a while. */
  async kill(sites: readonly Site[], down_ms: number): Promise<void> {
    await Promise.all(sites.map((site) => site.kill()));
    await sleep(down_ms);
    await Promise.all(sites.map((site) => site.start((rpc) => this.#revived(site, rpc))));
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
