/** The lint rules catch what they are there for: each snippet is linted as if it stood in the named file. */
import { beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';

const cases: readonly (readonly [file: string, code: string, rule: string | null])[] = [
  ['datastore/journal/types.ts', "import '../replica/types.ts';", 'no-restricted-imports'],
  ['datastore/replica/types.ts', "import '../journal/types.ts';", null],
  ['datastore/lease/types.ts', "import '../watch/types.ts';", 'no-restricted-imports'],
  ['datastore/txn/types.ts', "import '../keyspace/types.ts';", null],
  ['datastore/keyspace/types.ts', "import type { Kv } from '../txn/types.ts'; export type X = Kv;", 'no-restricted-imports'],
  ['datastore/keyspace/types.ts', "import '../main.ts';", 'no-restricted-imports'],
  ['datastore/keyspace/types.ts', "import '../testing/sim-clock.ts';", 'no-restricted-imports'],
  ['datastore/replica/types.ts', "import 'node:fs';", 'no-restricted-imports'],
  ['datastore/replica/types.ts', "import 'fs';", 'no-restricted-imports'],
  ['datastore/replica/types.ts', "import { randomBytes } from 'node:crypto'; randomBytes(1);", 'no-restricted-imports'],
  ['datastore/replica/types.ts', "import { createHash } from 'node:crypto'; createHash('sha1');", null],
  ['datastore/host/host.ts', "import 'node:fs';", null],
  ['datastore/replica/types.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['datastore/replica/types.ts', 'export const x = new Date();', 'no-restricted-syntax'],
  ['datastore/replica/types.ts', 'export const x = new Date(0);', null],
  ['datastore/replica/types.ts', 'export const x = Math.random();', 'no-restricted-properties'],
  ['datastore/replica/types.ts', 'setTimeout(() => undefined, 1);', 'no-restricted-globals'],
  ['datastore/replica/types.ts', 'export const x = performance.now();', 'no-restricted-globals'],
  ['datastore/replica/types.ts', 'process.exit(1);', 'no-restricted-properties'],
  ['datastore/host/host.ts', 'setTimeout(() => undefined, 1);', null],
  ['datastore/limits.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['datastore/limits.ts', 'enum A { B } console.log(A.B);', 'no-restricted-syntax'],
  ['datastore/limits.ts', 'export default 1;', 'no-restricted-syntax'],
  ['datastore/limits.ts', 'Promise.resolve(1);', '@typescript-eslint/no-floating-promises'],
  ['operator/desired/kinds.ts', "import '../scale/plan.ts';", 'no-restricted-imports'],
  ['operator/scale/plan.ts', "import '../desired/names.ts';", null],
  ['operator/runtime/queue.ts', "import '../resource/edgestore.ts';", 'no-restricted-imports'],
  ['operator/reconcile/world.ts', "import '../../datastore/store/store.ts';", 'no-restricted-imports'],
  ['operator/reconcile/world.ts', "import '../../datastore/host/host.ts';", null],
  ['operator/scale/plan.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['datastore/limits.ts', 'export {};\n' + '//\n'.repeat(400), 'max-lines'],
];

const PROGRAM = `
import { ESLint } from 'eslint';
const eslint = new ESLint();
const found = [];
for (const [file, code] of ${JSON.stringify(cases)}) {
  const [result] = await eslint.lintText(code, { filePath: file });
  found.push(result.messages.map((message) => message.ruleId));
}
console.log(JSON.stringify(found));
`;

let found: (string | null)[][] = [];
beforeAll(() => {
  found = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' })) as (string | null)[][];
});

test.each(cases.map(([file, code, rule], i) => [i, file, code.slice(0, 60).trim(), rule] as const))('%i: %s: %s → %s', (i, _file, _code, rule) => {
  if (rule === null) expect(found[i]).toEqual([]);
  else expect(found[i]).toContain(rule);
});
