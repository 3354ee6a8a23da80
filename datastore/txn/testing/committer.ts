/** For tests: a replica without logs and disk, which calls the keyspace as the real one does. */
import type { Keyspace } from '../../keyspace/keyspace.ts';
import { TestRecord } from '../../keyspace/testing/records.ts';
import type { Write } from '../../replica/types.ts';
import type { RevisionKind } from '../../replica/revisions.ts';
import type { Committer, RevisionPolicy } from '../types.ts';

export class TestCommitter implements Committer {
  readonly #keyspace: Keyspace;
  readonly #log: number;
  readonly records: TestRecord[] = [];
  /** The last Lamport counter given out. */
  used = 0;
  /** Otherwise writes wait for `flush`. */
  autoFlush = true;
  #waiting: (() => void)[] = [];

  constructor(keyspace: Keyspace, log = 1) {
    this.#keyspace = keyspace;
    this.#log = log;
  }

  nextRevision(): number {
    return this.#keyspace.appliedRevision + 1;
  }

  commit(writes: readonly Write[], local: readonly Write[]): Promise<void> {
    const revision = this.nextRevision();
    if (writes.length > 0) {
      const record = new TestRecord(++this.used, this.#log, writes, new Map(), revision);
      this.records.push(record);
      this.#keyspace.integrate(record, revision);
    }
    if (local.length > 0) this.#keyspace.integrateLocal(local, revision);
    return this.flushed();
  }

  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.autoFlush) this.flush();
    });
  }

  flush(): void {
    this.#keyspace.durable(this.#keyspace.appliedRevision);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  compact(revision: number): Promise<void> {
    this.#keyspace.compacted(revision);
    return Promise.resolve();
  }

  advanceAbove(revision: number): Promise<void> {
    if (revision > this.#keyspace.appliedRevision) this.#keyspace.advanced(revision + 1);
    return this.flushed();
  }
}

/** A store that counts by 1. */
export const single: RevisionPolicy = { striding: false, classify: () => 'own' };

export const striding = (classify: (revision: number) => RevisionKind): RevisionPolicy => ({ striding: true, classify });
