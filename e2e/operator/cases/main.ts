/**
 * What happens to an EdgeStore in the course of its life, case by case, on a real cluster: writers at every replica and watchers at each and at the Service all
 * the while. Which cases there are, and where: rows.ts. Several EdgeStores, each in a namespace of its own, go through different cases at the same time.
 *
 *   node e2e/operator/cases/main.ts [--part drains,disks,days,outpost,upgrade] [--name e2e-case] [--keep] [--only REGEXP] [--older COMMIT]
 *
 * --older: the program of that commit is what runs at first and after the way back; otherwise today's, with another version's number.
 */
import { parseArgs } from 'node:util';
import { versionOf } from '../../../hack/image/main.ts';
import { TempDir } from '../../support/temp.ts';
import { RELEASE, SYSTEM, createStore, install, restrictedNamespace } from '../install.ts';
import { ROOT, RealCluster } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { Traffic } from '../traffic/traffic.ts';
import type { Case } from './case.ts';
import { days } from './day-cases.ts';
import { disks } from './disk-cases.ts';
import { drains } from './drain-cases.ts';
import { home, settle } from './harm.ts';
import { OLDER_VERSION, olderChart, olderProgram } from './older.ts';
import { KEPT_S, outpost } from './outpost-case.ts';
import { account, accountText, rows } from './rows.ts';
import type { Row } from './rows.ts';
import { upgrade } from './upgrade-cases.ts';

const PARTS = ['drains', 'disks', 'days', 'outpost', 'upgrade'];
const { values } = parseArgs({
  options: { name: { type: 'string', default: 'e2e-case' }, keep: { type: 'boolean', default: false }, only: { type: 'string' }, part: { type: 'string', default: PARTS.join() }, older: { type: 'string' } },
});
const parts = values.part.split(',');
const unknown = parts.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) throw new Error(`--part ${unknown.join()}: there are ${PARTS.join()}`);

const from = Date.now();
const said = (text: string): void => console.log(`${((Date.now() - from) / 1000).toFixed(0)} s: ${text}`);
const steps = new Steps('operator/cases', values.only);
await using dir = TempDir.create('cases');
await using cluster = await RealCluster.start(values.name, values.keep);
said('the cluster is ready');
const newer = { image: cluster.loadImage('e2e-newer').name, version: versionOf(ROOT) };
const older = { image: cluster.loadImage('e2e-older', OLDER_VERSION, await olderProgram(dir.join('program'), values.older)).name, version: OLDER_VERSION };
// The oldest thing there is: what runs was made by an operator and a chart of before.
const chart = olderChart(dir.join('older'));
await cluster.helm(['upgrade', '--install', RELEASE, chart, '-n', SYSTEM, '--create-namespace', '--wait', '--timeout', '4m', '--set', 'image.tag=e2e-older']);
said('the older chart is installed');

const seen = new Map<string, Row>();
const opened = new Set<string>();

/** An EdgeStore of that name, in a namespace of that name, with its writers and watchers, once it is ready. */
async function open(name: string, replicas: number, spec: object = {}): Promise<Case> {
  opened.add(name);
  await restrictedNamespace(cluster, name);
  await settle(cluster, name, true);
  const store = await createStore(cluster, name, name, {
    replicas,
    nodeSelector: home(name),
    resources: { requests: { cpu: '50m', memory: '128Mi' } },
    // Who is away for longer must get all of it from the others, not the history.
    compaction: { retention: '15s' },
    drainTimeout: '5s',
    terminationGracePeriodSeconds: 30,
    ...spec,
  });
  await store.ready(replicas, 300);
  const traffic = new Traffic(store, { writers: 2, pause_ms: 60, roaming: 1 });
  return {
    cluster, store, traffic,
    step: (row, what, work) => {
      const title = `${name}: ${what}`;
      if (row !== null) seen.set(title, row);
      return steps.run(title, async () => {
        const found = await work();
        const held = await traffic.check();
        return found === undefined ? held : `${found}; ${held}`;
      });
    },
  };
}

/** In the end: every watcher, every acknowledged write. */
async function close({ store, traffic, step }: Case): Promise<void> {
  await step(null, 'in the end: every watcher has everything, every acknowledged write is at every replica', () => traffic.finish());
  if (values.keep) return;
  await cluster.kubectl(['delete', 'edgestore', store.name, '-n', store.namespace, '--timeout=120s']);
  said(`${store.name} is done`);
}

const part = async (what: string, name: string, replicas: number, work: (context: Case) => Promise<void>): Promise<void> => {
  if (!parts.includes(what)) return;
  const context = await open(name, replicas);
  said(`${name} is ready`);
  await work(context);
  await close(context);
};

/** What goes wrong outside of a step is a failure as well, and must not keep the others from ending. */
const guarded = (what: string, work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => steps.run(`${what} could be prepared and cleaned up`, () => Promise.reject(error instanceof Error ? error : new Error(String(error)))));

/** Rolls the operator, and with it every replica of every store: it waits until the others are done. */
const afterwards = async (oldest: Case | undefined): Promise<void> => {
  if (oldest === undefined) return;
  if (parts.includes('upgrade')) {
    await upgrade(oldest, {
      older, newer,
      upgrade: () => install(cluster, '--reset-values', '--set', 'image.tag=e2e-newer', '--set', 'metrics.service.enabled=true'),
      rollback: async () => void await cluster.helm(['rollback', RELEASE, '1', '-n', SYSTEM, '--wait', '--timeout', '4m']),
    });
  }
  await close(oldest);
};

let oldest: Case | undefined;
await Promise.all([
  guarded('outpost', (async () => {
    if (!parts.includes('outpost') && !parts.includes('upgrade')) return;
    oldest = await open('outpost', 3, { compaction: { retention: `${KEPT_S}s` } });
    said('outpost is ready');
    if (parts.includes('outpost')) await outpost(oldest);
  })()),
  guarded('shop', part('drains', 'shop', 3, drains)),
  guarded('depot', part('disks', 'depot', 5, disks)),
  guarded('kiosk', part('days', 'kiosk', 3, days)),
]);
said('all but the upgrade is done');
await guarded('outpost', afterwards(oldest));

const accounts = account(steps.results, seen);
const whole = values.only === undefined && parts.length === PARTS.length;
console.log(`\nCase by case:\n${accountText(whole ? accounts : accounts.filter(({ steps: done }) => done.length > 0))}\n`);
if (whole) {
  await steps.run('every row of the table was seen', () => {
    const lacking = accounts.filter(({ steps: done }) => done.length === 0).map(({ row }) => rows[row]);
    expect(lacking.length === 0, lacking.join('; '));
    return Promise.resolve(`${accounts.length} rows`);
  });
}
if (steps.failed) for (const namespace of opened) await cluster.diagnose(namespace);
await cluster[Symbol.asyncDispose]();
said('the end');
process.exit(steps.failed ? 1 : 0);
