import type { Host } from './host.ts';
import { nodeClock } from './node-clock.ts';
import { nodeDisk } from './node-disk.ts';
import { nodeNetwork } from './node-net.ts';
import type { NodeNetwork, NodeNetworkOptions } from './node-net.ts';
import { nodeRandom } from './node-random.ts';
import { nodeResolver } from './node-resolver.ts';

export interface NodeHost extends Host {
  readonly net: NodeNetwork;
}

export interface HostOptions extends Omit<NodeNetworkOptions, 'clock' | 'names'> {
  /** DNS servers, IP or IP:port, instead of the system's. */
  readonly dnsServers?: readonly string[];
}

/** The real thing: what `main.ts` hands to everything below it. */
export function createHost({ dnsServers = [], ...options }: HostOptions = {}): NodeHost {
  const names = nodeResolver(nodeClock, dnsServers);
  return { clock: nodeClock, random: nodeRandom, disk: nodeDisk, names, net: nodeNetwork({ ...options, clock: nodeClock, names }) };
}
