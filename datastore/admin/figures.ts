/** What a replica says of itself at /metrics, as far as `status` shows it. */
import { parseExposition } from './exposition.ts';

/** One replica's view of another one. */
export interface Link {
  readonly peer: string;
  readonly connected: boolean;
  /** Age of the oldest own write that the peer has not reported as durable. */
  readonly lagSeconds: number;
  readonly unackedWrites: number;
}

export interface Figures {
  readonly name?: string;
  readonly slot?: number;
  readonly clusterId?: string;
  readonly memberId?: string;
  readonly version?: string;
  readonly etcdVersion?: string;
  readonly revision?: number;
  readonly keys?: number;
  readonly dbSizeBytes?: number;
  readonly dbInUseBytes?: number;
  readonly serving?: boolean;
  readonly alarms: readonly string[];
  readonly links: readonly Link[];
}

/** What is not on the page is left out: a replica that is still starting shows little. */
export function figuresOf(page: string): Figures {
  const series = parseExposition(page);
  const all = (name: string) => series.filter((one) => one.name === name);
  const value = <K extends string>(key: K, name: string): { readonly [k in K]?: number } => {
    const found = all(name)[0];
    return found === undefined ? {} : ({ [key]: found.value } as { [k in K]?: number });
  };
  const label = <K extends string>(key: K, name: string, labelName: string): { readonly [k in K]?: string } => {
    const found = all(name)[0]?.labels[labelName];
    return found === undefined ? {} : ({ [key]: found } as { [k in K]?: string });
  };
  const slot = all('edgestore_replica_info')[0]?.labels['slot'];
  const serving = all('etcd_server_has_leader')[0]?.value;
  const ofPeer = (name: string, peer: string | undefined): number => all(name).find(({ labels }) => labels['peer'] === peer)?.value ?? 0;
  return {
    ...label('name', 'edgestore_replica_info', 'name'),
    ...(slot === undefined ? {} : { slot: Number(slot) }),
    ...label('clusterId', 'edgestore_replica_info', 'cluster_id'),
    ...label('memberId', 'etcd_server_id', 'server_id'),
    ...label('version', 'edgestore_build_info', 'version'),
    ...label('etcdVersion', 'etcd_server_version', 'server_version'),
    ...value('revision', 'etcd_debugging_mvcc_current_revision'),
    ...value('keys', 'etcd_debugging_mvcc_keys_total'),
    ...value('dbSizeBytes', 'etcd_mvcc_db_total_size_in_bytes'),
    ...value('dbInUseBytes', 'etcd_mvcc_db_total_size_in_use_in_bytes'),
    ...(serving === undefined ? {} : { serving: serving === 1 }),
    alarms: all('edgestore_alarm').filter((one) => one.value === 1).map((one) => one.labels['type'] ?? ''),
    links: all('edgestore_peer_connected').map(({ labels, value: connected }) => ({
      peer: labels['peer'] ?? '',
      connected: connected === 1,
      lagSeconds: ofPeer('edgestore_replication_lag_seconds', labels['peer']),
      unackedWrites: ofPeer('edgestore_replication_unacked_ops', labels['peer']),
    })).sort((a, b) => (a.peer < b.peer ? -1 : 1)),
  };
}

/** The largest lag towards any peer; 0 without peers. */
export const worstLag = ({ links }: Pick<Figures, 'links'>): number => Math.max(0, ...links.map(({ lagSeconds }) => lagSeconds));
