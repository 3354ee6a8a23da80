/**
 * HashKV: one number for what a replica's keyspace holds at a revision. It covers revisions and versions, which are local, so it
 * tells a replica's state from a broken copy of *its own* state; for comparing replicas there is `logicalDigest`.
 */
import { crc32 } from 'node:zlib';
import type { Clock } from '../host/host.ts';
import type { Keyspace } from '../keyspace/keyspace.ts';
import type { KeyValue } from '../keyspace/types.ts';

const PAGE_KEYS = 500;
const numbers = Buffer.alloc(32);

/** Goes through all keys at `revision`, page by page so that nobody waits long. @throws errCompacted if a compaction overtakes it. */
async function eachKey(clock: Pick<Clock, 'soon'>, keyspace: Keyspace, revision: number, visit: (kv: KeyValue) => void): Promise<void> {
  let start = '\0';
  for (;;) {
    const page = keyspace.page({ start, end: '\0' }, PAGE_KEYS, revision);
    for (const kv of page) visit(kv);
    const last = page.at(-1);
    if (page.length < PAGE_KEYS || last === undefined) return;
    start = `${last.key}\0`;
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
}

/** CRC-32 over keys, revisions, versions, leases and values, in key order. */
export async function hashKv(clock: Pick<Clock, 'soon'>, keyspace: Keyspace, revision: number): Promise<number> {
  let hash = 0;
  await eachKey(clock, keyspace, revision, (kv) => {
    numbers.writeBigUInt64LE(BigInt(kv.createRevision), 0);
    numbers.writeBigUInt64LE(BigInt(kv.modRevision), 8);
    numbers.writeBigUInt64LE(BigInt(kv.version), 16);
    numbers.writeBigInt64LE(kv.lease, 24);
    hash = crc32(kv.value, crc32(numbers, crc32(Buffer.from(kv.key, 'latin1'), hash)));
  });
  return hash;
}

/** CRC-32 over keys, leases and values alone: equal on replicas that hold the same state. */
export async function logicalDigest(clock: Pick<Clock, 'soon'>, keyspace: Keyspace, revision: number, isLocal: (key: string) => boolean): Promise<number> {
  let hash = 0;
  await eachKey(clock, keyspace, revision, (kv) => {
    if (isLocal(kv.key)) return;
    numbers.writeBigInt64LE(kv.lease, 0);
    hash = crc32(kv.value, crc32(numbers.subarray(0, 8), crc32(Buffer.from(kv.key, 'latin1'), hash)));
  });
  return hash;
}
