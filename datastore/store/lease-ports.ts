/** What leases see of the rest of the store. */
import { errUnavailable } from '../errors.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { LeasePorts } from '../lease/ports.ts';
import type { Replica } from '../replica/replica.ts';
import type { Notes } from './notes.ts';
import type { Quota } from './quota.ts';

export interface LeaseNeighbours {
  readonly replica: Replica;
  readonly keyspace: Keyspace;
  readonly notes: Notes;
  readonly quota: Quota;
  readonly peerReachable: (slot: number) => boolean;
}

export function leasePorts({ replica, keyspace, notes, quota, peerReachable }: LeaseNeighbours): LeasePorts {
  return {
    slot: () => replica.slot,
    commit(writes) {
      // Nobody has vouched for the disk yet: if it is an old copy, others hold more of the log that this would go into.
      if (replica.held) throw errUnavailable('not every member has vouched for this disk yet');
      return replica.commit(writes);
    },
    admit: () => quota.check(true),
    note: (body) => notes.put('lease', body),
    keysOfLease: (id) => keyspace.keysOfLease(id, true),
    leasesWithKeys: () => keyspace.leasesWithKeys(),
    get: (key) => keyspace.get(key, keyspace.appliedRevision),
    systemEntries: () => keyspace.system.entries(),
    onSystem: (listener) => keyspace.system.onChange(listener),
    onVisible: (listener) => keyspace.onVisible(listener),
    peerReachable,
  };
}
