import type { Clock } from '../host/host.ts';
import type { Logger } from '../host/log.ts';
import type { Leases } from '../lease/types.ts';
import type { Kv } from '../txn/types.ts';
import type { WatchHub } from '../watch/types.ts';
import { HeaderCodec } from './hot/header.ts';
import type { Cluster, Maintenance, Serving, Versions } from './types.ts';

/** What the services are made from. */
export interface Replica {
  readonly kv: Kv;
  readonly watch: WatchHub;
  readonly leases: Leases;
  readonly cluster: Cluster;
  readonly maintenance: Maintenance;
  readonly serving: Serving;
}

export interface ServiceContext extends Replica {
  readonly clock: Clock;
  readonly log: Logger;
  readonly versions: Versions;
  /** etcd: --max-request-bytes. */
  readonly requestBytesMax: number;
  readonly header: HeaderCodec;
}

/** What a request may have beyond --max-request-bytes before gRPC itself refuses it (etcd: grpcOverheadBytes). */
export const overheadBytes = 512 * 1_024;

/**
 * There is no consensus and so no term. This is the one that a new etcd has when its first leader is elected; it never changes,
 * because there never is another leader: each replica is its own.
 */
export const raftTerm = 2n;

export function serviceContext(replica: Replica, rest: Pick<ServiceContext, 'clock' | 'log' | 'versions' | 'requestBytesMax'>): ServiceContext {
  return { ...replica, ...rest, header: new HeaderCodec(replica.cluster.clusterId, replica.cluster.memberId, raftTerm) };
}

/** A ResponseHeader for the generated codecs. `revision` 0 is left out. */
export function headerOf({ cluster }: ServiceContext, revision: number) {
  return { cluster_id: cluster.clusterId, member_id: cluster.memberId, revision: BigInt(revision), raft_term: raftTerm };
}
