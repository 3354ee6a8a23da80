import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../compatibility/differential/random.ts';
import type { Ledger } from './ledger.ts';
import type { Rpc } from '../shared/rpc.ts';

/** One process of the server, from its readiness to its end. */
export interface Session {
  readonly rpc: Rpc;
  /** It has been, or is about to be, killed: failures are to be expected. */
  over: boolean;
}

/** Writes to its own keys, one request after the other, and keeps account of the answers. */
export class Writer {
  readonly name: string;
  requests = 0;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #keys: readonly string[];
  #serial = 0;

  constructor(name: string, ledger: Ledger, random: Random, keys: number) {
    this.name = name;
    this.#ledger = ledger;
    this.#random = random;
    this.#keys = Array.from({ length: keys }, (_, i) => `/w/${name}/${String(i).padStart(3, '0')}`);
  }

  /** Until the session is over. */
  async run(session: Session): Promise<void> {
    while (!session.over) {
      try {
        await this.#request(session.rpc);
        this.requests++;
      } catch (error) {
        // The fate of that request shows when the server is back.
        await sleep(1);
        if (!session.over) {
          await sleep(500);
          if (!session.over) this.#ledger.problem(`${this.name}: a request failed while the server was up: ${String(error)}`);
        }
        return;
      }
      if (this.#random.chance(30)) await sleep(this.#random.below(6));
    }
  }

  #value(): string {
    return `${this.name}.${this.#serial++}.${'x'.repeat(this.#random.chance(5) ? 4_000 : this.#random.below(200))}`;
  }

  async #request(rpc: Rpc): Promise<void> {
    const ledger = this.#ledger;
    const draw = this.#random.below(100);
    const key = this.#random.pick(this.#keys);
    const asked = ledger.seen;
    if (draw < 55) {
      const value = this.#value();
      ledger.issue(key, value);
      const revision = Number((await rpc.put(key, value)).header?.revision);
      this.#acked([{ key, value }], revision, asked);
    } else if (draw < 70) {
      ledger.issue(key, null);
      const answer = await rpc.delete(key);
      if (answer.deleted === 0n) ledger.nothingDeleted(key);
      else this.#acked([{ key, value: null }], Number(answer.header?.revision), asked);
    } else if (draw < 85) {
      const keys = [...new Set([key, this.#random.pick(this.#keys), this.#random.pick(this.#keys)])];
      const puts = keys.map((each) => ({ key: each, value: this.#value() }));
      for (const put of puts) ledger.issue(put.key, put.value);
      const answer = await rpc.txn(null, puts);
      this.#acked(puts, Number(answer.header?.revision), asked);
    } else {
      // As the apiserver writes. Nobody else writes this key, so it must succeed.
      const value = this.#value();
      const { revision: before, value: was } = ledger.state(key);
      ledger.issue(key, value);
      const answer = await rpc.txn({ key, revision: was === null ? 0 : before }, [{ key, value }]);
      if (answer.succeeded) this.#acked([{ key, value }], Number(answer.header?.revision), asked);
      else ledger.problem(`${key}: compare failed although nothing but ${was}@${before} was written`);
    }
  }

  #acked(changes: readonly { key: string; value: string | null }[], revision: number, asked: number): void {
    this.#ledger.checkHeader(revision, asked + 1, this.name);
    this.#ledger.ack(changes, revision);
  }
}
