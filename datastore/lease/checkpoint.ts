/**
 * The note that lets remaining times survive a restart.
 *
 *     u8   format version, 1
 *     f64  lease clock, ms
 *     u32  number of leases, each:
 *       i64  id
 *       f64  deadline on the lease clock, ms
 *
 * Integers are little-endian. The journal adds a CRC.
 */
const VERSION = 1;
const HEADER = 13;
const ENTRY = 16;

export interface Checkpoint {
  readonly clockMs: number;
  readonly deadlines: ReadonlyMap<bigint, number>;
}

export function encodeCheckpoint(clockMs: number, leases: readonly { readonly id: bigint; readonly deadline: number }[]): Uint8Array {
  const bytes = new Uint8Array(HEADER + leases.length * ENTRY);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setFloat64(1, clockMs, true);
  view.setUint32(9, leases.length, true);
  let at = HEADER;
  for (const lease of leases) {
    view.setBigInt64(at, lease.id, true);
    view.setFloat64(at + 8, lease.deadline, true);
    at += ENTRY;
  }
  return bytes;
}

/** @throws Error on a format that this version does not know, or bytes that end early */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER || view.getUint8(0) !== VERSION) throw new Error('lease checkpoint of an unknown format');
  const count = view.getUint32(9, true);
  if (bytes.byteLength < HEADER + count * ENTRY) throw new Error('lease checkpoint is cut off');
  const deadlines = new Map<bigint, number>();
  for (let i = 0; i < count; i++) deadlines.set(view.getBigInt64(HEADER + i * ENTRY, true), view.getFloat64(HEADER + i * ENTRY + 8, true));
  return { clockMs: view.getFloat64(1, true), deadlines };
}
