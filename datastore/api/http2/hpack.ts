/**
 * Header compression. Decoding is complete (static and dynamic table, Huffman). Encoding uses neither table nor Huffman code, so a
 * header block is the same bytes on every connection and can be made once: answers have two or three headers.
 */
import { ConnectionError, ErrorCode } from './constants.ts';
import { HeaderCheck, fieldFault } from './fields.ts';
import { huffmanDecode } from './huffman.ts';
import { staticTable } from './tables.ts';

/** Names in lower case, pseudo headers with their colon. A name that came twice has its values joined. */
export type Headers = Readonly<Record<string, string>>;

/** @param fault why no request or trailer may look like that (RFC 9113, 8.2 and 8.3); '' if nothing is wrong */
export interface HeaderBlock {
  readonly headers: Headers;
  readonly fault: string;
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly fault: string;
}

/** What an entry counts beside its text (RFC 7541, 4.1). */
const entryBytes = 32;
const tableBytesMax = 4_096;
/** Blocks remembered while the table does not change: a client's calls of one method are the same few bytes. */
const rememberedMax = 256;
/** Larger lists are not remembered: a few bytes can stand for a large one. */
const rememberedListBytes = 4_096;

const staticEntries: readonly Entry[] = staticTable.map(([name, value]) => ({ name, value, fault: '' }));

const errHpack = (why: string) => new ConnectionError(ErrorCode.COMPRESSION_ERROR, why);

export class HpackDecoder {
  readonly #listBytesMax: number;
  /** The newest is last. */
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #bytesMax = tableBytesMax;
  readonly #remembered = new Map<string, HeaderBlock>();
  #block: Buffer = Buffer.alloc(0);
  #pos = 0;

  /** @param listBytesMax largest header list, as counted by SETTINGS_MAX_HEADER_LIST_SIZE */
  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax;
  }

  /** Throws `ConnectionError`: after a malformed block the connection's tables are useless. */
  decode(block: Buffer): HeaderBlock {
    const text = block.length <= 128 ? block.toString('latin1') : '';
    const known = this.#remembered.get(text);
    if (known !== undefined && text !== '') return known;
    const headers = Object.create(null) as Record<string, string>;
    this.#block = block;
    this.#pos = 0;
    let listBytes = 0;
    let tableChanged = false;
    let began = false;
    const check = new HeaderCheck();
    while (this.#pos < block.length) {
      const first = block[this.#pos]!;
      let entry: Entry;
      if (first & 0x80) entry = this.#entry(this.#integer(7));
      else if (first & 0x40) {
        entry = this.#literal(6);
        this.#add(entry);
        tableChanged = true;
      } else if (first & 0x20) {
        if (began) throw errHpack('table size changed in the middle of a block');
        const size = this.#integer(5);
        if (size > tableBytesMax) throw errHpack('dynamic table too large');
        this.#bytesMax = size;
        this.#evict();
        tableChanged = true;
        continue;
      } else entry = this.#literal(4);
      began = true;
      const { name, value } = entry;
      listBytes += name.length + value.length + entryBytes;
      if (listBytes > this.#listBytesMax) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'header list too large');
      check.add(entry);
      const before = headers[name];
      headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
    const decoded = { headers, fault: check.fault };
    if (tableChanged) this.#remembered.clear();
    else if (text !== '' && listBytes <= rememberedListBytes && this.#remembered.size < rememberedMax) this.#remembered.set(text, decoded);
    return decoded;
  }

  #literal(prefix: number): Entry {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    const value = this.#string();
    return { name, value, fault: fieldFault(name, value) };
  }

  #entry(index: number): Entry {
    const entry = index <= staticEntries.length ? staticEntries[index - 1] : this.#entries[this.#entries.length - (index - staticEntries.length)];
    if (entry === undefined) throw errHpack(`no header field ${index}`);
    return entry;
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.name.length + entry.value.length + entryBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax) {
      const { name, value } = this.#entries.shift()!;
      this.#bytes -= name.length + value.length + entryBytes;
    }
  }

  #string(): string {
    const huffman = (this.#block[this.#pos]! & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#pos + length;
    if (end > this.#block.length) throw errHpack('string beyond the block');
    const start = this.#pos;
    this.#pos = end;
    return huffman ? huffmanDecode(this.#block.subarray(start, end)) : this.#block.toString('latin1', start, end);
  }

  #integer(prefix: number): number {
    const block = this.#block;
    if (this.#pos >= block.length) throw errHpack('block ends early');
    const mask = 2 ** prefix - 1;
    let value = block[this.#pos++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = block[this.#pos++];
      if (byte === undefined) throw errHpack('block ends early');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw errHpack('integer too large');
  }
}

/** A header block without any compression. `:status`, if any, must come first. */
export function encodeHeaders(headers: Iterable<readonly [name: string, value: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of headers) {
    if (name === ':status' && value === '200') parts.push(Buffer.from([0x88]));
    else if (name === ':status') parts.push(Buffer.from([0x08]), text(value));
    else parts.push(Buffer.from([0]), text(name), text(value));
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
