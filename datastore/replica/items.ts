/** The binary items of Yjs, which are what records are made of. */
import * as Y from 'yjs';

type Struct = Y.Item | Y.GC | Y.Skip;

/** How many of the newest structs are looked through for the newest items of an array. */
const LOOK_BACK = 16;

/** What a struct holds; null if it is no binary item, or deleted. */
export const contentOf = (struct: Struct): Uint8Array | null => (struct instanceof Y.Item && struct.content instanceof Y.ContentBinary ? struct.content.content : null);

/**
 * An array's items from an index to its end. As a rule they are the newest structs of its document; Yjs would go through all of the array for them.
 * @param structs all of the document's, in the order of their clocks; its items are only ever appended to arrays
 */
export function itemsFrom(array: Y.Array<Uint8Array>, start: number, structs: readonly Struct[]): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  const count = array.length - start;
  for (let i = structs.length - 1; i >= structs.length - LOOK_BACK && i >= 0 && items.length < count; i--) {
    const struct = structs[i]!;
    const bytes = struct instanceof Y.Item && struct.parent === array ? contentOf(struct) : null;
    if (bytes !== null) items.push(bytes);
  }
  return items.length === count ? items.reverse() : array.slice(start);
}
