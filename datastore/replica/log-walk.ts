/**
 * Encodes a log document a piece at a time, while it goes on changing: contiguous ranges of clocks as V1 updates of their own, and at the end
 * all deletions, those made during the walk among them. Together they are what `Y.encodeStateAsUpdate` would give at the end.
 *
 * Yjs encodes only from a clock to the end, with all deletions, in one call that blocks for as long as the document is large. The range is
 * written here in Yjs's V1 format: clients, structs, client, clock, the structs themselves (each by its own `write`), then the delete set.
 */
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { encoderFor, written } from './encoder.ts';

/** How many structs are only looked at, not written, in one call. */
const LOOK = 8_192;
/** What a struct costs besides its content, about. */
const STRUCT_BYTES = 24;

type Struct = Y.Item | Y.GC;

interface Range {
  readonly clock: number;
  readonly len: number;
}

/** One contiguous piece; `update` null: nothing to send, the walk has only come on. */
export interface Piece {
  readonly fromClock: number;
  readonly toClock: number;
  readonly update: Uint8Array | null;
}

const sizeOf = (struct: Struct): number =>
  STRUCT_BYTES + (struct instanceof Y.Item && struct.content instanceof Y.ContentBinary ? struct.content.content.length : 0);

export class LogWalk {
  readonly #doc: Y.Doc;
  readonly #client: number;
  /** The other side has everything below. */
  readonly #from: number;
  #at = 0;
  /** Deleted ranges met, and those deleted meanwhile. */
  readonly #deleted: Range[] = [];
  readonly #onTransaction: (transaction: Y.Transaction) => void;

  constructor(doc: Y.Doc, client: number, from: number) {
    this.#doc = doc;
    this.#client = client;
    this.#from = from;
    this.#onTransaction = ({ deleteSet }) => {
      for (const { clock, len } of deleteSet.clients.get(client) ?? []) this.#deleted.push({ clock, len });
    };
    doc.on('afterTransaction', this.#onTransaction);
  }

  get atEnd(): boolean {
    return this.#at >= Y.getState(this.#doc.store, this.#client);
  }

  /** Goes on by about so many bytes; at least by one struct unless it is at the end. */
  next(bytes: number): Piece {
    const structs = (this.#doc.store.clients.get(this.#client) ?? []) as Struct[];
    const fromClock = this.#at;
    if (this.atEnd) return { fromClock, toClock: fromClock, update: null };
    const first = Y.findIndexSS(structs, fromClock);
    if (fromClock < this.#from) return this.#look(structs, first);
    let end = first;
    let size = 0;
    for (; end < structs.length && size < bytes; end++) {
      size += sizeOf(structs[end]!);
      this.#met(structs[end]!);
    }
    const last = structs[end - 1]!;
    this.#at = last.id.clock + last.length;
    const encoder = new Y.UpdateEncoderV1();
    encoder.restEncoder = encoderFor(size + STRUCT_BYTES * 2);
    encoding.writeVarUint(encoder.restEncoder, 1);
    encoding.writeVarUint(encoder.restEncoder, end - first);
    encoder.writeClient(this.#client);
    encoding.writeVarUint(encoder.restEncoder, fromClock);
    structs[first]!.write(encoder, fromClock - structs[first]!.id.clock);
    for (let i = first + 1; i < end; i++) structs[i]!.write(encoder, 0);
    encoding.writeVarUint(encoder.restEncoder, 0);
    return { fromClock, toClock: this.#at, update: written(encoder.restEncoder) };
  }

  /** All deletions up to now, as an update without structs. */
  deletions(): Uint8Array {
    return encodeDeletions(this.#client, merged(this.#deleted));
  }

  close(): void {
    this.#doc.off('afterTransaction', this.#onTransaction);
  }

  /** Below `from` only deletions are of interest. */
  #look(structs: readonly Struct[], first: number): Piece {
    const fromClock = this.#at;
    for (let i = first; i < structs.length && i < first + LOOK && this.#at < this.#from; i++) {
      const struct = structs[i]!;
      this.#met(struct);
      this.#at = Math.min(struct.id.clock + struct.length, this.#from);
    }
    return { fromClock, toClock: this.#at, update: null };
  }

  #met(struct: Struct): void {
    if (!struct.deleted) return;
    const { clock } = struct.id;
    const last = this.#deleted.at(-1);
    if (last !== undefined && last.clock + last.len === clock) this.#deleted[this.#deleted.length - 1] = { clock: last.clock, len: last.len + struct.length };
    else this.#deleted.push({ clock, len: struct.length });
  }
}

/** Deletions alone, as a V1 update. */
export function encodeDeletions(client: number, ranges: readonly Range[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  const rest = encoder.restEncoder;
  encoding.writeVarUint(rest, 0);
  encoding.writeVarUint(rest, ranges.length === 0 ? 0 : 1);
  if (ranges.length === 0) return encoder.toUint8Array();
  encoding.writeVarUint(rest, client);
  encoding.writeVarUint(rest, ranges.length);
  for (const { clock, len } of ranges) {
    encoding.writeVarUint(rest, clock);
    encoding.writeVarUint(rest, len);
  }
  return encoder.toUint8Array();
}

/**
 * The deletions of an update without structs, in updates that reach over at most `clocks` clocks each, the highest first: what is in a segment
 * goes before the segment, so that no single deletion takes a whole group with it.
 */
export function* cutDeletions(client: number, update: Uint8Array, clocks: number): IterableIterator<Uint8Array> {
  const ranges = merged(Y.decodeUpdate(update).ds.clients.get(client) ?? []);
  let part: Range[] = [];
  let taken = 0;
  for (const { clock, len } of ranges.reverse()) {
    for (let end = clock + len; end > clock; ) {
      const take = Math.min(end - clock, clocks - taken);
      end -= take;
      part.unshift({ clock: end, len: take });
      taken += take;
      if (taken < clocks) continue;
      yield encodeDeletions(client, part);
      part = [];
      taken = 0;
    }
  }
  if (part.length > 0) yield encodeDeletions(client, part);
}

/** In order, neighbours and overlaps as one. */
function merged(ranges: readonly Range[]): Range[] {
  const out: { clock: number; len: number }[] = [];
  for (const { clock, len } of [...ranges].sort((a, b) => a.clock - b.clock)) {
    const last = out.at(-1);
    if (last !== undefined && last.clock + last.len >= clock) last.len = Math.max(last.len, clock + len - last.clock);
    else out.push({ clock, len });
  }
  return out;
}
