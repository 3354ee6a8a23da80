/** The lag of each pair of replicas, as a table for people. */
import type { Link } from './figures.ts';
import { textTable } from './table.ts';

export interface Row {
  readonly name: string;
  /** undefined: it could not be asked. */
  readonly links: readonly Link[] | undefined;
}

/**
 * A row for each replica that writes, a column for each that should hold it: seconds, `-` for itself and for who is no peer of it, `?` for what nobody
 * could be asked. An `x` stands beside a link that is down.
 */
export function lagTable(rows: readonly Row[]): string {
  const known = rows.map(({ name }) => name);
  const others = rows.flatMap(({ links }) => (links ?? []).map(({ peer }) => peer)).filter((peer) => !known.includes(peer));
  const columns = [...known, ...new Set(others)];
  const cell = ({ links }: Row, column: string): string => {
    if (links === undefined) return '?';
    const link = links.find(({ peer }) => peer === column);
    return link === undefined ? '-' : `${link.lagSeconds.toFixed(1)}${link.connected ? '' : ' x'}`;
  };
  return textTable(['WRITTEN AT', ...columns], rows.map((row) => [row.name, ...columns.map((column) => cell(row, column))]));
}
