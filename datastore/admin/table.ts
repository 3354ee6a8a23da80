/** Text tables for people. */

/** Columns as wide as their widest cell, two blanks apart; numbers stand right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => /^[\d.,]+( [KMG]?i?B| s)?$|^$|^-$/.test(row[column] ?? '')));
  return all
    .map((row) => widths.map((width, column) => (numeric[column] === true ? (row[column] ?? '').padStart(width) : (row[column] ?? '').padEnd(width))).join('  ').trimEnd())
    .join('\n');
}

/** 1,234 → '1.2 KiB'. */
export function bytesText(bytes: number): string {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}
