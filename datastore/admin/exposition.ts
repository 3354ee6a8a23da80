/** Reading Prometheus' text format, as far as `status` needs it. */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a scrape; lines that are none are left out. */
export function parseExposition(text: string): Series[] {
  return text.split('\n').flatMap((line): Series[] => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) return [];
    const labels = Object.fromEntries([...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key ?? '', value ?? '']));
    return [{ name: match[1] ?? '', labels, value: Number(match[3]) }];
  });
}
