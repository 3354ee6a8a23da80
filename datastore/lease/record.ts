/**
 * Lease records in the system space.
 *
 * `lease/<id>` (id: 16 hex digits of the unsigned 64 bits):
 *
 *     u8   format version, 1
 *     u8   slot of the keeper
 *     u16  0
 *     u32  epoch: one more than in the record that it replaces
 *     f64  granted TTL, seconds
 *
 * `lease-expired/<id>` never has a value. An expiry deletes it before anything else in its record, which tells an expiry from a revocation
 * by whoever reads the record, and goes away by itself as every tombstone does once all members have it.
 * Integers are little-endian. Records carry a CRC of their own.
 */
import type { Key, Write } from '../replica/types.ts';
import { Space } from '../replica/types.ts';

const VERSION = 1;
const BYTES = 16;
const RECORD = 'lease/';
const EXPIRED = 'lease-expired/';

export interface LeaseRecord {
  readonly keeper: number;
  readonly epoch: number;
  /** Seconds. */
  readonly ttl: number;
}

const hex = (id: bigint): string => BigInt.asUintN(64, id).toString(16).padStart(16, '0');

export const recordKey = (id: bigint): Key => RECORD + hex(id);
export const expiredKey = (id: bigint): Key => EXPIRED + hex(id);

/** Which lease a system key speaks of; null: none. */
export function parseKey(key: Key): { id: bigint; expired: boolean } | null {
  const expired = key.startsWith(EXPIRED);
  if (!expired && !key.startsWith(RECORD)) return null;
  const digits = key.slice(expired ? EXPIRED.length : RECORD.length);
  if (!/^[0-9a-f]{16}$/.test(digits)) return null;
  return { id: BigInt.asIntN(64, BigInt(`0x${digits}`)), expired };
}

export function encodeRecord(record: LeaseRecord): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, record.keeper);
  view.setUint32(4, record.epoch, true);
  view.setFloat64(8, record.ttl, true);
  return bytes;
}

/** @throws Error on a format that this version does not know */
export function decodeRecord(bytes: Uint8Array): LeaseRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < BYTES || view.getUint8(0) !== VERSION) throw new Error('lease record of an unknown format');
  return { keeper: view.getUint8(1), epoch: view.getUint32(4, true), ttl: view.getFloat64(8, true) };
}

export const putRecord = (id: bigint, record: LeaseRecord): Write => ({ space: Space.system, key: recordKey(id), value: encodeRecord(record), lease: 0n });
export const deleteRecord = (id: bigint): Write => ({ space: Space.system, key: recordKey(id), value: null, lease: 0n });
export const markExpired = (id: bigint): Write => ({ space: Space.system, key: expiredKey(id), value: null, lease: 0n });
export const deleteKey = (key: Key): Write => ({ space: Space.client, key, value: null, lease: 0n });
