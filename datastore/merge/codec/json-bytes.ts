/**
 * Going through JSON as bytes, without making text of it: members of objects, items of lists. Only JSON as apiserver writes custom resources: no space between
 * tokens, the names of an object in the order of their bytes (so none occurs twice), no escapes in names. All else is `Unusual`.
 *
 * What is passed over is not checked, only measured: whoever compares two texts may pass over what is the same in both, and must read the rest.
 */
import { Unusual } from './errors.ts';
import { DEPTH_MAX } from './json-reader.ts';
import { same } from './same.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;
export const CURLY = 0x7b;
export const SQUARE = 0x5b;
const CURLY_END = 0x7d;
const SQUARE_END = 0x5d;
/** `{` and `[` differ in this bit alone, `}` and `]` too. */
const KIND_BIT = 0x20;

/** Whether text in quotes is what its bytes say: ASCII without escapes and control characters. */
export function isPlainText(data: Uint8Array, from: number, to: number): boolean {
  if (data[from] !== QUOTE || data[to - 1] !== QUOTE || to - from < 2) return false;
  for (let i = from + 1; i < to - 1; i++) {
    const byte = data[i]!;
    if (byte < 0x20 || byte >= 0x7f || byte === BACKSLASH || byte === QUOTE) return false;
  }
  return true;
}

/** Where text that begins with a quote ends, its last quote included. */
function endOfText(data: Uint8Array, from: number, end: number): number {
  for (let at = from + 1; at < end; at++) {
    const byte = data[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  throw new Unusual();
}

/** @param depth of what it stands in */
function endOfValue(data: Uint8Array, from: number, end: number, depth: number): number {
  // Behind a space an object would not be known for one.
  if (data[from]! <= SPACE) throw new Unusual();
  let inside = 0;
  for (let at = from; at < end; at++) {
    const byte = data[at]!;
    if (byte === QUOTE) {
      at = endOfText(data, at, end) - 1;
      if (inside === 0) return at + 1;
    } else if ((byte | KIND_BIT) === CURLY) {
      if (depth + ++inside > DEPTH_MAX) throw new Unusual();
    } else if ((byte | KIND_BIT) === CURLY_END) {
      if (inside === 0) return at;
      if (--inside === 0) return at + 1;
    } else if (byte === COMMA && inside === 0) return at;
  }
  throw new Unusual();
}

/** Goes through an object or a list, a value at a time. */
abstract class Cursor {
  readonly data: Uint8Array;
  /** Of the present value. */
  from: number;
  to: number;
  done = false;
  readonly depth: number;
  protected readonly end: number;
  #first = true;

  /**
   * @param from where its bracket stands
   * @param to behind its closing bracket
   * @param depth its own; 1: the outermost
   */
  constructor(data: Uint8Array, from: number, to: number, depth: number) {
    this.data = data;
    this.from = from;
    this.to = from + 1;
    this.end = to - 1;
    this.depth = depth;
  }

  /** The value is what stands at the other's; else it must be measured. */
  takeLike(other: Cursor): boolean {
    const to = this.from + other.to - other.from;
    const after = this.data[to];
    if (to > this.end || (after !== COMMA && after !== CURLY_END && after !== SQUARE_END) || !same(other.data, other.from, other.to, this.data, this.from, to)) return false;
    this.to = to;
    return true;
  }

  /** Finds where the value ends. */
  measure(): void {
    this.to = endOfValue(this.data, this.from, this.end + 1, this.depth);
    if (this.to === this.from) throw new Unusual();
  }

  /** Where the next value, or the name before it, begins. @returns false behind the last */
  protected step(close: number): boolean {
    const { data, to, end } = this;
    if (to >= end) {
      if (to !== end || data[end] !== close) throw new Unusual();
      this.done = true;
      return false;
    }
    this.from = to;
    if (this.#first) this.#first = false;
    else if (data[this.from++] !== COMMA) throw new Unusual();
    return true;
  }
}

export class Members extends Cursor {
  /** Of the name, its quotes not included. */
  nameFrom = 0;
  nameTo = 0;

  /** Goes to the next name; its value must be measured or taken before the one after that. */
  next(): void {
    const { data } = this;
    const [previousFrom, previousTo] = [this.nameFrom, this.nameTo];
    if (!this.step(CURLY_END)) return;
    if (data[this.from] !== QUOTE) throw new Unusual();
    let at = this.from + 1;
    this.nameFrom = at;
    for (; ; at++) {
      const byte = data[at];
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x20 || byte === BACKSLASH) throw new Unusual();
    }
    this.nameTo = at;
    if (data[at + 1] !== COLON) throw new Unusual();
    this.from = at + 2;
    if (previousFrom > 0 && compareBytes(data, previousFrom, previousTo, data, this.nameFrom, this.nameTo) >= 0) throw new Unusual();
  }

  /** By the order of names. */
  compare(other: Members): number {
    return compareBytes(this.data, this.nameFrom, this.nameTo, other.data, other.nameFrom, other.nameTo);
  }

  isCalled(name: string): boolean {
    if (this.nameTo - this.nameFrom !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.data[this.nameFrom + i] !== name.charCodeAt(i)) return false;
    return true;
  }
}

export class Items extends Cursor {
  /** Goes to the next item, which must be measured or taken before the one after that. */
  next(): void {
    this.step(SQUARE_END);
  }
}

function compareBytes(a: Uint8Array, aFrom: number, aTo: number, b: Uint8Array, bFrom: number, bTo: number): number {
  const length = Math.min(aTo - aFrom, bTo - bFrom);
  for (let i = 0; i < length; i++) {
    const difference = a[aFrom + i]! - b[bFrom + i]!;
    if (difference !== 0) return difference;
  }
  return aTo - aFrom - (bTo - bFrom);
}
