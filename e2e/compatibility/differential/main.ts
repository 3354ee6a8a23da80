/**
 * The same random requests to real etcd and to EdgeStore; every answer and every event must be the same, revisions included.
 *
 *     node e2e/compatibility/differential/main.ts [--seed N] [--ops N] [--seeds K] [--subject edgestore|etcd] [--no-shrink]
 *
 * K seeds from N on, `ops` operations each, each on two fresh servers. On a difference it prints the seed and the fewest operations that
 * still show it, and exits with 1.
 */
import { parseArgs } from 'node:util';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { etcdCluster } from '../../support/etcd.ts';
import type { Cluster, ClusterOptions, EtcdLike } from '../../support/member.ts';
import { TempDir } from '../../support/temp.ts';
import { describe } from './operations.ts';
import type { Operation } from './operations.ts';
import type { Finding } from './run.ts';
import { compare, compareRandom } from './run.ts';
import { Server } from './server.ts';
import { shrink } from './shrink.ts';

const SHRINK_SECONDS = 120;
/** Operations printed of a failing run: the last ones. */
const PRINTED = 15;
/** etcd needs no stable storage here: nothing is killed. */
const REFERENCE_FLAGS = ['--unsafe-no-fsync'];

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    ops: { type: 'string', default: '20000' },
    seeds: { type: 'string', default: '5' },
    subject: { type: 'string', default: 'edgestore' },
    'no-shrink': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const firstSeed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
const makeSubject = (options: ClusterOptions): Promise<Cluster> => (values.subject === 'etcd' ? etcdCluster({ ...options, flags: REFERENCE_FLAGS }) : edgestoreCluster(options));

/** Runs something against two fresh servers. */
async function onFreshServers<T>(run: (reference: Server, subject: Server) => Promise<T>): Promise<T> {
  await using dir = TempDir.create('differential');
  await using subjectDir = TempDir.create('differential-subject');
  await using reference = await etcdCluster({ dir, flags: REFERENCE_FLAGS });
  await using subject = await makeSubject({ dir: subjectDir });
  await Promise.all([reference.start(), subject.start()]);
  const [member] = subject.members as [EtcdLike];
  const restart = async (kill: boolean): Promise<void> => {
    await (kill ? member.kill() : member.stop());
    await member.start();
  };
  const servers = [new Server(reference.members[0]!.endpoint), new Server(member.endpoint, restart)] as const;
  try {
    return await run(...servers);
  } finally {
    for (const server of servers) server.close();
  }
}

async function report(seed: number, finding: Finding): Promise<void> {
  console.log(`seed ${seed}: a difference after ${finding.operations.length} operations`);
  console.log(`  ${finding.difference}`);
  console.log(`  by ${describe(finding.operations.at(-1)!)}`);
  let least = finding;
  if (!values['no-shrink']) {
    await shrink(
      finding.operations,
      async (operations: readonly Operation[]) => {
        const again = await onFreshServers((reference, subject) => compare(reference, subject, operations));
        if (again === undefined) return false;
        least = again;
        return true;
      },
      performance.now() + SHRINK_SECONDS * 1000,
    );
  }
  console.log(`  fewest operations found, ${least.operations.length}:`);
  for (const operation of least.operations.slice(-PRINTED)) console.log(`    ${describe(operation)}`);
  console.log(`  ${least.difference}`);
  console.log(`  reference: ${JSON.stringify(least.answers[0])}`);
  console.log(`  subject:   ${JSON.stringify(least.answers[1])}`);
}

const results: Result[] = [];
for (let seed = firstSeed; seed < firstSeed + Number(values.seeds); seed++) {
  const started = performance.now();
  const counts = new Map<string, number>();
  const name = `seed ${seed}, ${values.ops} operations`;
  const finding = await onFreshServers((reference, subject) =>
    compareRandom(reference, subject, seed, Number(values.ops), (operation) => {
      counts.set(operation.call, (counts.get(operation.call) ?? 0) + 1);
      if (values.verbose) console.log(describe(operation));
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  results.push({ suite: 'compatibility/differential', name, status: finding === undefined ? 'passed' : 'failed', reason: finding?.difference ?? '', seconds });
  writeResults(results);
  if (finding === undefined) {
    const kinds = [...counts].sort((a, b) => b[1] - a[1]).map(([call, count]) => `${count} ${call}`);
    console.log(`seed ${seed}: the same, ${values.ops} operations in ${seconds.toFixed(0)} s (${kinds.join(', ')})`);
  } else {
    await report(seed, finding);
  }
}
const failed = results.filter((result) => result.status === 'failed').length;
console.log(failed === 0 ? 'no difference' : `${failed} of ${values.seeds} seeds show a difference`);
process.exitCode = failed === 0 ? 0 : 1;
