import type { Host } from './host.ts';
import { nodeClock } from './node-clock.ts';
import { nodeDisk } from './node-disk.ts';
import { nodeNetwork } from './node-net.ts';
import type { NodeNetwork, NodeNetworkOptions } from './node-net.ts';
import { nodeRandom } from './node-random.ts';

export interface NodeHost extends Host {
  readonly net: NodeNetwork;
}

/** The real thing: what `main.ts` hands to everything below it. */
export function createHost(options: Omit<NodeNetworkOptions, 'clock'> = {}): NodeHost {
  return { clock: nodeClock, random: nodeRandom, disk: nodeDisk, net: nodeNetwork({ ...options, clock: nodeClock }) };
}
