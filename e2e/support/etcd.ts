/** Real etcd, which EdgeStore is compared with. */
import { tool } from '../tools/tools.ts';
import { Cluster } from './member.ts';
import type { ClusterOptions, Launcher } from './member.ts';

/** Starts etcd as the setup group 'etcd' built it. */
export function etcdLauncher(): Launcher {
  return { kind: 'etcd', command: tool('etcd'), args: [] };
}

/** An etcd cluster; `start` starts it. */
export function etcdCluster(options: ClusterOptions): Promise<Cluster> {
  return Cluster.create(etcdLauncher(), options);
}
