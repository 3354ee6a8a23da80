/**
 * An unmodified Kubernetes control plane, with the apiserver's own cache consistency checker on, on etcd and on EdgeStore in turn.
 *
 *   node e2e/kubernetes/soak/main.ts [--minutes 16] [--pods 1000] [--nodes 100] [--replicas 1|3] [--pause 0] [--only etcd|edgestore] [--record]
 *
 * Passes when every step ends, no program crashes, the checker succeeded (in 15 minutes or more) and failed never, and EdgeStore's run
 * has no kind of error line that no run on etcd had. Which lines those are is kept in etcd-errors.json beside this file: no single run shows
 * all that timing can bring about. --record adds what this run on etcd showed. --pause: seconds of rest after each round.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { etcdCluster } from '../../support/etcd.ts';
import { TempDir } from '../../support/temp.ts';
import { ControlPlane } from '../control-plane.ts';
import { errorLines } from '../error-lines.ts';
import { churn, createNodes } from '../scenario.ts';
import type { Timings } from '../scenario.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '16' },
    pods: { type: 'string', default: '1000' },
    nodes: { type: 'string', default: '100' },
    replicas: { type: 'string', default: '1' },
    pause: { type: 'string', default: '0' },
    only: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});
const KNOWN = new URL('etcd-errors.json', import.meta.url);
const minutes = Number(values.minutes);
const pods = Number(values.pods);
const nodes = Number(values.nodes);
const replicas = Number(values.replicas);
const pause_s = Number(values.pause);

interface Outcome {
  readonly errors: Map<string, number>;
  readonly problems: string[];
}

async function soak(kind: 'etcd' | 'edgestore'): Promise<Outcome> {
  await using dir = TempDir.create(`soak-${kind}`);
  await using store = await (kind === 'etcd' ? etcdCluster : edgestoreCluster)({ dir, members: replicas });
  await store.start();
  const problems: string[] = [];
  await using plane = await ControlPlane.create({ dir, name: 'a', etcd: store.endpoints[0] ?? '' });
  console.log(`${kind}: apiserver ready after ${await plane.start()} s`);
  const end = Date.now() + minutes * 60_000;
  await createNodes(plane.api, nodes);
  const rounds: Timings[] = [];
  do {
    try {
      const timings = await churn(plane.api, `churn-${rounds.length}`, pods);
      rounds.push(timings);
      console.log(`${kind}: round ${rounds.length} ${JSON.stringify(timings)}`);
    } catch (error) {
      problems.push(`round ${rounds.length + 1}: ${String(error)}`);
    }
    problems.push(...plane.ended());
    if (problems.length === 0) await sleep(pause_s * 1_000);
  } while (problems.length === 0 && Date.now() < end - 60_000);
  while (problems.length === 0 && Date.now() < end) await sleep(1_000);
  const check = (status: string): Promise<number> =>
    plane.metric('apiserver_storage_consistency_checks_total', (labels) => labels.includes(`status="${status}"`));
  const [success, failure, error] = await Promise.all([check('success'), check('failure'), check('error')]);
  console.log(`${kind}: consistency checks: ${success} success, ${failure} failure, ${error} error`);
  if (success === 0 && minutes >= 15) problems.push('the consistency checker never succeeded');
  if (failure > 0) problems.push(`the consistency checker failed ${failure} times`);
  problems.push(...plane.ended());
  return { errors: errorLines(plane.programs), problems };
}

const known = new Set(JSON.parse(readFileSync(KNOWN, 'utf8')) as string[]);
const results: Result[] = [];
for (const kind of ['etcd', 'edgestore'] as const) {
  if (values.only !== undefined && values.only !== kind) continue;
  const started = Date.now();
  const { errors, problems } = await soak(kind);
  console.log(`${kind}: ${errors.size} kinds of error lines`);
  for (const [line, count] of errors) console.log(`  ${count} × ${line}`);
  if (kind === 'etcd') for (const line of errors.keys()) known.add(line);
  else for (const line of errors.keys()) if (!known.has(line)) problems.push(`an error line that no run on etcd had: ${line}`);
  for (const problem of problems) console.log(`${kind}: PROBLEM: ${problem}`);
  results.push({
    suite: 'kubernetes/soak', name: `${pods} pods, ${minutes} min on ${kind} × ${replicas}`, status: problems.length === 0 ? 'passed' : 'failed',
    reason: problems.join('; '), seconds: (Date.now() - started) / 1000,
  });
}
if (values.record) writeFileSync(KNOWN, `${JSON.stringify([...known].sort(), null, 2)}\n`);
writeResults(results);
process.exitCode = results.every(({ status }) => status === 'passed') ? 0 : 1;
