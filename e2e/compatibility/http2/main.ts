/**
 * h2spec, the conformance tests of HTTP/2 and HPACK, against a real process.
 *
 *   node e2e/compatibility/http2/main.ts
 *
 * accepted.json names the tests that may fail, each with its reason; one that passes although it stands there fails, so that the list stays true.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countLine, writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';
import { parseReport } from './report.ts';

const accepted = JSON.parse(readFileSync(fileURLToPath(new URL('accepted.json', import.meta.url)), 'utf8')) as Readonly<Record<string, string>>;
/** How long a test waits for what it expects. Only those that fail wait. */
const TEST_TIMEOUT_S = '5';

await using dir = TempDir.create('http2');
// One test opens as many streams as are allowed, and one more.
await using cluster = await edgestoreCluster({ dir, flags: ['--max-concurrent-streams', '100'] });
await cluster.start();
const member = cluster.members[0];
if (member === undefined) throw new Error('no member');
const { pid } = member;
const report = dir.join('h2spec.xml');
const { stdout, stderr } = await run(tool('h2spec'), [
  '-h', '127.0.0.1', '-p', new URL(member.endpoint).port, '-P', '/etcdserverpb.KV/Range', '-o', TEST_TIMEOUT_S, '--junit-report', report,
], { timeout_ms: 180_000 });

const tests = parseReport(readFileSync(report, 'utf8'));
if (tests.length < 100) throw new Error(`h2spec ran ${tests.length} tests only:\n${stdout}${stderr}`);
const results = tests.map(({ name, failure, seconds }): Result => {
  const reason = accepted[name];
  const result = { suite: 'compatibility/http2', name, seconds };
  if (reason === undefined) return { ...result, status: failure === '' ? 'passed' : 'failed', reason: failure };
  return { ...result, status: failure === '' ? 'failed' : 'passed', reason: failure === '' ? 'passes, but stands in accepted.json' : '' };
});
for (const name of Object.keys(accepted)) {
  if (!tests.some((test) => test.name === name)) results.push({ suite: 'compatibility/http2', name, status: 'failed', reason: 'stands in accepted.json, but there is no such test', seconds: 0 });
}
// Whoever answers now is the process that was started.
const alive = (await fetch(`${member.endpoint}/health`)).ok && member.pid === pid;
results.push({ suite: 'compatibility/http2', name: 'the server still serves', status: alive ? 'passed' : 'failed', reason: alive ? '' : 'it does not', seconds: 0 });
for (const { name, status, reason } of results) if (status === 'failed') console.log(`failed: ${name}: ${reason}`);
console.log(`h2spec: ${countLine(results)}, of them ${Object.keys(accepted).length} deviations that are accepted`);
writeResults(results);
process.exitCode = results.some(({ status }) => status === 'failed') ? 1 : 0;
