/** What happened, in order: a digest always, so that two runs can be compared; the lines if somebody wants to read them. */
import { crc32 } from 'node:zlib';

export class Trace {
  readonly #print: ((line: string) => void) | null;
  readonly #nowMs: () => number;
  /** The last lines, for a failure's report. */
  readonly last: string[] = [];
  digest = 0;

  constructor(nowMs: () => number, print: ((line: string) => void) | null) {
    this.#nowMs = nowMs;
    this.#print = print;
  }

  say(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(11)} ${who.padEnd(4)} ${what}`;
    this.digest = crc32(line, this.digest);
    this.last.push(line);
    if (this.last.length > 60) this.last.shift();
    this.#print?.(line);
  }
}
