/**
 * A HorizontalPodAutoscaler that may scale an EdgeStore both ways: from 2 replicas to 5 under reads, and back to 2 when they stop, while writers run at
 * every replica and watchers at each and at the Service. Writes docs/reports/autoscaling.md and .svg with --report.
 *
 *   node e2e/operator/scaling/main.ts [--name e2e-hpa] [--keep] [--readers 6] [--rate 400] [--report]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rpc } from '../../robustness/shared/rpc.ts';
import { DrainWatch, createStore, install, restrictedNamespace } from '../install.ts';
import { ROOT, RealCluster } from '../real-cluster.ts';
import { Steps, expect } from '../steps.ts';
import { prefixEnd } from '../store.ts';
import { Traffic } from '../traffic/traffic.ts';
import { graph } from './graph.ts';
import type { Mark } from './graph.ts';
import { Readers } from './readers.ts';
import { Sampler } from './samples.ts';
import type { Sample } from './samples.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'e2e-hpa' }, keep: { type: 'boolean', default: false }, report: { type: 'boolean', default: false },
    readers: { type: 'string', default: '6' }, rate: { type: 'string', default: '400' },
  },
});
const MIN = 2;
const MAX = 5;
const REQUEST_CORES = 0.1;
const TARGET_PERCENT = 80;
const SAMPLE_MS = 2_000;
const DATA = '/data/';
/** Of one read. */
const KEYS = 100;

const steps = new Steps('operator/scaling');
const namespace = 'elastic';
await using cluster = await RealCluster.start(values.name, values.keep);
cluster.loadImage();
await install(cluster);
await restrictedNamespace(cluster, namespace);
const store = await createStore(cluster, namespace, 'elastic', {
  replicas: MIN,
  autoscaling: {
    minReplicas: MIN, maxReplicas: MAX, targetCPUUtilizationPercentage: TARGET_PERCENT,
    // Quicker than anybody would want it: the test is not about patience.
    behavior: { scaleDown: { stabilizationWindowSeconds: 15, policies: [{ type: 'Pods', value: 3, periodSeconds: 15 }] } },
  },
  resources: { requests: { cpu: `${REQUEST_CORES * 1000}m`, memory: '128Mi' } },
  // All clients of this test have one address.
  service: { sessionAffinity: 'None' },
});
await store.ready(MIN, 240);
const url = await store.clientUrl();
const rpc = new Rpc(url);
for (let i = 0; i < KEYS; i++) await rpc.put(`${DATA}${String(i).padStart(3, '0')}`, 'x'.repeat(200));
rpc.close();

const traffic = new Traffic(store, { writers: 2, pause_ms: 200, roaming: 3 });
const drains = new DrainWatch(store);
const readers = new Readers(url, [DATA, prefixEnd(DATA)]);
const sampler = new Sampler(store, traffic.meter);
const marks: Mark[] = [];
const mark = (text: string): void => {
  marks.push({ t: sampler.t, text });
  console.log(`${sampler.t.toFixed(0)} s: ${text}`);
};

/** Samples until `done` says so. Throws after `limit_s`. */
async function observe(what: string, limit_s: number, done: (sample: Sample, since_s: number) => boolean): Promise<void> {
  const from = sampler.t;
  for (;;) {
    const sample = await sampler.look().catch(() => undefined);
    if (sample !== undefined) {
      console.log(`${sample.t.toFixed(0)} s: wanted ${sample.wanted}, ready ${sample.ready}${sample.draining === '' ? '' : `, ${sample.draining} drains`}; ${Object.entries(sample.replicas).map(([pod, { reads, cpu }]) => `${pod} ${reads.toFixed(0)}/s ${(cpu * 1000).toFixed(0)}m`).join(', ')}; writes p50 ${sample.writes.write_ms_p50.toFixed(1)} ms`);
      if (done(sample, sampler.t - from)) return;
    }
    if (sampler.t - from > limit_s) throw new Error(`${what}: not after ${limit_s} s`);
    await sleep(SAMPLE_MS);
  }
}

let full: readonly Sample[] = [];
await steps.run('under reads the autoscaler goes from 2 replicas to 5, and the new ones carry their share', async () => {
  await observe('calm', 60, (_, since) => since > 10);
  mark('reads begin');
  await readers.set(Number(values.readers), Number(values.rate));
  await observe('five ready replicas', 480, (sample) => sample.ready === MAX);
  mark('5 replicas');
  const first = sampler.samples.length;
  await observe('load on five', 120, (_, since) => since > 40);
  full = sampler.samples.slice(first).filter((sample) => sample.ready === MAX);
  const share = (pod: string): number => full.reduce((sum, sample) => sum + (sample.replicas[pod]?.reads ?? 0), 0);
  const total = Array.from({ length: MAX }, (_, i) => share(`elastic-${i}`));
  const all = total.reduce((sum, value) => sum + value, 0);
  const percent = total.map((value) => (100 * value) / all);
  expect(percent.every((value) => value > 4), `shares of reads in percent: ${percent.map((value) => value.toFixed(1)).join(', ')}`);
  return `shares of reads: ${percent.map((value) => `${value.toFixed(0)} %`).join(', ')}`;
});

await steps.run('without reads it goes back to 2, one replica after the other, each drained first', async () => {
  mark('reads end');
  await readers.set(0, 0);
  await observe('two replicas', 600, (sample) => sample.wanted === MIN && sample.ready === MIN && sample.draining === '');
  mark('2 replicas');
  await observe('calm', 60, (_, since) => since > 15);
  await drains.stop();
  expect(drains.problems.length === 0, drains.problems.join('\n'));
  await store.ready(MIN, 60);
  return `seen draining: ${[...drains.seen].sort().join(', ')}`;
});

let summary = '';
await steps.run('all the while: no acknowledged write is lost, no watcher misses an event', async () => (summary = await traffic.finish()));

let events: string[] = [];
await steps.run('Events tell the story', async () => {
  events = await store.events();
  const missing = [2, 3, 4].flatMap((n) => [`DrainStarted: Draining elastic-${n}`, `ReplicaRemoved: elastic-${n}`, `ScaledIn: elastic-${n}`]).concat('ScalingOut: From').filter((text) => !events.some((event) => event.startsWith(text)));
  expect(missing.length === 0, `missing: ${missing.join('; ')} among\n${events.join('\n')}`);
});

if (values.report) {
  const folder = join(ROOT, 'docs/reports');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'autoscaling.svg'), graph(`${values.readers} readers, 2 → 5 → 2 replicas`, sampler.samples, marks, REQUEST_CORES * TARGET_PERCENT / 100));
  const mean = (from: readonly Sample[], what: (sample: Sample) => number): string => (from.length === 0 ? '–' : (from.reduce((total, sample) => total + what(sample), 0) / from.length).toFixed(1));
  const phases: [string, readonly Sample[]][] = [
    ['before the reads', sampler.samples.filter(({ t }) => t < (marks[0]?.t ?? 0))],
    ['reads, until 5 are ready', sampler.samples.filter(({ t }) => t >= (marks[0]?.t ?? 0) && t < (marks[1]?.t ?? 0))],
    ['reads at 5', full],
    ['after the reads', sampler.samples.filter(({ t }) => t >= (marks[2]?.t ?? Infinity))],
  ];
  writeFileSync(join(folder, 'autoscaling.md'), [
    '# An autoscaler that scales both ways',
    '',
    `\`npm run e2e -- --only operator/scaling\` on the real cluster of hack/cluster, one machine of 2 cores that carried everything: control plane, replicas, load, and other work. ${new Date().toISOString().slice(0, 10)}.`,
    `A HorizontalPodAutoscaler on the processor time (target ${TARGET_PERCENT} % of ${REQUEST_CORES * 1000}m), ${MIN} to ${MAX} replicas. Reads: ${values.readers} readers of at most ${values.rate}/s, each a range of ${KEYS} keys of 200 B,`,
    'through the Service, with a new connection every few seconds. Writers: two at each replica, all the time. Watchers: one at each replica, three at the Service.',
    '',
    '![load, replicas and latency over time](autoscaling.svg)',
    '',
    '| phase | replicas ready | reads/s | writes/s | write p50 ms | write p99 ms |',
    '|---|---|---|---|---|---|',
    ...phases.map(([name, part]) => `| ${name} | ${mean(part, ({ ready }) => ready)} | ${mean(part, ({ replicas }) => Object.values(replicas).reduce((total, { reads }) => total + reads, 0))} | ${mean(part, ({ writes }) => writes.writes / (SAMPLE_MS / 1000))} | ${mean(part, ({ writes }) => writes.write_ms_p50)} | ${mean(part, ({ writes }) => writes.write_ms_p99)} |`),
    '',
    ...steps.results.map(({ name, status, seconds }) => `- ${status}: ${name} (${seconds.toFixed(0)} s)`),
    '',
    `${summary}.`,
    '',
    'Marks:',
    '',
    ...marks.map(({ t, text }) => `- ${t.toFixed(0)} s: ${text}`),
    '',
    'Events of the EdgeStore:',
    '',
    ...events.map((event) => `    ${event}`),
    '',
  ].join('\n'));
}
if (steps.failed) await cluster.diagnose(namespace);
await cluster[Symbol.asyncDispose]();
process.exit(steps.failed ? 1 : 0);
