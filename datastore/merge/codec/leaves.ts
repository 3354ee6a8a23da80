/**
 * Messages of Kubernetes that are one value in JSON: `Time`, `Quantity`, `IntOrString`. Each becomes the leaf that JSON has, if writing that leaf gives
 * back the same bytes; else the leaf holds the message's bytes.
 */
import type { Scalar } from '../schema/types.ts';
import { bytes, NULL, number, string, type Leaf } from '../tree.ts';
import { fromUtf8 } from './utf8.ts';
import { BYTES, VARINT, WireReader, type WireWriter } from './wire.ts';

/** Reads the content of a message field. Throws Malformed. */
export function readMessage(type: Scalar, content: Uint8Array): Leaf {
  if (type === 'opaque') return bytes(content);
  if (type !== 'intOrString' && content.length === 0) return NULL;
  const values = new Map<number, string | Uint8Array>();
  const reader = new WireReader(content);
  while (reader.next()) {
    if (reader.number > 3 || (reader.wireType !== VARINT && reader.wireType !== BYTES) || values.has(reader.number)) return bytes(content);
    values.set(reader.number, reader.wireType === VARINT ? reader.integer() : reader.bytes());
  }
  return leafOf(type, values) ?? bytes(content);
}

function leafOf(type: Scalar, values: ReadonlyMap<number, string | Uint8Array>): Leaf | undefined {
  const [one, two, three] = [values.get(1), values.get(2), values.get(3)];
  switch (type) {
    case 'raw':
      return one instanceof Uint8Array && values.size === 1 ? bytes(one) : undefined;
    case 'quantity':
      return one instanceof Uint8Array && values.size === 1 ? textLeaf(one) : undefined;
    case 'time':
    case 'microTime':
      return typeof one === 'string' && typeof two === 'string' && values.size === 2 ? timeLeaf(type, one, two) : undefined;
    case 'intOrString': {
      if (typeof two !== 'string' || !(three instanceof Uint8Array)) return undefined;
      if (one === '0' && three.length === 0) return number(two);
      return one === '1' && two === '0' ? textLeaf(three) : undefined;
    }
    default: return undefined;
  }
}

function textLeaf(content: Uint8Array): Leaf | undefined {
  const text = fromUtf8(content);
  return text === undefined ? undefined : string(text);
}

/** RFC 3339 as Go writes it: seconds, or six digits of them. */
function timeLeaf(type: 'time' | 'microTime', seconds: string, nanos: string): Leaf | undefined {
  const ms = Number(seconds) * 1000;
  const micros = Number(nanos) / 1000;
  if (!Number.isSafeInteger(ms) || !Number.isInteger(micros) || micros < 0 || micros > 999_999 || (type === 'time' && micros !== 0)) return undefined;
  const date = new Date(ms);
  const iso = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  if (iso.length !== 24) return undefined; // years beyond four digits
  const whole = iso.slice(0, 19);
  return string(type === 'time' ? `${whole}Z` : `${whole}.${String(micros).padStart(6, '0')}Z`);
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Writes the content of a message field. */
export function writeMessage(out: WireWriter, type: Scalar, leaf: Leaf): void {
  if (type === 'raw') return leaf.kind === 'bytes' ? field(out, 1, () => out.raw(leaf.value)) : undefined;
  if (leaf.kind === 'bytes') return out.raw(leaf.value);
  if (type === 'quantity' && leaf.kind !== 'null') return field(out, 1, () => out.text(textOf(leaf)));
  if (type === 'intOrString') {
    const isText = leaf.kind === 'string';
    field(out, 3, () => out.text(isText ? leaf.value : ''));
    integer(out, 2, leaf.kind === 'number' ? leaf.text : '0');
    integer(out, 1, isText ? '1' : '0');
  }
  if ((type === 'time' || type === 'microTime') && leaf.kind === 'string') {
    const [, date, fraction = '', zone] = TIME.exec(leaf.value) ?? [];
    const ms = Date.parse(`${date}${zone}`);
    if (Number.isNaN(ms)) return; // what is no time is the zero time
    integer(out, 2, type === 'time' ? '0' : String(Number(fraction.padEnd(9, '0').slice(0, 6)) * 1000));
    integer(out, 1, String(ms / 1000));
  }
}

function textOf(leaf: Leaf): string {
  return leaf.kind === 'string' ? leaf.value : leaf.kind === 'number' ? leaf.text : leaf.kind === 'bool' ? String(leaf.value) : '';
}

function field(out: WireWriter, number_: number, content: () => void): void {
  const from = out.length;
  content();
  out.close(number_, from);
}

function integer(out: WireWriter, number_: number, text: string): void {
  out.integer(text);
  out.tag(number_, VARINT);
}
