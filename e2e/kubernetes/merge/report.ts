/** The table of all pairs of edits, for people. What chance decides (whose stamp is higher) is not in it, so that it is the same at every run. */
import { edits, expected, reasons, type EditName } from './edits.ts';
import type { PairResult } from './pairs.ts';

const marks = { both: '✓', one: '1', first: '←', second: '↑', none: '✗' } as const;

export function markdown(byField: readonly PairResult[], byObject: readonly PairResult[]): string {
  const names = Object.keys(edits) as EditName[];
  const mark = (row: EditName, column: EditName): string => {
    const found = byField.find(({ first, second }) => (first === row && second === column) || (first === column && second === row));
    if (found === undefined) return '';
    const wanted = expected(found.first, found.second);
    if (wanted === 'one' && (found.outcome === 'first' || found.outcome === 'second')) return marks.one;
    // The row's edit is named first.
    const outcome = found.first === row || found.outcome === 'both' || found.outcome === 'none' ? found.outcome : found.outcome === 'first' ? 'second' : 'first';
    return marks[outcome];
  };
  const lost = (found: readonly PairResult[]): number => found.reduce((sum, { outcome }) => sum + (outcome === 'both' ? 0 : outcome === 'none' ? 2 : 1), 0);
  return `${[
    '# Pairs of edits',
    '',
    'Two sites, cut apart, change the same Deployment, one edit on each side; then the link is back. What the object shows afterwards, on both sides alike. Found, not computed:',
    '`node e2e/kubernetes/merge/main.ts --write` has two real apiservers on two replicas do it, for every pair, and writes this page.',
    '',
    '✓ both edits · 1 one of the two, on all sides the same · ← that of the row · ↑ that of the column · ✗ neither',
    '',
    `| | ${names.map((_, i) => i + 1).join(' | ')} |`,
    `|---|${names.map(() => ':-:').join('|')}|`,
    ...names.map((row, i) => `| ${i + 1} ${edits[row].name} | ${names.map((column) => mark(row, column)).join(' | ')} |`),
    '',
    'Why, where it is not both, or not plain:',
    '',
    ...Object.entries(reasons).map(([pair, why]) => {
      const [first, second] = pair.split(' ') as [EditName, EditName];
      return `- ${edits[first].name} / ${edits[second].name}: ${why}`;
    }),
    '- anything but a finalizer / deletes it: the deletion wins',
    '',
    `Of the ${2 * byField.length} edits, ${lost(byField)} are not in the result. When the later write wins as a whole (\`--merge off\`), ${lost(byObject)} are not.`,
    '',
  ].join('\n')}`;
}
