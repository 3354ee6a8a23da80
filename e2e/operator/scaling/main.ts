/**
 * A HorizontalPodAutoscaler that may scale an EdgeStore both ways: from 2 replicas to 5 under reads, and back to 2 when they stop, while writers run at
 * every replica and watchers at each and at the Service. The readers keep their connections: new replicas get their share by spec.maxConnectionAge.
 * With --report it writes docs/reports/autoscaling.md and .svg.
 *
 *   node e2e/operator/scaling/main.ts [--name e2e-hpa] [--keep] [--rate 1200] [--report]
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
import { Readers, SteadyReader } from './readers.ts';
import { Sampler } from './samples.ts';
import type { Sample } from './samples.ts';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'e2e-hpa' }, keep: { type: 'boolean', default: false }, report: { type: 'boolean', default: false },
    rate: { type: 'string', default: '1200' },
  },
});
const MIN = 2;
const MAX = 5;
/** The writers alone keep each of five replicas at 80 to 90m: what is asked for must lie so far above that the autoscaler sees them idle. */
const REQUEST_CORES = 0.15;
const TARGET_PERCENT = 80;
const SAMPLE_MS = 2_000;
const CONNECTION_AGE = '6s';
/** If the load was not enough to want all replicas: so much later the same comes on top. Machines differ. */
const MORE_LOAD_S = 30;
const READERS_MAX = 6;
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
  maxConnectionAge: CONNECTION_AGE,
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
const steady = new SteadyReader(url, `${DATA}000`, 50);
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
let programs = 0;
await steps.run('under reads the autoscaler goes from 2 replicas to 5, and the new ones carry their share', async () => {
  await observe('calm', 60, (_, since) => since > 10);
  mark('reads begin');
  let more_s = 0;
  await observe('five ready replicas', 300, ({ wanted, ready }, since) => {
    if (since >= more_s && wanted < MAX && readers.count < READERS_MAX) {
      void readers.set(readers.count + 1, Number(values.rate));
      more_s += MORE_LOAD_S;
    }
    return ready === MAX;
  });
  mark('5 replicas');
  const first = sampler.samples.length;
  await observe('load on five', 120, (_, since) => since > 30);
  full = sampler.samples.slice(first).filter((sample) => sample.ready === MAX);
  const share = (pod: string): number => full.reduce((sum, sample) => sum + (sample.replicas[pod]?.reads ?? 0), 0);
  const total = Array.from({ length: MAX }, (_, i) => share(`elastic-${i}`));
  const all = total.reduce((sum, value) => sum + value, 0);
  const percent = total.map((value) => (100 * value) / all);
  // No replica has gone: whatever failed, failed because connections were sent away.
  expect(steady.failures.length === 0, `${steady.failures.length} of ${steady.answers} reads of a steady client failed: ${steady.failures.slice(0, 3).join('; ')}`);
  expect(percent.every((value) => value > 4), `shares of reads in percent: ${percent.map((value) => value.toFixed(1)).join(', ')}`);
  return `shares of reads: ${percent.map((value) => `${value.toFixed(0)} %`).join(', ')}; a steady client: ${steady.answers} reads, none failed`;
});

await steps.run('without reads it goes back to 2, one replica after the other, each drained first', async () => {
  mark('reads end');
  programs = readers.count;
  await readers.set(0, 0);
  await observe('two replicas', 600, (sample) => sample.wanted === MIN && sample.ready === MIN && sample.draining === '');
  mark('2 replicas');
  await observe('calm', 60, (_, since) => since > 15);
  await drains.stop();
  await steady.stop();
  expect(drains.problems.length === 0, drains.problems.join('\n'));
  await store.ready(MIN, 60);
  expect(drains.seen.size === MAX - MIN, `seen draining: ${[...drains.seen].join(', ')}`);
  return `seen draining, never two at a time: ${[...drains.seen].join(', ')}; a steady client: ${steady.answers} reads, ${steady.failures.length} not answered`;
});

let summary = '';
await steps.run('all the while: no acknowledged write is lost, no watcher misses an event', async () => (summary = await traffic.finish()));

let events: string[] = [];
await steps.run('Events tell the story', async () => {
  events = await store.events();
  const story = ['ScalingOut: From 2', ...[4, 3, 2].flatMap((n) => [`DrainStarted: Draining elastic-${n}`, `ReplicaRemoved: elastic-${n}`, `ScaledIn: elastic-${n}`])];
  // In this order, whatever else is said in between.
  let at = -1;
  for (const text of story) {
    at = events.findIndex((event, i) => i > at && event.startsWith(text));
    expect(at >= 0, `"${text}" does not follow what came before among\n${events.join('\n')}`);
  }
});

if (values.report) {
  const folder = join(ROOT, 'docs/reports');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'autoscaling.svg'), graph('A HorizontalPodAutoscaler takes an EdgeStore from 2 replicas to 5 and back', sampler.samples, marks, REQUEST_CORES * TARGET_PERCENT / 100));
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
    `\`node e2e/operator/scaling/main.ts --report\` on the real cluster of hack/cluster, one machine of 2 cores that carried everything: control plane, replicas, load, and other work. ${new Date().toISOString().slice(0, 10)}.`,
    `A HorizontalPodAutoscaler on the processor time (target ${TARGET_PERCENT} % of ${REQUEST_CORES * 1000}m), ${MIN} to ${MAX} replicas. Reads: at most ${Number(values.rate) * programs}/s, each a range of ${KEYS} keys of 200 B,`,
    `through the Service, by clients that keep their connections for as long as they may: \`maxConnectionAge: ${CONNECTION_AGE}\`. Writers: two at each replica, all the time. Watchers: one at each replica, three at the Service.`,
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
