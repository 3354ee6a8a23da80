/**
 * What merging by field costs while nothing conflicts: `npm run bench:merge`.
 *
 * Three replicas with `--merge off` and three with `--merge field`, in turn, each with a fresh data directory; the objects are those that a kube-apiserver stored, updated as it
 * updates them: a transaction that compares the revision and puts a value of which little has changed. The median of the ratios of neighbouring runs counts.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { corpus } from '../../../datastore/merge/testing/corpus.ts';
import { change } from '../../../datastore/merge/testing/changes.ts';
import { edgestoreCluster } from '../../support/edgestore.ts';
import { TempDir } from '../../support/temp.ts';
import { Rpc } from '../../robustness/shared/rpc.ts';

const { values: options } = parseArgs({ options: { pairs: { type: 'string', default: '5' }, scale: { type: 'string', default: '1' }, members: { type: 'string', default: '3' }, report: { type: 'boolean', default: false } } });
const scale = Number(options.scale);

const KINDS = ['protobuf apps/v1 Deployment', 'protobuf v1 Pod', 'protobuf v1 Node', 'protobuf apps/v1 ReplicaSet', 'json example.test/v1 Thing'] as const;
const VERSIONS = 16;
const KEYS = 50;
const WARM = Math.round(4_000 * scale);
const ONE = Math.round(3_000 * scale);
const MANY = Math.round(12_000 * scale);
const CLIENTS = 50;

/** Of every kind some versions that differ a little, as the updates of a controller do. */
const kinds = KINDS.map((name) => {
  const value = corpus().get(name);
  if (value === undefined) throw new Error(`the corpus has no ${name}`);
  return { name, versions: Array.from({ length: VERSIONS }, (_, i) => Buffer.from(change(value, { 'metadata/generation': i + 1, 'metadata/annotations/seen': `at ${i}` }))) };
});

interface Figures {
  /** One client: p50 of an update, and of a get, ms. */
  readonly put_ms: number;
  readonly get_ms: number;
  /** 50 clients: updates a second. */
  readonly puts: number;
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function measure(merge: 'off' | 'field'): Promise<Figures> {
  await using dir = TempDir.create('bench-merge');
  await using cluster = await edgestoreCluster({ dir, members: Number(options.members), flags: ['--merge', merge] });
  await cluster.start();
  const endpoint = cluster.endpoints[0] ?? '';
  const rpc = new Rpc(endpoint);
  using cleanup = new DisposableStack();
  cleanup.defer(() => rpc.close());
  const keys = kinds.flatMap(({ versions }, kind) => Array.from({ length: KEYS }, (_, i) => ({ key: `/registry/k${kind}/bench/o${i}`, versions, at: 0, revision: 0 })));
  let next = 0;
  const update = async (object: (typeof keys)[number]): Promise<void> => {
    const { succeeded, header } = await rpc.txn(object, [{ key: object.key, value: object.versions[object.at++ % VERSIONS]! }]);
    if (!succeeded) throw new Error(`${object.key} is not as it was at ${object.revision}`);
    object.revision = Number(header!.revision);
  };
  const nextKey = () => keys[next++ % keys.length]!;
  const timed = async (n: number, work: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < n; i++) {
      const begun = performance.now();
      await work();
      times.push(performance.now() - begun);
    }
    return median(times);
  };
  await timed(WARM, () => update(nextKey()));
  const put_ms = await timed(ONE, () => update(nextKey()));
  const get_ms = await timed(ONE, () => rpc.range(nextKey().key, ''));
  const begun = performance.now();
  // Each client has keys of its own, so that no revision it compares is an old one.
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    const own = keys.filter((_key, i) => i % CLIENTS === client);
    for (let i = 0; i < MANY / CLIENTS; i++) await update(own[i % own.length]!);
  }));
  const puts = (MANY / (performance.now() - begun)) * 1_000;
  return { put_ms, get_ms, puts };
}

const runs: { off: Figures; field: Figures }[] = [];
for (let pair = 0; pair < Number(options.pairs); pair++) {
  // Whoever comes second finds a warmer machine: they take turns in that, too.
  const order = pair % 2 === 0 ? (['off', 'field'] as const) : (['field', 'off'] as const);
  const found = new Map<'off' | 'field', Figures>();
  for (const merge of order) found.set(merge, await measure(merge));
  runs.push({ off: found.get('off')!, field: found.get('field')! });
  console.error(`pair ${pair + 1}: ${JSON.stringify(runs.at(-1), (_, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(3)) : value))}`);
}

const row = (name: string, figure: keyof Figures, digits: number): string => {
  const ratios = runs.map(({ off, field }) => field[figure] / off[figure]);
  const at = (merge: 'off' | 'field'): string => median(runs.map((run) => run[merge][figure])).toFixed(digits);
  return `| ${name} | ${at('off')} | ${at('field')} | **${median(ratios).toFixed(3)}** | ${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)} |`;
};
const text = `# What merging by field costs where nothing conflicts, ${new Date().toISOString().slice(0, 10)}

Written by \`npm run bench:merge -- --report\`: ${options.members} replicas with \`--merge off\` and with \`--merge field\` in turn, ${runs.length} pairs, on ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'an unknown CPU'},
replicas and clients together. Objects as a kube-apiserver stored them (${kinds.map(({ name, versions }) => `${name} ${versions[0]!.length} B`).join(', ')}), an annotation and the
generation changed with each update, in a transaction that compares the revision. Medians; the ratio is the median of the ratios of neighbouring runs.

| | off | field | ratio | of the pairs |
| --- | --- | --- | --- | --- |
${row('update, one client, p50 ms', 'put_ms', 3)}
${row('get, one client, p50 ms', 'get_ms', 3)}
${row(`updates a second, ${CLIENTS} clients`, 'puts', 0)}
`;
console.log(text);
if (options.report) writeFileSync(new URL(`../../../docs/reports/merge-cost-${new Date().toISOString().slice(0, 10)}.md`, import.meta.url), text);
