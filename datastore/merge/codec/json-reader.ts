/**
 * JSON, kept as it stood where JavaScript's own parser would lose something: the digits of numbers, the text of what is not looked into.
 * Strict (RFC 8259), of bounded depth; throws Malformed.
 */
import { Malformed } from './errors.ts';

/** Objects and lists inside of each other. */
export const DEPTH_MAX = 128;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const UNPLAIN = /[\u0000-\u001f\\]/;
const SPACE = /[ \t\n\r]*/y;

/**
 * Where a string ends: its last quote. Throws Malformed.
 * @param from where its first quote stands
 */
export function endOfText(text: string, from: number): number {
  let end = text.indexOf('"', from + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  if (end < 0) throw new Malformed('cut off');
  return end;
}

/** Whether an odd number of backslashes stands before a position. */
function isEscaped(text: string, position: number): boolean {
  let from = position;
  while (text.charCodeAt(from - 1) === 0x5c) from--;
  return (position - from) % 2 === 1;
}

/** Walks over a text. The caller decides, value by value, what to make of it. */
export class JsonReader {
  readonly text: string;
  position: number;
  private depth = 0;

  constructor(text: string, position = 0) {
    this.text = text;
    this.position = position;
  }

  /** The first character of the next value. Where it leads: `{`, `[`, `"`, `t`, `f`, `n`, or a number. */
  peek(): string {
    this.space();
    return this.text[this.position] ?? '';
  }

  /** Reads an object; `each` must read the value of its key. */
  object(each: (key: string) => void): void {
    this.enter('{');
    if (this.peek() === '}') return this.leave();
    for (;;) {
      if (this.peek() !== '"') throw new Malformed('a key is no string');
      const key = this.string();
      this.space();
      this.take(':');
      each(key);
      if (this.peek() === '}') return this.leave();
      this.take(',');
    }
  }

  /** Reads a list; `each` must read one item. */
  array(each: () => void): void {
    this.enter('[');
    if (this.peek() === ']') return this.leave();
    for (;;) {
      each();
      if (this.peek() === ']') return this.leave();
      this.take(',');
    }
  }

  string(): string {
    this.space();
    const from = this.position;
    if (this.text[from] !== '"') throw new Malformed(`not a string at ${from}`);
    const end = endOfText(this.text, from);
    this.position = end + 1;
    const content = this.text.slice(from + 1, end);
    if (!UNPLAIN.test(content)) return content;
    try {
      return JSON.parse(this.text.slice(from, end + 1)) as string;
    } catch {
      throw new Malformed(`not a string at ${from}`);
    }
  }

  /** The digits, as they stand. */
  number(): string {
    this.space();
    return this.match(NUMBER);
  }

  word(word: 'true' | 'false' | 'null'): void {
    this.space();
    if (!this.text.startsWith(word, this.position)) throw new Malformed(`not ${word}`);
    this.position += word.length;
  }

  /** Passes over a value; returns its text. */
  skip(): string {
    this.space();
    const from = this.position;
    this.value();
    return this.text.slice(from, this.position);
  }

  private value(): void {
    switch (this.peek()) {
      case '{': return this.object(() => this.value());
      case '[': return this.array(() => this.value());
      case '"': return void this.string();
      case 't': return this.word('true');
      case 'f': return this.word('false');
      case 'n': return this.word('null');
      default: this.number();
    }
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match === null) throw new Malformed(`not JSON at ${this.position}`);
    this.position = pattern.lastIndex;
    return match[0];
  }

  private space(): void {
    const code = this.text.charCodeAt(this.position);
    if (code > 0x20) return;
    SPACE.lastIndex = this.position;
    SPACE.exec(this.text);
    this.position = SPACE.lastIndex;
  }

  private enter(open: string): void {
    this.space();
    this.take(open);
    if (++this.depth > DEPTH_MAX) throw new Malformed('nested too deeply');
  }

  private leave(): void {
    this.position++;
    this.depth--;
  }

  private take(character: string): void {
    if (this.text[this.position] !== character) throw new Malformed(`no ${character} at ${this.position}`);
    this.position++;
  }
}
