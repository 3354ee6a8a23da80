import type { KeyValue } from '../keyspace/types.ts';
import type { Key, Write } from '../replica/types.ts';

/** What leases need of the replica, the keyspace and the gossip, and no more. */
export interface LeasePorts {
  /** This replica's slot. */
  slot(): number;
  /** Decides a transaction: synchronous up to and including the calls of `onSystem` listeners. Throws `EtcdError` if the replica cannot write. */
  commit(writes: readonly Write[]): { readonly revision: number; readonly durable: Promise<void> };
  /** Throws `EtcdError` (errNoSpace) if clients may create nothing now. */
  admit(): void;
  /** Keeps a small state in the journal, in place of the one before; comes back through `open`. Resolves when durable. */
  note(body: Uint8Array): Promise<void>;
  /** The keys attached to a lease in the applied state. */
  keysOfLease(id: bigint): Iterable<Key>;
  /** Every lease id that some key bears, applied state. */
  leasesWithKeys(): Iterable<bigint>;
  /** A key in the applied state. */
  get(key: Key): KeyValue | null;
  /** The system space: all keys that have a value. */
  systemEntries(): Iterable<[Key, Uint8Array]>;
  /** Told of each system key that a record changes, while it is integrated and in the order of the record's writes; null: deleted. */
  onSystem(listener: (key: Key, value: Uint8Array | null) => void): void;
  /** Told of what becomes visible. */
  onVisible(listener: (changes: readonly { readonly type: 'put' | 'delete'; readonly kv: KeyValue }[]) => void): void;
  /**
   * Has this replica heard of that slot's replica lately, directly or through others (its reports reach us)? A missing link between two
   * that both hear a third is no reason to take a lease over.
   */
  peerReachable(slot: number): boolean;
}
