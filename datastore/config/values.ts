/** How the text of an option is read: Go's syntax, because the values are those of etcd's scripts. */

/** Go's strconv.ParseBool; undefined if it is none. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000,
};

/** Go's time.ParseDuration ("1h30m", "300ms", "0"), in milliseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  let total_ms = 0;
  for (const [, number, unit] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total_ms += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  return match[1] === '-' ? -total_ms : total_ms;
}

/** An integer as Go's flag package takes it: decimal, 0x, 0o, 0b, underscores. Undefined if it is none or leaves the range. */
export function parseInteger(text: string, min: number, max: number): number | undefined {
  if (!/^[+-]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*)$/.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = Number(text.replace(/^[+-]/, '').replaceAll('_', ''));
  const value = negative ? -digits : digits;
  return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

/** Comma-separated, blanks around the parts removed; '' is no part. */
export function parseList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((part) => part.trim());
}

/** How many single-character edits lead from `a` to `b` (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The candidate most like `word`, if it is alike enough to be what was meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let distance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = editDistance(word, candidate);
    if (d < distance) [best, distance] = [candidate, d];
  }
  return best;
}
