/**
 * The V1 update of Yjs that appends binary items to the end of an array, made without Yjs.
 *
 *     varuint 1 client, varuint n structs, varuint client, varuint clock of the first
 *     each: u8 info (content 3, binary; 128: it has an origin), origin (varuint client, varuint clock of the item before it), bytes content
 *     varuint 0 clients with deletions
 *
 * As Yjs 13.6 writes it; `LogDoc` compares the two at every use.
 */
import { varuintLength, Writer } from '../bytes.ts';

const BINARY_WITH_ORIGIN = 0x83;

/**
 * @param clock of the first new item
 * @param last clock of the item that is the array's last so far; it is the same client's
 */
export function encodeAppend(client: number, clock: number, last: number, items: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 3 + 2 * varuintLength(client) + varuintLength(clock);
  for (const item of items) size += item.length + 24;
  const w = new Writer(size);
  w.varuint(1).varuint(items.length).varuint(client).varuint(clock);
  let origin = last;
  for (const item of items) {
    w.u8(BINARY_WITH_ORIGIN).varuint(client).varuint(origin).bytes(item);
    origin = origin === last ? clock : origin + 1;
  }
  return new Uint8Array(w.varuint(0).view());
}
