import type { Clock } from '../host/host.ts';
import type { KeyValue } from '../keyspace/types.ts';
import type { Key, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';
import type { Lease } from './book.ts';
import type { LeasePorts } from './ports.ts';
import { putRecord } from './record.ts';

/**
 * "A renewal beats an expiry that did not know of it."
 *
 * An expiry is one record of plain deletions: the lease's, its keys', and before them the marker `lease-expired/<id>` (see `record.ts`). When
 * it comes in at a replica whose clients have renewed the lease and still count on it, that replica cannot undo it, for records only
 * add; it writes the lease again, with the keys that the expiry is about to delete as they are at that moment. Stamps then do the rest: the new
 * record has seen the expiry and stands above it everywhere. Watchers see the keys deleted and created.
 *
 * A revocation bears no marker and is final. A replica that was restarted does not know what its clients count on, and lets the expiry be.
 */
export class Rescue {
  readonly #ports: Pick<LeasePorts, 'commit' | 'keysOfLease' | 'get' | 'slot'>;
  readonly #clock: Clock;
  readonly #failed: (lease: Lease) => void;
  readonly #rescued = new Map<bigint, readonly KeyValue[]>();
  count = 0;

  constructor(ports: Pick<LeasePorts, 'commit' | 'keysOfLease' | 'get' | 'slot'>, clock: Clock, failed: (lease: Lease) => void) {
    this.#ports = ports;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Is it under way? Then the lease lives on here, whatever becomes of its record. */
  pending(id: bigint): boolean {
    return this.#rescued.has(id);
  }

  /** The lease was revoked in the meantime. */
  cancel(id: bigint): void {
    this.#rescued.delete(id);
  }

  /** Called when the marker comes in: the keys of the lease are still as they were. */
  begin(lease: Lease): void {
    const kvs = this.#rescued.get(lease.id) ?? [];
    const keys = [...this.#ports.keysOfLease(lease.id)].sort();
    const more = keys.map((key) => this.#ports.get(key)).filter((kv) => kv !== null);
    this.#rescued.set(lease.id, [...kvs, ...more]);
    // The record is in the middle of being integrated: write after it.
    if (kvs.length === 0) this.#clock.soon(() => this.#finish(lease));
  }

  #finish(lease: Lease): void {
    const kvs = this.#rescued.get(lease.id);
    if (kvs === undefined) return;
    const writes = new Map<Key, Write>();
    // What somebody has put there in the meantime stays.
    for (const kv of kvs) if (this.#ports.get(kv.key) === null) writes.set(kv.key, { space: Space.client, key: kv.key, value: kv.value, lease: lease.id });
    try {
      this.count++;
      const { durable } = this.#ports.commit([putRecord(lease.id, { keeper: this.#ports.slot(), epoch: lease.epoch + 1, ttl: lease.ttl }), ...writes.values()]);
      durable.catch(() => {});
      this.#rescued.delete(lease.id);
    } catch {
      this.#rescued.delete(lease.id);
      this.#failed(lease);
    }
  }
}
