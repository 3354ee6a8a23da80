import type { KeyValue } from '../../keyspace/types.ts';
import type { Writer } from './writer.ts';

/** Everything of a KeyValue but key and value, at most. */
const overheadBytesMax = 80;

/**
 * Writes mvccpb.KeyValue as a field with this one-byte tag.
 * @param keysOnly leaves out value and lease (etcd 3.7)
 */
export function writeKeyValue(w: Writer, tag: number, kv: KeyValue, keysOnly: boolean): void {
  w.reserve(overheadBytesMax + kv.key.length + (keysOnly ? 0 : kv.value.length));
  const before = w.length;
  if (!keysOnly) {
    if (kv.lease !== 0n) {
      w.varintBig(kv.lease);
      w.byte(0x30);
    }
    if (kv.value.length > 0) {
      w.bytes(kv.value);
      w.varint(kv.value.length);
      w.byte(0x2a);
    }
  }
  if (kv.version !== 0) {
    w.varint(kv.version);
    w.byte(0x20);
  }
  if (kv.modRevision !== 0) {
    w.varint(kv.modRevision);
    w.byte(0x18);
  }
  if (kv.createRevision !== 0) {
    w.varint(kv.createRevision);
    w.byte(0x10);
  }
  if (kv.key.length > 0) {
    w.latin1(kv.key);
    w.varint(kv.key.length);
    w.byte(0x0a);
  }
  w.varint(w.length - before);
  w.byte(tag);
}
