/**
 * What happens to an EdgeStore in the course of its life, case by case, on a real cluster: writers at every replica and watchers at each and at the Service all
 * the while. After each case: nothing acknowledged is lost, nothing deleted has come back, no watcher has a gap, the replicas hold the same.
 *
 *   node e2e/operator/cases/main.ts [--part drains,disks,upgrade] [--name e2e-case] [--keep] [--only REGEXP]
 */
import { parseArgs } from 'node:util';
import { TempDir } from '../../support/temp.ts';
import { RELEASE, SYSTEM, createStore, install, restrictedNamespace } from '../install.ts';
import { RealCluster } from '../real-cluster.ts';
import { Steps } from '../steps.ts';
import { Traffic } from '../traffic/traffic.ts';
import type { Case } from './case.ts';
import { disks } from './disk-cases.ts';
import { drains } from './drain-cases.ts';
import { olderChart } from './older-chart.ts';
import { upgrade } from './upgrade-cases.ts';

const { values } = parseArgs({
  options: { name: { type: 'string', default: 'e2e-case' }, keep: { type: 'boolean', default: false }, only: { type: 'string' }, part: { type: 'string', default: 'drains,disks,upgrade' } },
});
const parts = values.part.split(',');
const steps = new Steps('operator/cases', values.only);
await using dir = TempDir.create('cases');
await using cluster = await RealCluster.start(values.name, values.keep);
const older = cluster.loadImage('e2e-older');
const newer = cluster.loadImage('e2e-newer');
// The oldest thing there is: what runs was made by an operator and a chart of before.
const chart = olderChart(dir.join('older'));
await cluster.helm(['upgrade', '--install', RELEASE, chart, '-n', SYSTEM, '--create-namespace', '--wait', '--timeout', '4m', '--set', 'image.tag=e2e-older']);
await restrictedNamespace(cluster, 'shop');
const store = await createStore(cluster, 'shop', 'shop', {
  replicas: 3,
  resources: { requests: { cpu: '50m', memory: '128Mi' } },
  // Who is away for longer must get all of it from the others, not the history.
  compaction: { retention: '15s' },
  drainTimeout: '5s',
  terminationGracePeriodSeconds: 30,
});
await store.ready(3, 240);

const traffic = new Traffic(store, { writers: 2, pause_ms: 30, roaming: 2 });
const context: Case = {
  cluster, store, older: older.name, newer: newer.name,
  traffic,
  step: (name, work) => steps.run(name, async () => {
    const said = await work();
    const held = await traffic.check();
    return said === undefined ? held : `${said}; ${held}`;
  }),
  upgradeChart: () => install(cluster, '--reset-values', '--set', 'image.tag=e2e-newer', '--set', 'metrics.service.enabled=true'),
  rollbackChart: async () => void await cluster.helm(['rollback', RELEASE, '1', '-n', SYSTEM, '--wait', '--timeout', '4m']),
};
if (parts.includes('drains')) await drains(context);
if (parts.includes('disks')) await disks(context);
if (parts.includes('upgrade')) await upgrade(context);
await steps.run('in the end: every watcher, every acknowledged write', () => traffic.finish());

if (steps.failed) await cluster.diagnose('shop');
await cluster[Symbol.asyncDispose]();
process.exit(steps.failed ? 1 : 0);
