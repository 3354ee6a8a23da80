/** The Maintenance service of one replica: alarms, sizes, hashes, giving space back. */
import type { Clock } from '../host/host.ts';
import type { Journal } from '../journal/types.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { Alarm, Alarms } from './alarms.ts';
import { hashKv } from './hash.ts';

export interface MaintenanceParts {
  readonly clock: Clock;
  readonly keyspace: Keyspace;
  readonly journal: Journal;
  readonly alarms: Alarms;
  readonly quotaBytes: number;
}

export class Maintenance {
  readonly #parts: MaintenanceParts;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
  }

  revision(): number {
    return this.#parts.keyspace.visibleRevision;
  }

  alarms(): readonly Alarm[] {
    return this.#parts.alarms.list();
  }
  activate(alarm: Alarm): Promise<Alarm | null> {
    return this.#parts.alarms.activate(alarm);
  }
  deactivate(alarm: Alarm): Promise<Alarm | null> {
    return this.#parts.alarms.deactivate(alarm);
  }

  status(): { dbSize: number; dbSizeInUse: number; dbSizeQuota: number } {
    const { keyspace, journal, quotaBytes } = this.#parts;
    return { dbSize: Math.max(journal.stats.diskBytes, keyspace.bytes), dbSizeInUse: keyspace.bytes, dbSizeQuota: quotaBytes };
  }

  /** A snapshot holds only what is alive; when it is durable, the files before it go. */
  async defragment(): Promise<void> {
    await this.#parts.journal.snapshot();
  }

  async hash(): Promise<{ hash: number; revision: number }> {
    const { clock, keyspace } = this.#parts;
    const revision = keyspace.visibleRevision;
    return { hash: await hashKv(clock, keyspace, revision), revision };
  }

  /** @throws errCompacted, errFutureRev as etcd's HashByRev */
  async hashKv(revision: number): Promise<{ hash: number; compactRevision: number; hashRevision: number }> {
    const { clock, keyspace } = this.#parts;
    const at = revision > 0 ? revision : keyspace.visibleRevision;
    keyspace.checkReadable(at);
    const compactRevision = keyspace.compactedRevision;
    return { hash: await hashKv(clock, keyspace, at), compactRevision, hashRevision: at };
  }
}
