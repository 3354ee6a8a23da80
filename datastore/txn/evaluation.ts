import { errDuplicateKey } from '../errors.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { KeyRange, KeyValue } from '../keyspace/types.ts';
import { assert } from '../replica/assert.ts';
import type { Key, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import { assembleRange, readLimit } from './range.ts';
import type { DeleteRangeRequest, DeleteRangeResult, PutRequest, PutResult, RangeRequest, RangeResult, RequestOp, TxnRequest, TxnResult } from './types.ts';

/**
 * Which branches a transaction takes, its own first, then those of the nested transactions on the way, in order. All are decided before
 * anything is executed, against what was there before: as etcd does it.
 */
export type Path = boolean[];

export const branch = (request: TxnRequest, success: boolean): readonly RequestOp[] => (success ? request.success : request.failure);

/**
 * One transaction being executed: it collects writes, and reads the state with those writes on top. Nothing is applied meanwhile. Whatever
 * may be refused was refused before, with one exception: a key that would be written twice (see `validate.ts`).
 */
export class Evaluation {
  readonly #keyspace: Keyspace;
  readonly #base: number;
  readonly #next: number;
  readonly #isLocal: (key: Key) => boolean;
  readonly writes: Write[] = [];
  readonly local: Write[] = [];
  /** What the writes so far make of their keys; null: gone. */
  readonly #written = new Map<Key, KeyValue | null>();

  /**
   * @param base the revision that is read
   * @param next the revision that the writes get
   */
  constructor(keyspace: Keyspace, base: number, next: number, isLocal: (key: Key) => boolean) {
    this.#keyspace = keyspace;
    this.#base = base;
    this.#next = next;
    this.#isLocal = isLocal;
  }

  /** The revision as it is at this point of the transaction. */
  get revision(): number {
    return this.writes.length + this.local.length > 0 ? this.#next : this.#base;
  }

  /** A DeleteRange that is all there is: nothing reads what it has written. */
  deleteOnly(request: DeleteRangeRequest): DeleteRangeResult {
    const kvs = this.#read(request.range);
    for (const { key } of kvs) this.#collect({ space: Space.client, key, value: null, lease: 0n });
    return this.#deleted(request, kvs);
  }

  /** Runs a transaction along its path, whose entries it takes. */
  txn(request: TxnRequest, path: Path): TxnResult {
    const succeeded = path.shift()!;
    const responses: (RangeResult | PutResult | DeleteRangeResult | TxnResult)[] = [];
    for (const op of branch(request, succeeded)) {
      switch (op.type) {
        case 'range':
          responses.push(this.range(op.request));
          break;
        case 'put':
          responses.push(this.put(op.request));
          break;
        case 'delete':
          responses.push(this.deleteRange(op.request));
          break;
        case 'txn':
          responses.push(this.txn(op.request, path));
          break;
        case 'empty':
          assert(false, 'an empty operation passed the validation');
      }
    }
    return { type: 'txn', revision: 0, succeeded, responses };
  }

  range(request: RangeRequest): RangeResult {
    const { range, revision, countOnly } = request;
    // A range that names a revision reads there, without the writes of this transaction.
    if (revision > 0 || this.#written.size === 0) {
      const at = revision > 0 ? revision : this.#base;
      const { kvs, count } = this.#keyspace.range({ range, limit: readLimit(request), countOnly }, at);
      return assembleRange(request, kvs, count, this.revision);
    }
    const kvs = this.#read(range);
    const limit = readLimit(request);
    return assembleRange(request, countOnly ? [] : limit > 0 ? kvs.slice(0, limit) : kvs, kvs.length, this.#next);
  }

  put(request: PutRequest): PutResult {
    const { key } = request;
    const before = this.#get(key);
    assert(before !== null || (!request.ignoreValue && !request.ignoreLease), 'a key that must exist is missing');
    const value = request.ignoreValue ? before!.value : request.value;
    const lease = request.ignoreLease ? before!.lease : request.lease;
    this.#write({ space: Space.client, key, value, lease });
    this.#written.set(key, {
      key,
      createRevision: before?.createRevision ?? this.#next,
      modRevision: this.#next,
      version: (before?.version ?? 0) + 1,
      lease,
      value,
    });
    return { type: 'put', revision: this.#next, prevKv: request.prevKv ? before : null };
  }

  deleteRange(request: DeleteRangeRequest): DeleteRangeResult {
    const kvs = this.#read(request.range);
    for (const { key } of kvs) {
      this.#write({ space: Space.client, key, value: null, lease: 0n });
      this.#written.set(key, null);
    }
    return this.#deleted(request, kvs);
  }

  #deleted({ prevKv }: DeleteRangeRequest, kvs: readonly KeyValue[]): DeleteRangeResult {
    return { type: 'delete', revision: this.revision, deleted: kvs.length, prevKvs: prevKv ? kvs : [] };
  }

  #write(write: Write): void {
    // A record holds a key once, and a revision changes it once.
    if (this.#written.has(write.key)) throw errDuplicateKey();
    this.#collect(write);
  }

  #collect(write: Write): void {
    (this.#isLocal(write.key) ? this.local : this.writes).push(write);
  }

  #get(key: Key): KeyValue | null {
    const written = this.#written.size > 0 ? this.#written.get(key) : undefined;
    return written === undefined ? this.#keyspace.get(key, this.#base) : written;
  }

  /** All pairs of a range as they are at this point. */
  #read(range: KeyRange): KeyValue[] {
    if (range.end === undefined) {
      const kv = this.#get(range.start);
      return kv === null ? [] : [kv];
    }
    const { kvs } = this.#keyspace.range({ range, limit: 0, countOnly: false }, this.#base);
    if (this.#written.size === 0) return kvs;
    const merged = kvs.filter((kv) => !this.#written.has(kv.key));
    for (const kv of this.#written.values()) if (kv !== null && inRange(range, kv.key)) merged.push(kv);
    return merged.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

const inRange = (range: KeyRange, key: Key): boolean => key >= range.start && (range.end === '\0' || key < range.end!);
