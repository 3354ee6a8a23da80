/**
 * etcd's space quota (etcdserver/quota.go): a write that would take the store above it raises NOSPACE, and from then on nothing that adds
 * is taken until the alarm is disarmed. Deletions, compaction and what comes from other replicas go on.
 *
 * What counts is the logical size of the keyspace with its uncompacted history. The files on disk are at most a small multiple of it.
 */
import { errNoSpace } from '../errors.ts';
import type { Alarm, Alarms } from './alarms.ts';

export interface QuotaOptions {
  /** etcd: --quota-backend-bytes. Negative: none. */
  readonly quotaBytes: number;
  readonly usedBytes: () => number;
  /** The disk takes more. */
  readonly diskWritable: () => boolean;
  readonly onError: (error: unknown) => void;
}

export class Quota {
  readonly #alarms: Alarms;
  readonly #own: Alarm;
  readonly #options: QuotaOptions;

  constructor(alarms: Alarms, memberId: bigint, options: QuotaOptions) {
    this.#alarms = alarms;
    this.#own = { memberId, type: 'NOSPACE' };
    this.#options = options;
  }

  get bytes(): number {
    return this.#options.quotaBytes;
  }

  /** @throws errNoSpace if `adds` and there is no room, by quota, by alarm or on the disk. */
  check(adds: boolean): void {
    if (!adds) return;
    if (this.#alarms.has(this.#own) || !this.#options.diskWritable()) throw errNoSpace();
    const { quotaBytes, usedBytes, onError } = this.#options;
    if (quotaBytes < 0 || usedBytes() < quotaBytes) return;
    this.#alarms.activate(this.#own).catch(onError);
    throw errNoSpace();
  }
}
