/** The table of all pairs of edits, for people. What chance decides (whose stamp is higher) is not in it, so that it is the same at every run. */
import type { PairResult } from './pairs.ts';
import { expected, type Subject } from './subject.ts';

const marks = { both: '✓', one: '1', first: '←', second: '↑', none: '✗' } as const;

/** What was found of one subject, by field and by whole objects. */
export interface Found {
  readonly subject: Subject;
  readonly byField: readonly PairResult[];
  readonly byObject: readonly PairResult[];
}

/** The edits that the objects do not show. */
export const lost = (found: readonly PairResult[]): number => found.reduce((sum, { outcome }) => sum + (outcome === 'both' ? 0 : outcome === 'none' ? 2 : 1), 0);

export function markdown(found: readonly Found[]): string {
  return `${[
    '# Pairs of edits',
    '',
    'Two sites, cut apart, change the same object, one edit on each side; then the link is back. What the object shows afterwards, on both sides alike. Found, not computed:',
    '`node e2e/kubernetes/merge/main.ts --write` has two real apiservers on two replicas do it, for every pair, and writes this page.',
    '',
    '✓ both edits · 1 one of the two, on all sides the same · ← that of the row · ↑ that of the column · ✗ neither',
    ...found.flatMap(section),
    '',
  ].join('\n')}`;
}

function section({ subject, byField, byObject }: Found): string[] {
  const { edits, reasons } = subject;
  const names = Object.keys(edits);
  const mark = (row: string, column: string): string => {
    const pair = byField.find(({ first, second }) => (first === row && second === column) || (first === column && second === row));
    if (pair === undefined) return '';
    const wanted = expected(subject, pair.first, pair.second);
    if (wanted === 'one' && (pair.outcome === 'first' || pair.outcome === 'second')) return marks.one;
    // The row's edit is named first.
    const outcome = pair.first === row || pair.outcome === 'both' || pair.outcome === 'none' ? pair.outcome : pair.outcome === 'first' ? 'second' : 'first';
    return marks[outcome];
  };
  return [
    '',
    `## A ${subject.kind}`,
    '',
    `| | ${names.map((_, i) => i + 1).join(' | ')} |`,
    `|---|${names.map(() => ':-:').join('|')}|`,
    ...names.map((row, i) => `| ${i + 1} ${edits[row]!.name} | ${names.map((column) => mark(row, column)).join(' | ')} |`),
    '',
    'Why, where it is not both, or not plain:',
    '',
    ...Object.entries(reasons).map(([pair, why]) => {
      const [first, second] = pair.split(' ') as [string, string];
      return `- ${edits[first]!.name} / ${edits[second]!.name}: ${why}`;
    }),
    '- anything but a finalizer / deletes it: the deletion wins',
    '',
    `Of the ${2 * byField.length} edits, ${lost(byField)} are not in the result. When the later write wins as a whole (\`--merge off\`), ${lost(byObject)} are not.`,
  ];
}
