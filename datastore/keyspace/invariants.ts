import { assert } from '../replica/assert.ts';
import type { Keyspace } from './keyspace.ts';
import type { Version } from './version.ts';

/** Checks everything the keyspace's parts promise each other. For tests: it looks at every key and every version. */
export function checkInvariants(keyspace: Keyspace): void {
  const { keys, index, history, leases } = keyspace.inside;
  const compacted = keyspace.compactedRevision;
  assert(keyspace.visibleRevision <= keyspace.appliedRevision, 'visible is at most applied');
  assert(compacted <= keyspace.appliedRevision, 'compacted is at most applied');
  assert(keys.size === index.size, 'every key is in the index, and no other');
  const ordered = [...index.values()];
  assert(ordered.every(({ key }, i) => i === 0 || ordered[i - 1]!.key < key), 'the index ascends');
  assert(index.count('', undefined) === ordered.filter((entry) => entry.live !== null).length, 'the index counts the keys that exist');
  const inHistory = new Set<Version>();
  let last = 0;
  for (let position = history.start; position < history.end; position++) {
    const version = history.at(position);
    assert(version.modRevision >= last, 'history ascends');
    last = version.modRevision;
    inHistory.add(version);
  }
  assert(last <= keyspace.appliedRevision, 'history ends at the applied revision');
  let attached = 0;
  for (const [key, entry] of keys) {
    assert(index.get(key) === entry && entry.key === key, 'map and tree agree');
    assert(entry.phys >= 0, 'no negative number of writes');
    assert((entry.record === null) === (entry.write === null), 'a head is whole');
    assert(entry.write === null || entry.record!.writes.includes(entry.write), 'the head is a write of its record');
    const versions = [...(entry.older ?? []), ...(entry.latest === null ? [] : [entry.latest])];
    let before: Version | undefined;
    for (const version of versions) {
      assert(version.key === key, 'a version belongs to its key');
      assert(version.record.writes.includes(version.write), 'a version is a write of its record');
      if (version.modRevision > compacted) assert(inHistory.has(version), 'what is not compacted is in the history');
      if (before !== undefined) assert(before.modRevision < version.modRevision, 'versions ascend');
      if (version.deleted) {
        assert(version.version === 0 && version.createRevision === 0, 'a deletion counts nothing');
        assert(before === undefined ? version.modRevision > compacted : !before.deleted, 'a deletion deletes something');
      } else if (before !== undefined && !before.deleted) {
        assert(version.createRevision === before.createRevision && version.version === before.version + 1, 'versions are counted');
      } else if (before !== undefined) {
        assert(version.createRevision === version.modRevision, 'a creation begins anew');
      }
      before = version;
    }
    const live = entry.live;
    if (live !== null && live.record.log >= 0 && keyspace.contests?.of(key) === undefined) assert(entry.record === live.record && entry.write === live.write, 'a live key is its head');
    if (live !== null && live.lease !== 0n) {
      attached++;
      assert(leases.keysOf(live.lease).has(key), 'a key with a lease is attached');
    }
  }
  for (const [key, contest] of keyspace.contests?.entries() ?? []) {
    const entry = keys.get(key);
    assert(contest.heads.length > 1 && contest.heads.every(({ record }) => record.live > 0), 'a contest has several heads, all alive');
    assert(entry !== undefined && contest.top.record === entry.record && contest.top.write === entry.write, 'the head of an entry is the one of the highest stamp');
  }
  let indexed = 0;
  for (const set of leases.all.values()) indexed += set.size;
  assert(indexed === attached, 'nothing else is attached');
}
