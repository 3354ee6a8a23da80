import type { Key } from '../replica/types.ts';

/** The Lease service of one replica. Times in whole seconds, as etcd's. Throws or rejects with `EtcdError`. */
export interface Leases {
  /** id 0n: the server chooses one that carries its slot. Resolves when durable. */
  grant(id: bigint, ttl: number): Promise<{ id: bigint; ttl: number }>;
  revoke(id: bigint): Promise<void>;
  /** Renews; ttl 0 if there is no such lease. */
  keepAlive(id: bigint): Promise<{ id: bigint; ttl: number }>;
  /** ttl -1 if there is no such lease. `keys` only when asked. */
  timeToLive(id: bigint, keys: boolean): { id: bigint; ttl: number; grantedTTL: number; keys: Key[] };
  list(): bigint[];
  exists(id: bigint): boolean;
}
