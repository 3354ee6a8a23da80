/** For tests: etcd's KV as simply as it can be said. Every revision is a whole copy of the world; an error is its text. */
import type { KeyRange } from '../../keyspace/types.ts';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from '../types.ts';

export interface Pair {
  key: string;
  value: string;
  create: number;
  mod: number;
  version: number;
  lease: bigint;
}
type World = Map<string, Pair>;
export interface ModelChange {
  type: 'put' | 'delete';
  key: string;
  revision: number;
  pair: Pair | null;
  prev: Pair | null;
}

export class Refused extends Error {}
const refuse = (why: string): never => {
  throw new Refused(why);
};

export class Model {
  readonly worlds = new Map<number, World>([[1, new Map()]]);
  readonly changes: ModelChange[] = [];
  readonly leases = new Set<bigint>();
  current = 1;
  compacted = -1;
  #working: World | null = null;
  #dirty = false;

  get revision(): number {
    return this.#dirty ? this.current + 1 : this.current;
  }

  /** Runs `fn` with a world of its own; if it wrote, that is the next revision. */
  #transact<T>(fn: () => T): T {
    this.#working = new Map(this.worlds.get(this.current));
    this.#dirty = false;
    try {
      const result = fn();
      if (this.#dirty) this.worlds.set(++this.current, this.#working);
      return result;
    } finally {
      this.#dirty = false;
      this.#working = null;
    }
  }

  #select(range: KeyRange, revision: number): Pair[] {
    const world = revision > 0 ? this.worlds.get(revision)! : (this.#working ?? this.worlds.get(this.current)!);
    return [...world.values()]
      .filter(({ key }) => (range.end === undefined ? key === range.start : key >= range.start && (range.end === '\0' || key < range.end)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  range(request: RangeRequest): unknown {
    if (request.revision > 0 || (this.#working !== null && request.revision < 0)) this.check(request.revision);
    const all = this.#select(request.range, request.revision);
    const filtered = request.minModRevision !== 0 || request.maxModRevision !== 0 || request.minCreateRevision !== 0 || request.maxCreateRevision !== 0;
    let kvs = request.countOnly ? [] : all;
    const byKey = request.sortTarget === 0;
    if (request.limit > 0 && !filtered && (request.sortOrder === 0 || (byKey && request.sortOrder === 1))) kvs = kvs.slice(0, request.limit + 1);
    kvs = kvs.filter(
      (kv) =>
        (request.minModRevision === 0 || kv.mod >= request.minModRevision) &&
        (request.maxModRevision === 0 || kv.mod <= request.maxModRevision) &&
        (request.minCreateRevision === 0 || kv.create >= request.minCreateRevision) &&
        (request.maxCreateRevision === 0 || kv.create <= request.maxCreateRevision),
    );
    const field = (kv: Pair): number | string => [kv.key, kv.version, kv.create, kv.mod, kv.value][request.sortTarget]!;
    const sign = request.sortOrder === 2 ? -1 : 1;
    kvs = [...kvs].sort((a, b) => sign * (field(a) < field(b) ? -1 : field(a) > field(b) ? 1 : 0));
    const more = request.limit > 0 && kvs.length > request.limit;
    if (more) kvs = kvs.slice(0, request.limit);
    const stripped = kvs.map((kv) => (request.keysOnly ? { ...kv, value: '', lease: request.sortTarget === 4 ? kv.lease : 0n } : kv));
    return { type: 'range', revision: this.revision, kvs: stripped, more, count: all.length };
  }

  check(revision: number): void {
    if (revision > this.current) refuse('mvcc: required revision is a future revision');
    if (revision < this.compacted) refuse('mvcc: required revision has been compacted');
  }

  #checkPut(request: PutRequest): void {
    if (request.lease !== 0n && !this.leases.has(request.lease)) refuse('requested lease not found');
    if ((request.ignoreLease || request.ignoreValue) && !this.worlds.get(this.current)!.has(request.key)) refuse('key not found');
  }

  put(request: PutRequest): unknown {
    this.#checkPut(request);
    return this.#transact(() => this.#put(request));
  }

  #put(request: PutRequest): unknown {
    const prev = this.#working!.get(request.key) ?? null;
    this.#dirty = true;
    const pair: Pair = {
      key: request.key,
      value: request.ignoreValue ? prev!.value : Buffer.from(request.value).toString('latin1'),
      create: prev?.create ?? this.revision,
      mod: this.revision,
      version: (prev?.version ?? 0) + 1,
      lease: request.ignoreLease ? prev!.lease : request.lease,
    };
    this.#working!.set(request.key, pair);
    this.changes.push({ type: 'put', key: request.key, revision: this.revision, pair, prev });
    return { type: 'put', revision: this.revision, prevKv: request.prevKv ? prev : null };
  }

  deleteRange(request: DeleteRangeRequest): unknown {
    return this.#transact(() => this.#delete(request));
  }

  #delete(request: DeleteRangeRequest): unknown {
    const gone = this.#select(request.range, 0);
    for (const prev of gone) {
      this.#working!.delete(prev.key);
      this.#dirty = true;
      this.changes.push({ type: 'delete', key: prev.key, revision: this.revision, pair: null, prev });
    }
    return { type: 'delete', revision: this.revision, deleted: gone.length, prevKvs: request.prevKv ? gone : [] };
  }

  txn(request: TxnRequest): unknown {
    const chosen = new Map<TxnRequest, boolean>();
    const choose = (txn: TxnRequest): void => {
      chosen.set(txn, txn.compare.every((c) => this.#holds(c)));
      for (const op of this.#branch(txn, chosen)) if (op.type === 'txn') choose(op.request);
    };
    choose(request);
    const check = (txn: TxnRequest): void => {
      for (const op of this.#branch(txn, chosen)) {
        if (op.type === 'range' && op.request.revision !== 0) this.check(op.request.revision);
        if (op.type === 'put') this.#checkPut(op.request);
        if (op.type === 'txn') check(op.request);
      }
    };
    check(request);
    const run = (txn: TxnRequest): unknown => ({
      type: 'txn',
      revision: 0,
      succeeded: chosen.get(txn),
      responses: this.#branch(txn, chosen).map((op) => {
        if (op.type === 'range') return this.range(op.request);
        if (op.type === 'put') return this.#put(op.request);
        if (op.type === 'delete') return this.#delete(op.request);
        return op.type === 'txn' ? run(op.request) : null;
      }),
    });
    const result = this.#transact(() => run(request));
    return { ...(result as object), revision: this.current };
  }

  #branch(txn: TxnRequest, chosen: Map<TxnRequest, boolean>): readonly RequestOp[] {
    return chosen.get(txn)! ? txn.success : txn.failure;
  }

  #holds(c: Compare): boolean {
    const pairs = this.#select(c.range, 0);
    if (pairs.length === 0 && c.target === 'value') return false;
    const missing: Pair = { key: '', value: '', create: 0, mod: 0, version: 0, lease: 0n };
    return (pairs.length === 0 ? [missing] : pairs).every((pair) => {
      const [a, b] = {
        version: [pair.version, c.number],
        create: [pair.create, c.number],
        mod: [pair.mod, c.number],
        lease: [pair.lease, c.lease],
        value: [pair.value, Buffer.from(c.value).toString('latin1')],
      }[c.target] as [number, number];
      return { equal: a === b, notEqual: a !== b, greater: a > b, less: a < b }[c.result];
    });
  }

  compact(revision: number): void {
    if (revision <= this.compacted) refuse('mvcc: required revision has been compacted');
    if (revision > this.current) refuse('mvcc: required revision is a future revision');
    this.compacted = revision;
  }
}
