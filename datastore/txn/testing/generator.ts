/** For tests: random requests over a small set of keys, so that they meet. Valid ones mostly. */
import { text } from '../../keyspace/testing/records.ts';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from '../types.ts';
import { compare, deleteRequest, putRequest, rangeRequest } from './requests.ts';

export const LEASES = [1n, 2n, 3n];

export class Generator {
  readonly #random: (below: number) => number;
  /** Around which revisions are chosen. */
  current = 1;

  constructor(random: (below: number) => number) {
    this.#random = random;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#random(items.length)]!;
  }
  chance(percent: number): boolean {
    return this.#random(100) < percent;
  }
  key(): string {
    return this.pick(['a', 'a\0', 'b', 'c', 'ca', 'cb', 'd', '\xff', '\xff\xfe', 'e' + this.#random(20)]);
  }
  end(): string | undefined {
    return this.chance(50) ? undefined : this.chance(30) ? '\0' : this.key();
  }
  revision(): number {
    return this.chance(60) ? 0 : this.chance(4) ? this.current + 1 + this.#random(2) : Math.max(1, this.current - this.#random(12));
  }
  near(): number {
    return Math.max(0, this.current - this.#random(30));
  }

  range(): RangeRequest {
    const filter = (): number => (this.chance(8) ? this.near() : 0);
    return rangeRequest(this.key(), this.end(), {
      limit: this.chance(40) ? this.#random(4) : 0,
      revision: this.revision(),
      sortOrder: this.chance(40) ? this.#random(3) : 0,
      sortTarget: this.chance(40) ? this.#random(5) : 0,
      keysOnly: this.chance(20),
      countOnly: this.chance(15),
      minModRevision: filter(),
      maxModRevision: filter(),
      minCreateRevision: filter(),
      maxCreateRevision: filter(),
    });
  }

  put(): PutRequest {
    const ignoreValue = this.chance(10);
    const ignoreLease = this.chance(10);
    return putRequest(this.key(), ignoreValue ? '' : this.pick(['', 'x', 'y', 'zz']), {
      lease: ignoreLease || this.chance(60) ? 0n : this.pick([...LEASES, 99n]),
      prevKv: this.chance(30),
      ignoreValue,
      ignoreLease,
    });
  }

  delete(): DeleteRangeRequest {
    return deleteRequest(this.key(), this.chance(60) ? undefined : this.end(), this.chance(30));
  }

  compare(): Compare {
    const target = this.pick(['version', 'create', 'mod', 'value', 'lease'] as const);
    return compare(this.key(), target, this.pick(['equal', 'notEqual', 'greater', 'less'] as const), target === 'version' ? this.#random(4) : this.near(), {
      range: { start: this.key(), end: this.chance(70) ? undefined : this.end() },
      value: text(this.pick(['', 'x', 'y'])),
      lease: this.pick([0n, ...LEASES]),
    });
  }

  txn(depth = 2): TxnRequest {
    const list = <T>(make: () => T, most: number): T[] => Array.from({ length: this.#random(most) }, make);
    const op = (): RequestOp => {
      const kind = this.#random(depth > 0 ? 10 : 9);
      if (kind < 3) return { type: 'range', request: this.range() };
      if (kind < 7) return { type: 'put', request: this.put() };
      if (kind < 9) return { type: 'delete', request: this.delete() };
      return { type: 'txn', request: this.txn(depth - 1) };
    };
    return { compare: list(() => this.compare(), 3), success: list(op, 4), failure: list(op, 4) };
  }
}
