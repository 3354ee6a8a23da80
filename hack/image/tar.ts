/** A tar archive (POSIX ustar, pax headers for long names) whose bytes depend on nothing but what is in it: fixed times, sorted by the caller. */

export interface TarEntry {
  /** Relative, without a leading or trailing slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  /** Permission bits. */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Where a symbolic link points. */
  readonly target?: string;
  /** Owner and group, the same number; 0 if left out. */
  readonly owner?: number;
}

const BLOCK = 512;
const types = { file: '0', link: '2', directory: '5' } as const;

const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

/** A ustar header. Its fields are fixed: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100, magic. */
function header(name: string, type: string, mode: number, size: number, target: string, owner: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, 'utf8');
  block.write(octal(mode, 8), 100, 'latin1');
  block.write(octal(owner, 8), 108, 'latin1');
  block.write(octal(owner, 8), 116, 'latin1');
  block.write(octal(size, 12), 124, 'latin1');
  block.write(octal(0, 12), 136, 'latin1');
  block.write('        ', 148, 'latin1'); // the checksum counts itself as spaces
  block.write(type, 156, 'latin1');
  block.write(target, 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** One pax record: "LENGTH key=value\n", where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

/** The bytes of one entry: its header, its data, padded to whole blocks. */
function encode(entry: TarEntry): Buffer[] {
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const target = entry.target ?? '';
  const data = entry.data ?? Buffer.alloc(0);
  const pax = [
    ...(Buffer.byteLength(name) > 100 ? [paxRecord('path', name)] : []),
    ...(Buffer.byteLength(target) > 100 ? [paxRecord('linkpath', target)] : []),
  ].join('');
  const long = pax === '' ? [] : [header('pax', 'x', 0o644, Buffer.byteLength(pax), '', 0), Buffer.from(pax), padding(Buffer.byteLength(pax))];
  return [...long, header(name, types[entry.kind], entry.mode, data.length, target, entry.owner ?? 0), Buffer.from(data.buffer, data.byteOffset, data.length), padding(data.length)];
}

/** The archive of `entries`, in their order. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(encode), Buffer.alloc(2 * BLOCK)]);
}
