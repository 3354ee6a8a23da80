import type { Host, Timer } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import { errLeaseExist, errLeaseNotFound, errLeaseTTLTooLarge, EtcdError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Key } from '../replica/types.ts';
import { Book } from './book.ts';
import type { Lease } from './book.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import { Expiry } from './expiry.ts';
import { chooseId } from './id.ts';
import { LeaseClock } from './lease-clock.ts';
import { Orphans } from './orphans.ts';
import type { LeasePorts } from './ports.ts';
import { decodeRecord, deleteKey, deleteRecord, markExpired, parseKey, putRecord } from './record.ts';
import type { LeaseRecord } from './record.ts';
import { Rescue } from './rescue.ts';
import type { Leases } from './types.ts';

export interface LeaseStats {
  readonly leases: number;
  /** Of these, the clock is kept here. */
  readonly kept: number;
  readonly granted: number;
  readonly revoked: number;
  readonly renewed: number;
  readonly expired: number;
  /** Expired in place of a keeper that was out of reach. */
  readonly takenOver: number;
  /** Expiries undone because they did not know of a renewal here. */
  readonly rescued: number;
}

/** The Lease service. `open` after recovery, before serving; see DESIGN.md, Leases, for who keeps a lease's clock. */
export class Lessor implements Leases {
  readonly #host: Pick<Host, 'clock' | 'random'>;
  readonly #ports: LeasePorts;
  readonly #log: Logger;
  readonly #clock: LeaseClock;
  readonly #book = new Book();
  readonly #expiry: Expiry;
  readonly #orphans: Orphans;
  readonly #rescue: Rescue;
  readonly #counts = { granted: 0, revoked: 0, renewed: 0, expired: 0, takenOver: 0 };
  /** The expiry record being committed is this replica's own. */
  #expiring = false;
  /** Deadlines have moved since the last checkpoint. */
  #dirty = false;
  #checkpointAt = 0;
  /** Leases that the last checkpoint names. */
  #noted: ReadonlySet<bigint> = new Set();
  #checkpointTimer: Timer | null = null;
  #closed = false;

  constructor(host: Pick<Host, 'clock' | 'random'>, ports: LeasePorts, log: Logger) {
    this.#host = host;
    this.#ports = ports;
    this.#log = log;
    this.#clock = new LeaseClock(host.clock);
    const slot = () => ports.slot();
    this.#expiry = new Expiry({
      clock: host.clock, leaseClock: this.#clock, book: this.#book, slot,
      peerReachable: (other) => ports.peerReachable(other), expire: (lease, taken) => this.#expire(lease, taken),
    });
    this.#orphans = new Orphans({
      clock: host.clock, slot, exists: (id) => this.#book.has(id), keysOfLease: (id) => ports.keysOfLease(id),
      commit: (writes) => void ports.commit(writes).durable.catch(() => {}),
    });
    this.#rescue = new Rescue(ports, host.clock, (lease) => this.#book.remove(lease.id));
  }

  /** Takes over the recovered state. `note`: the last one that `LeasePorts.note` was given, null: none. */
  open(note: Uint8Array | null): void {
    const saved = note === null ? null : decodeCheckpoint(note);
    if (saved !== null) {
      this.#clock.continueFrom(saved.clockMs);
      this.#noted = new Set(saved.deadlines.keys());
    }
    const now = this.#clock.nowMs();
    for (const [key, value] of this.#ports.systemEntries()) {
      const named = parseKey(key);
      if (named === null || named.expired) continue;
      const record = decodeRecord(value);
      const full = now + record.ttl * 1000;
      const deadline = record.keeper === this.#ports.slot() ? (saved?.deadlines.get(named.id) ?? full) : full;
      // Its clients need a moment to come back; and no lease has more than its TTL.
      this.#expiry.watch(this.#book.record(named.id, record, Math.min(full, Math.max(deadline, now + limits.lease_ttl_min_s * 1000))));
    }
    for (const id of this.#ports.leasesWithKeys()) if (!this.#book.has(id)) this.#orphans.suspect(id);
    this.#ports.onSystem((key, value) => this.#onSystem(key, value));
    this.#ports.onVisible((changes) => {
      for (const { type, kv } of changes) if (kv.lease !== 0n && type === 'put' && !this.#book.has(kv.lease)) this.#orphans.suspect(kv.lease);
    });
    this.#checkpointAt = now;
    this.#expiry.start();
    this.#scheduleCheckpoint();
  }

  /** Stops the clock; the last checkpoint is durable then. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#expiry.stop();
    this.#orphans.stop();
    this.#checkpointTimer?.cancel();
    if (this.#book.size > 0) await this.#checkpoint();
  }

  get stats(): LeaseStats {
    return { leases: this.#book.size, kept: this.#book.keptBy(this.#ports.slot()), ...this.#counts, rescued: this.#rescue.count };
  }

  async grant(id: bigint, ttl: number): Promise<{ id: bigint; ttl: number }> {
    if (ttl > limits.lease_ttl_max_s) throw errLeaseTTLTooLarge();
    this.#ports.admit();
    while (id === 0n) {
      const chosen = chooseId(this.#host.random, this.#ports.slot());
      if (!this.#book.has(chosen)) id = chosen;
    }
    if (this.#book.has(id)) throw errLeaseExist();
    const granted = Math.max(ttl, limits.lease_ttl_min_s);
    const { durable } = this.#ports.commit([putRecord(id, { keeper: this.#ports.slot(), epoch: 1, ttl: granted })]);
    this.#counts.granted++;
    this.#renewedHere(id);
    // The last checkpoint may name an earlier lease of this id: after a crash its deadline would be taken for this one's.
    await (this.#noted.has(id) ? Promise.all([durable, this.#checkpoint()]) : durable);
    return { id, ttl: granted };
  }

  async revoke(id: bigint): Promise<void> {
    if (!this.#book.has(id)) throw errLeaseNotFound();
    this.#rescue.cancel(id);
    const keys = [...this.#ports.keysOfLease(id)].sort();
    const { durable } = this.#ports.commit([deleteRecord(id), ...keys.map(deleteKey)]);
    this.#counts.revoked++;
    await durable;
  }

  async keepAlive(id: bigint): Promise<{ id: bigint; ttl: number }> {
    const lease = this.#book.get(id);
    if (lease === undefined) return { id, ttl: 0 };
    this.#counts.renewed++;
    const slot = this.#ports.slot();
    if (lease.keeper !== slot) {
      // From now on the clock is kept here, and everybody must know.
      const { durable } = this.#ports.commit([putRecord(id, { keeper: slot, epoch: lease.epoch + 1, ttl: lease.ttl })]);
      lease.pending = durable.finally(() => (lease.pending = null));
    }
    const renewed = this.#renewedHere(id) ?? lease;
    if (renewed.pending !== null) await renewed.pending;
    return { id, ttl: lease.ttl };
  }

  timeToLive(id: bigint, keys: boolean): { id: bigint; ttl: number; grantedTTL: number; keys: Key[] } {
    const lease = this.#book.get(id);
    if (lease === undefined) return { id, ttl: -1, grantedTTL: 0, keys: [] };
    const remaining = Math.max(0, Math.floor(this.#expiry.remainingMs(lease) / 1000));
    return { id, ttl: remaining, grantedTTL: lease.ttl, keys: keys ? [...this.#ports.keysOfLease(id)].sort() : [] };
  }

  /** As etcd's lessor: those that end first come first. */
  list(): bigint[] {
    return [...this.#book.all()]
      .map((lease) => ({ id: lease.id, left: this.#expiry.remainingMs(lease) }))
      .sort((a, b) => a.left - b.left)
      .map(({ id }) => id);
  }

  /** Another replica keeps the clocks of all leases from now on. Resolves when that is durable here. @returns how many there were */
  async handOver(keeper: number): Promise<number> {
    const slot = this.#ports.slot();
    const kept = [...this.#book.all()].filter((lease) => lease.keeper === slot);
    let durable = Promise.resolve();
    for (let at = 0; at < kept.length; at += limits.lease_expire_batch) {
      const writes = kept.slice(at, at + limits.lease_expire_batch).map(({ id, epoch, ttl }) => putRecord(id, { keeper, epoch: epoch + 1, ttl }));
      durable = this.#ports.commit(writes).durable;
    }
    await durable;
    return kept.length;
  }

  exists(id: bigint): boolean {
    return this.#book.has(id);
  }

  /** A client counts on the lease from now for its TTL. */
  #renewedHere(id: bigint): Lease | undefined {
    const lease = this.#book.get(id);
    if (lease === undefined) return undefined;
    lease.renewedHere = true;
    lease.deadline = this.#clock.nowMs() + lease.ttl * 1000;
    this.#dirty = true;
    return lease;
  }

  #onSystem(key: Key, value: Uint8Array | null): void {
    const named = parseKey(key);
    if (named === null) return;
    if (named.expired) this.#onExpired(named.id);
    else if (value !== null) this.#onRecord(named.id, decodeRecord(value));
    else if (!this.#rescue.pending(named.id) && this.#book.remove(named.id)) {
      this.#dirty = true;
      // A key that another replica put in the meantime may have outlived it.
      if (!this.#expiring) this.#orphans.suspect(named.id);
    }
  }

  #onRecord(id: bigint, record: LeaseRecord): void {
    const before = this.#book.get(id);
    const now = this.#clock.nowMs();
    const slot = this.#ports.slot();
    // This replica's own record of a lease that it keeps already (a rescue) does not renew it.
    const keeps = before !== undefined && before.keeper === slot && record.keeper === slot;
    const lease = this.#book.record(id, record, keeps ? before.deadline : now + record.ttl * 1000);
    if (record.keeper !== slot) lease.renewedHere = false;
    this.#dirty = true;
    this.#expiry.watch(lease);
  }

  /** A replica, perhaps this one, says that the lease has run out; the deletions follow. */
  #onExpired(id: bigint): void {
    const lease = this.#book.get(id);
    if (this.#expiring || lease === undefined || !lease.renewedHere || lease.keeper !== this.#ports.slot() || lease.deadline <= this.#clock.nowMs()) return;
    this.#log.warn('a lease was expired elsewhere that clients renewed here: it is granted again', { lease: id.toString(16) });
    this.#rescue.begin(lease);
  }

  #expire(lease: Lease, taken: boolean): boolean {
    const keys = [...this.#ports.keysOfLease(lease.id)].sort();
    this.#expiring = true;
    try {
      this.#ports.commit([markExpired(lease.id), deleteRecord(lease.id), ...keys.map(deleteKey)]).durable.catch(() => {});
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      return false;
    } finally {
      this.#expiring = false;
    }
    this.#counts.expired++;
    if (taken) this.#counts.takenOver++;
    if (taken) this.#log.info('lease expired in place of its keeper, which is out of reach', { lease: lease.id.toString(16), keeper: lease.keeper });
    return true;
  }

  #scheduleCheckpoint(): void {
    const delay = Math.max(limits.lease_checkpoint_ms, this.#book.size / limits.lease_checkpoint_per_ms);
    this.#checkpointTimer = this.#host.clock.after(delay, () => {
      void (this.#checkpointDue() ? this.#checkpoint() : Promise.resolve()).then(() => {
        if (!this.#closed) this.#scheduleCheckpoint();
      });
    });
  }

  /** If deadlines have moved; or if the clock alone has moved by what matters to the shortest lease. */
  #checkpointDue(): boolean {
    if (this.#dirty) return true;
    const passed = this.#clock.nowMs() - this.#checkpointAt;
    const slot = this.#ports.slot();
    for (const lease of this.#book.all()) if (lease.keeper === slot && passed > lease.ttl * 1000 * limits.lease_checkpoint_share) return true;
    return false;
  }

  async #checkpoint(): Promise<void> {
    const slot = this.#ports.slot();
    const now = this.#clock.nowMs();
    this.#dirty = false;
    this.#checkpointAt = now;
    const kept = [...this.#book.all()].filter((lease) => lease.keeper === slot);
    this.#noted = new Set(kept.map(({ id }) => id));
    try {
      await this.#ports.note(encodeCheckpoint(now, kept));
    } catch {
      this.#dirty = true; // Not on the disk: the journal says so itself, and the next one tries again.
    }
  }
}
