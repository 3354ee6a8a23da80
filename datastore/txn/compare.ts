/** The If of a transaction (applyCompare in server/etcdserver/txn/txn.go). */
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { KeyValue } from '../keyspace/types.ts';
import type { Version } from '../keyspace/version.ts';
import type { Compare } from './types.ts';

const MISSING: KeyValue = { key: '', createRevision: 0, modRevision: 0, version: 0, lease: 0n, value: new Uint8Array(0) };

/**
 * Whether all compares hold at a revision. A compare over a range holds if it holds for each key; of a missing key all numbers are 0,
 * and nothing is true of its value.
 * @param striding a mod revision is also equal if it is the one that the write has at its author's replica
 */
export function compareAll(keyspace: Keyspace, compares: readonly Compare[], revision: number, striding: boolean): boolean {
  for (const compare of compares) if (!holds(keyspace, compare, revision, striding)) return false;
  return true;
}

function holds(keyspace: Keyspace, compare: Compare, revision: number, striding: boolean): boolean {
  if (compare.range.end === undefined) {
    const kv = keyspace.get(compare.range.start, revision);
    return kv === null ? holdsOfMissing(compare) : holdsOf(compare, kv, striding);
  }
  const { kvs } = keyspace.range({ range: compare.range, limit: 0, countOnly: false }, revision);
  if (kvs.length === 0) return holdsOfMissing(compare);
  return kvs.every((kv) => holdsOf(compare, kv, striding));
}

const holdsOfMissing = (compare: Compare): boolean => compare.target !== 'value' && holdsOf(compare, MISSING, false);

function holdsOf(compare: Compare, kv: KeyValue, striding: boolean): boolean {
  let order: number;
  switch (compare.target) {
    case 'version':
      order = kv.version - compare.number;
      break;
    case 'create':
      order = kv.createRevision - compare.number;
      break;
    case 'mod':
      order = kv.modRevision - compare.number;
      // Revisions name their issuer, so this is the very write the client has seen elsewhere, or none.
      if (order !== 0 && striding && (kv as Version).record.originRevision === compare.number) {
        if (compare.result === 'equal') return true;
        if (compare.result === 'notEqual') return false;
      }
      break;
    case 'value':
      order = Buffer.compare(kv.value, compare.value);
      break;
    case 'lease':
      order = kv.lease < compare.lease ? -1 : kv.lease > compare.lease ? 1 : 0;
      break;
  }
  switch (compare.result) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
  }
}
