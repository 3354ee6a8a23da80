/** Answers as plain data that can be compared and printed. */

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain };

/** These differ between servers; only whether they are set is compared (nested headers have none). */
const IDENTITIES = new Set(['cluster_id', 'member_id', 'raft_term']);

/**
 * A decoded message: bytes as text, 64-bit integers as decimal text, fields of value zero left out, as proto3 does.
 * Fields that the interface definition does not know are kept: they would be a difference, too.
 */
export function plain(message: unknown, field = ''): Plain {
  if (message === null || message === undefined) return null;
  if (typeof message === 'bigint') return IDENTITIES.has(field) ? 'set' : message.toString();
  if (message instanceof Uint8Array) return text(message);
  if (Array.isArray(message)) return message.map((item) => plain(item));
  if (typeof message !== 'object') return message as boolean | number | string;
  const out: { [name: string]: Plain } = {};
  for (const [name, value] of Object.entries(message)) {
    if (value === undefined || value === 0 || value === 0n || value === false || value === '') continue;
    if ((value instanceof Uint8Array || Array.isArray(value)) && value.length === 0) continue;
    const item = plain(value, name);
    if (name === '_unknownFields' && Object.keys(item as object).length === 0) continue;
    out[name] = item;
  }
  return out;
}

/** Bytes as readable text; long values by length and checksum. */
export function text(bytes: Uint8Array): string {
  if (bytes.length > 100) {
    let sum = 0;
    for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
    return `<${bytes.length} bytes, ${sum}>`;
  }
  return Buffer.from(bytes).toString('latin1');
}

/** Where two plain values differ first, or undefined. */
export function difference(a: Plain | undefined, b: Plain | undefined, path = ''): string | undefined {
  if (a === b) return undefined;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const found = difference(a[i], b[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isObject(a) && isObject(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = difference(a[name], b[name], path === '' ? name : `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return `${path}: ${show(a)} against ${show(b)}`;
}

const isObject = (value: Plain | undefined): value is { [name: string]: Plain } => typeof value === 'object' && value !== null && !Array.isArray(value);
const show = (value: Plain | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));
