/** What a revision that a client brings means on this replica: DESIGN.md, Revisions. */
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { Replica } from '../replica/replica.ts';
import type { RevisionPolicy } from '../txn/types.ts';
import type { CheckRevision } from '../watch/source.ts';

export const revisionPolicy = (replica: Replica): RevisionPolicy => ({
  get striding() {
    return replica.revisions.striding;
  },
  classify: (revision) => replica.classify(revision),
});

/**
 * For watches: a revision that this replica did not issue is answered as compacted, at the current revision; if it is above the current one
 * the counter moves above it first, visibly, so that what the client sees next is higher than what it knew. One from before this incarnation is
 * below its first revision, which may not be visible yet either.
 */
export const watchRevisionCheck = (replica: Replica, keyspace: Keyspace): CheckRevision => (revision) => {
  switch (replica.classify(revision)) {
    case 'own':
    case 'future':
      return 'ok';
    case 'compacted':
    case 'foreign': {
      if (revision <= keyspace.visibleRevision) return { compacted: keyspace.visibleRevision };
      const moved = replica.advanceAbove(revision);
      // If nothing moved it is above already, visible or not.
      return { compacted: moved?.revision ?? replica.currentRevision, settled: moved?.durable ?? replica.flushed() };
    }
  }
};
