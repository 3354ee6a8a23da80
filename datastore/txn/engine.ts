import { EtcdError, errCompacted, errFutureRev, errKeyNotFound, errLeaseNotFound } from '../errors.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { KeyValue } from '../keyspace/types.ts';
import { limits } from '../limits.ts';
import type { Key, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import { compareAll } from './compare.ts';
import type { Path } from './evaluation.ts';
import { branch, Evaluation } from './evaluation.ts';
import { assembleRange, readLimit } from './range.ts';
import type {
  Committer,
  DeleteRangeRequest,
  DeleteRangeResult,
  Kv,
  KvOptions,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  RevisionPolicy,
  TxnRequest,
  TxnResult,
} from './types.ts';
import { isReadOnly, mayPut, validateDelete, validatePut, validateRange, validateTxn } from './validate.ts';

const NONE: readonly Write[] = [];

/**
 * The client came with a revision that another replica issued: it is told that it was compacted, and lists again. Answer only once
 * `settled`: then the counter is above that revision, so that what the client sees next has a higher one.
 */
export class ForeignRevisionError extends EtcdError {
  readonly settled: Promise<void>;
  constructor(settled: Promise<void>) {
    const compacted = errCompacted();
    super(compacted.code, compacted.message);
    this.settled = settled;
  }
}

/**
 * The KV service of one replica, with etcd's semantics. Requests that may write are evaluated against the applied state, one after the
 * other as they come, and answered when what they wrote and saw is durable; requests that only read see the visible state.
 */
export class Engine implements Kv {
  readonly #keyspace: Keyspace;
  readonly #committer: Committer;
  readonly #policy: RevisionPolicy;
  readonly #leaseExists: (id: bigint) => boolean;
  readonly #isLocal: (key: Key) => boolean;
  readonly #writable: (adds: boolean) => void;
  readonly #txnOps: number;

  constructor(keyspace: Keyspace, committer: Committer, policy: RevisionPolicy, options: KvOptions) {
    this.#keyspace = keyspace;
    this.#committer = committer;
    this.#policy = policy;
    this.#leaseExists = options.leaseExists;
    this.#isLocal = options.isLocal ?? (() => false);
    this.#writable = options.writable ?? (() => {});
    this.#txnOps = options.txnOps ?? limits.txn_ops;
  }

  /** @throws ForeignRevisionError besides etcd's errors. */
  range(request: RangeRequest): RangeResult {
    validateRange(request);
    const current = this.#keyspace.visibleRevision;
    const { range, revision, countOnly } = request;
    // etcd takes a negative revision for "now", here but not inside a transaction.
    if (revision > 0) this.#checkRevision(revision, current);
    const { kvs, count } = this.#keyspace.range({ range, limit: readLimit(request), countOnly }, revision > 0 ? revision : current);
    return assembleRange(request, kvs, count, current);
  }

  put(request: PutRequest): Promise<PutResult> {
    const busy = this.#busy();
    if (busy !== null) return busy.then(() => this.put(request));
    validatePut(request);
    this.#writable(true);
    const refused = this.#checkPut(request);
    if (refused !== null) return this.#refuse(refused);
    const { key } = request;
    let before: KeyValue | null = null;
    let { value, lease } = request;
    if (request.prevKv || request.ignoreValue || request.ignoreLease) {
      before = this.#keyspace.get(key, this.#keyspace.appliedRevision);
      if (request.ignoreValue) value = before!.value;
      if (request.ignoreLease) lease = before!.lease;
    }
    const revision = this.#committer.nextRevision();
    const writes: Write[] = [{ space: Space.client, key, value, lease }];
    const done = this.#isLocal(key) ? this.#committer.commit(NONE, writes) : this.#committer.commit(writes, NONE);
    const result: PutResult = { type: 'put', revision, prevKv: request.prevKv ? before : null };
    return done.then(() => result);
  }

  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResult> {
    validateDelete(request);
    for (let busy = this.#busy(); busy !== null; busy = this.#busy()) await busy;
    this.#writable(false);
    const evaluation = this.#evaluation();
    const result = evaluation.deleteOnly(request);
    await this.#finish(evaluation);
    return result;
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    validateTxn(request, this.#txnOps);
    const readOnly = isReadOnly(request);
    if (!readOnly) {
      for (let busy = this.#busy(); busy !== null; busy = this.#busy()) await busy;
      this.#writable(mayPut(request));
    }
    const base = readOnly ? this.#keyspace.visibleRevision : this.#keyspace.appliedRevision;
    const path: Path = [];
    this.#choose(request, base, path);
    const refused = this.#check(request, base, path, { next: 0 });
    if (refused !== null) return this.#refuse(refused);
    const evaluation = new Evaluation(this.#keyspace, base, this.#committer.nextRevision(), this.#isLocal);
    const result = { ...evaluation.txn(request, path), revision: evaluation.revision };
    if (!readOnly) await this.#finish(evaluation);
    return result;
  }

  async compact(revision: number, physical: boolean): Promise<{ revision: number }> {
    const keyspace = this.#keyspace;
    for (let busy = this.#busy(); busy !== null; busy = this.#busy()) await busy;
    this.#writable(false);
    if (revision > 0) this.#checkKind(revision, keyspace.visibleRevision);
    if (revision <= keyspace.compactedRevision) throw errCompacted();
    if (revision > keyspace.visibleRevision) throw errFutureRev();
    await this.#committer.compact(revision);
    if (physical) await keyspace.physicallyCompacted(revision);
    return { revision: keyspace.visibleRevision };
  }

  /** The applied state is that between two steps of integrating: no write is to be evaluated against it. */
  #busy(): Promise<void> | null {
    return this.#committer.settled?.() ?? null;
  }

  #evaluation(): Evaluation {
    return new Evaluation(this.#keyspace, this.#keyspace.appliedRevision, this.#committer.nextRevision(), this.#isLocal);
  }

  /** Commits what was collected; or, if nothing was, waits until what was seen is durable. */
  async #finish(evaluation: Evaluation): Promise<void> {
    if (evaluation.writes.length > 0 || evaluation.local.length > 0) await this.#committer.commit(evaluation.writes, evaluation.local);
    else await this.#settled();
  }

  #settled(): Promise<void> | undefined {
    return this.#keyspace.appliedRevision > this.#keyspace.visibleRevision ? this.#committer.flushed() : undefined;
  }

  /** A refusal, too, says something about the state: it waits until that is durable. */
  async #refuse(error: EtcdError): Promise<never> {
    await this.#settled();
    throw error;
  }

  /** Decides all compares, nested ones too, before anything is executed. */
  #choose(request: TxnRequest, base: number, path: Path): void {
    const success = compareAll(this.#keyspace, request.compare, base, this.#policy.striding);
    path.push(success);
    for (const op of branch(request, success)) if (op.type === 'txn') this.#choose(op.request, base, path);
  }

  /** What etcd checks before it executes, along the branches taken only. Throws or returns the refusal. */
  #check(request: TxnRequest, base: number, path: Path, at: { next: number }): EtcdError | null {
    for (const op of branch(request, path[at.next++]!)) {
      let refused: EtcdError | null = null;
      if (op.type === 'range' && op.request.revision !== 0) this.#checkRevision(op.request.revision, base);
      else if (op.type === 'put') refused = this.#checkPut(op.request);
      else if (op.type === 'txn') refused = this.#check(op.request, base, path, at);
      if (refused !== null) return refused;
    }
    return null;
  }

  #checkPut(request: PutRequest): EtcdError | null {
    if (request.lease !== 0n && !this.#leaseExists(request.lease)) return errLeaseNotFound();
    if ((request.ignoreValue || request.ignoreLease) && this.#keyspace.get(request.key, this.#keyspace.appliedRevision) === null) {
      return errKeyNotFound();
    }
    return null;
  }

  #checkRevision(revision: number, current: number): void {
    if (revision > 0) this.#checkKind(revision, current);
    this.#keyspace.checkReadable(revision, current);
  }

  #checkKind(revision: number, current: number): void {
    switch (this.#policy.classify(revision)) {
      case 'own':
        return;
      case 'future':
        throw errFutureRev();
      case 'compacted':
      case 'foreign':
        // Even a compacted one may be above what is visible: the first revision of a new incarnation is not durable at once.
        if (revision <= current) throw errCompacted();
        throw new ForeignRevisionError(this.#committer.advanceAbove(revision));
    }
  }
}
