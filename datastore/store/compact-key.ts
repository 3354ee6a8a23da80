/**
 * `compact_rev_key`, by which the apiservers of one store agree who compacts (k8s.io/apiserver, storage/etcd3/compact.go). It is local to a
 * replica, and every replica of a cluster always has one: an apiserver that moves here indexes the answer unguarded and dies without it.
 * A replica's own compaction moves it the way another apiserver's would, so that an apiserver beside it only sees that it came second.
 */
import type { Key, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';

export const COMPACT_KEY: Key = 'compact_rev_key';

/** Its value is the compacted revision in decimal, as the apiserver writes it; 0 before the first compaction. */
export const compactKeyWrite = (revision: number): Write => ({
  space: Space.client,
  key: COMPACT_KEY,
  value: Buffer.from(String(Math.max(0, revision))),
  lease: 0n,
});

/** Which keys are never replicated: `compact_rev_key`, and those below the prefixes of --local-keys. */
export function localKeys(prefixes: readonly string[]): (key: Key) => boolean {
  if (prefixes.length === 0) return (key) => key === COMPACT_KEY;
  return (key) => key === COMPACT_KEY || prefixes.some((prefix) => key.startsWith(prefix));
}
