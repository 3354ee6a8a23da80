/** What happened, in order: a digest always, so that two runs can be compared; the lines if somebody wants to read them. */
const KEPT = 60;

export class Trace {
  readonly #print: ((line: string) => void) | null;
  readonly #nowMs: () => number;
  /** The last entries, for a failure's report. */
  readonly #last: { readonly atMs: number; readonly who: string; readonly what: string }[] = [];
  #count = 0;
  digest = 0;

  constructor(nowMs: () => number, print: ((line: string) => void) | null) {
    this.#nowMs = nowMs;
    this.#print = print;
  }

  say(who: string, what: string): void {
    const atMs = this.#nowMs();
    const entry = { atMs, who, what };
    this.#last[this.#count++ % KEPT] = entry;
    this.#mix(atMs * 1_024);
    this.#mixText(who);
    this.#mixText(what);
    this.#print?.(line(entry));
  }

  /** Something that happens too often for a line: it counts for the digest alone. */
  count(a: number, b = 0): void {
    this.#mix(this.#nowMs() * 1_024);
    this.#mix(a);
    this.#mix(b);
  }

  /** The last lines. */
  get last(): string[] {
    const from = this.#count % KEPT;
    return [...this.#last.slice(from), ...this.#last.slice(0, from)].map(line);
  }

  #mix(n: number): void {
    this.digest = Math.imul(this.digest ^ n ^ Math.floor(n / 4_294_967_296), 0x01000193) + 1 >>> 0;
  }

  #mixText(text: string): void {
    let h = this.digest;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    this.digest = h >>> 0;
  }
}

const line = ({ atMs, who, what }: { readonly atMs: number; readonly who: string; readonly what: string }): string =>
  `${atMs.toFixed(3).padStart(11)} ${who.padEnd(4)} ${what}`;
