/** docs/etcd-suite.md: what of etcd's own suite passes, and why the rest does not. */
import { SEE_CASES } from './expected.ts';
import type { ExpectedFile, Expectations } from './expected.ts';
import type { Status } from './parse.ts';
import type { TargetName } from './target.ts';

const TARGETS: readonly TargetName[] = ['etcd', 'edgestore'];

/** The whole page, from the committed expectations: it changes only when they do. */
export function suitePage(expected: ExpectedFile): string {
  const names = [...new Set(TARGETS.flatMap((target) => Object.keys(expected[target] ?? {})))].sort();
  const top = names.filter((name) => !name.includes('/'));
  const count = (target: TargetName, status: Status, of: readonly string[]): string =>
    expected[target] === undefined ? '–' : String(of.filter((name) => expected[target]?.[name]?.expect === status).length);
  const totals = (['pass', 'skip', 'fail'] as const).map((status) => {
    const cells = TARGETS.flatMap((target) => [count(target, status, top), count(target, status, leaves(names))]);
    return `| ${status} | ${cells.join(' | ')} |`;
  });
  return [
    '# etcd\'s own black-box suite',
    '',
    'The etcd project tests its releases with `go.etcd.io/etcd/tests/v3` (3.7.3, package `common`, tag `e2e`): etcdctl against servers',
    'started from a command line. The same programs run against EdgeStore, started as if it were etcd:',
    '',
    '    npm run e2e:setup -- etcd etcd-suite',
    '    node e2e/compatibility/common/main.ts                (--target etcd for etcd itself, --tls for all TLS cases)',
    '',
    'Written by that command (`--report`) from `e2e/compatibility/common/expected.json`. Without `--tls`, the cases whose name',
    'ends in S (TLS between members) are left out, as they are in etcd\'s own quick run.',
    '',
    '| | etcd: tests | with their cases | EdgeStore: tests | with their cases |',
    '| --- | --- | --- | --- | --- |',
    ...totals,
    '',
    '## Failures',
    '',
    ...section(expected.edgestore, 'fail', 'None.', names.filter((name) => expected.edgestore?.[name]?.reason !== SEE_CASES)),
    '## Skipped',
    '',
    'By the suite itself, for etcd alike, unless said otherwise.',
    '',
    ...section(expected.edgestore ?? expected.etcd, 'skip', 'None.', leaves(names)),
    '## Every test',
    '',
    '| test | etcd | EdgeStore |',
    '| --- | --- | --- |',
    ...names.map((name) => `| ${name} | ${TARGETS.map((target) => expected[target]?.[name]?.expect ?? '–').join(' | ')} |`),
    '',
  ].join('\n');
}

/** Tests without subtests. */
function leaves(names: readonly string[]): string[] {
  return names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
}

function section(expected: Expectations | undefined, status: Status, none: string, of: readonly string[]): string[] {
  const rows = Object.entries(expected ?? {}).filter(([name, { expect }]) => expect === status && of.includes(name));
  if (rows.length === 0) return [none, ''];
  return ['| test | reason |', '| --- | --- |', ...rows.map(([name, { reason }]) => `| ${name} | ${(reason ?? '').replaceAll('|', '\\|')} |`), ''];
}
