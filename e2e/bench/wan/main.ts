/**
 * etcd and EdgeStore over a wide area: `npm run bench:wan -- [--members 3,5] [--systems etcd,edgestore] [--delay 25] [--puts 2000] [--cut 30] [--lag 10] [--report]`.
 *
 * Needs root: each process gets a hosts file of its own (sites.ts). --report writes docs/reports/wan-DATE.md. Exits 1 if an expectation was missed.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROOT, edgestoreLauncher } from '../../support/edgestore.ts';
import { etcdLauncher } from '../../support/etcd.ts';
import { TempDir } from '../../support/temp.ts';
import { lag } from './lag.ts';
import { latencies, leader, partition } from './phases.ts';
import { report, verdicts } from './report.ts';
import type { Outcome } from './report.ts';
import { Sites } from './sites.ts';

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '3,5' },
    systems: { type: 'string', default: 'etcd,edgestore' },
    delay: { type: 'string', default: '25' },
    puts: { type: 'string', default: '2000' },
    cut: { type: 'string', default: '30' },
    lag: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
    report: { type: 'boolean', default: false },
  },
});
const delay_ms = Number(values.delay);
const started = Date.now();
const outcomes: Outcome[] = [];
/** etcd's client waits for about four one-way delays: as many puts would take it minutes. */
const ETCD_SHARE = 0.06;

for (const members of values.members.split(',').map(Number)) {
  for (const system of values.systems.split(',')) {
    await using dir = TempDir.create('wan');
    const launcher = system === 'etcd' ? etcdLauncher() : edgestoreLauncher();
    await using sites = await Sites.start(launcher, members, delay_ms, dir);
    const puts = Math.max(110, Math.round(Number(values.puts) * (system === 'etcd' ? ETCD_SHARE : 1)));
    const measured = await latencies(sites, puts, system === 'etcd');
    const led = system === 'etcd' ? await leader(sites) : null;
    const lagged = await lag(sites.endpoints, sites.links, Number(values.rate), Number(values.lag));
    const cut = await partition(sites, Number(values.cut));
    outcomes.push({ system: system === 'etcd' ? 'etcd' : 'EdgeStore', members, sites: measured, leader: led, partition: cut, lag: lagged });
    console.error(`${system}, ${members}: put p50 ${measured.map(({ put }) => put.p50_ms.toFixed(2)).join(' ')}, range p50 ${measured.map(({ range }) => range.p50_ms.toFixed(2)).join(' ')}, `
      + `${cut.succeeded}/${cut.attempts} while cut off, converged after ${cut.converge_ms.toFixed(0)} ms, lag ${JSON.stringify(lagged)}`);
  }
}

const command = `npm run bench:wan -- ${process.argv.slice(2).join(' ')}`.trim();
const text = report(outcomes, delay_ms, command, (Date.now() - started) / 1_000);
console.log(text);
if (values.report) writeFileSync(`${ROOT}/docs/reports/wan-${new Date().toISOString().slice(0, 10)}.md`, text);
process.exitCode = verdicts(outcomes, delay_ms).every(({ met }) => met) ? 0 : 1;
