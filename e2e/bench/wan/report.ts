/** Tables of what main.ts has measured. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { median } from '../table.ts';
import type { Lag } from './lag.ts';
import type { Partition, SiteLatency } from './phases.ts';

export interface Outcome {
  readonly system: 'etcd' | 'EdgeStore';
  readonly members: number;
  readonly sites: readonly SiteLatency[];
  readonly leader: number | null;
  readonly partition: Partition;
  readonly lag: Lag;
}

const show = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2));
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const name = ({ system, members }: Outcome): string => `${system}, ${members}`;

/** Put p50 at a site that has no leader: the middle one of those. */
export function followerPut(outcome: Outcome, what: 'put' | 'paced' = 'put'): number {
  return median(outcome.sites.filter((_, site) => site !== outcome.leader).map((site) => site[what].p50_ms));
}

/** One line for each system and number of members. */
export function summary(outcomes: readonly Outcome[]): string {
  const range = (outcome: Outcome): number => median(outcome.sites.filter((_, site) => site !== outcome.leader).map((site) => site.range.p50_ms));
  return table(['', 'put p50 at a follower\'s site', 'range p50 there', 'served while cut off', 'converged after healing'], outcomes.map((outcome) => [
    name(outcome), `${show(followerPut(outcome))} ms`, `${show(range(outcome))} ms`,
    `${((100 * outcome.partition.succeeded) / outcome.partition.attempts).toFixed(0)} % of ${outcome.partition.attempts}`, `${(outcome.partition.converge_ms / 1_000).toFixed(1)} s`,
  ]));
}

/** Each expectation, and whether it was met. */
export function verdicts(outcomes: readonly Outcome[], delay_ms: number): { readonly text: string; readonly met: boolean }[] {
  return outcomes.filter(({ system }) => system === 'EdgeStore').flatMap((outcome) => {
    const etcd = outcomes.find(({ system, members }) => system === 'etcd' && members === outcome.members);
    const ratio = etcd === undefined ? Number.NaN : followerPut(etcd) / followerPut(outcome);
    const paced = etcd === undefined ? Number.NaN : followerPut(etcd, 'paced') / followerPut(outcome, 'paced');
    const { partition, lag } = outcome;
    return [
      ...(etcd === undefined ? [] : [{ text: `${outcome.members} replicas: put p50 is ${ratio.toFixed(0)} times lower than at a follower's site of etcd (expected: at least 100); ${paced.toFixed(0)} times while clients at all sites ask at the same time, 40 times a second each`, met: ratio >= 100 }]),
      { text: `${outcome.members} replicas: ${partition.succeeded} of ${partition.attempts} puts answered while cut off (expected: all)`, met: partition.succeeded === partition.attempts },
      { text: `${outcome.members} replicas: lag p99 ${show(lag.p99_ms)} ms at ${lag.rate_per_s.toFixed(0)} writes/s (expected: at most ${delay_ms + 30}; control: ${show(lag.control.p99_ms)})`, met: lag.p99_ms <= delay_ms + 30 },
    ];
  });
}

function lagRow(outcome: Outcome): string[] {
  const { rate_per_s, p50_ms, p90_ms, p99_ms, count, control, idle_p99_ms, idle_max_ms } = outcome.lag;
  return [
    name(outcome), rate_per_s.toFixed(0), show(p50_ms), show(p90_ms), show(p99_ms), String(count), [control.p50_ms, control.p90_ms, control.p99_ms].map(show).join(', '), `${show(idle_p99_ms)} ms`, `${show(idle_max_ms)} ms`,
  ];
}

export function report(outcomes: readonly Outcome[], delay_ms: number, command: string, seconds: number): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const rows = outcomes.flatMap((outcome) => outcome.sites.map(({ put, range, paced }, site) => [
    name(outcome), `n${site}${site === outcome.leader ? ' (leader)' : ''}`, show(put.p50_ms), show(put.p99_ms), show(range.p50_ms), show(range.p99_ms), show(paced.p50_ms), show(paced.p99_ms),
  ]));
  return [
    `# Sites that are ${delay_ms} ms apart, ${new Date().toISOString().slice(0, 10)}`, '',
    `Commit ${commit}, \`${command}\`, ${(seconds / 60).toFixed(0)} min on ${cpus().length} cores, Node ${process.versions.node}. Every member is a site of its own; a proxy between any two delays ${delay_ms} ms each`,
    'way. etcd 3.7.3 and EdgeStore one after the other, all durability on. One client at one site after the other, as fast as it is answered (etcd: at all', 'sites at once, since it waits for the other sites and not for processors), 256 B values, by',
    'etcd\'s own `benchmark`; ranges linearizable. "All at once": clients at all sites at the same time, 40 puts a second each at most.', '',
    summary(outcomes), '',
    'The site that is cut off is n-last; clients at it and at n0 go on writing (an answer is waited for at most 1 s). Converged: every site has everything that was',
    'acknowledged on both sides, and takes writes.', '',
    '## Every site, ms', '',
    table(['members', 'site', 'put p50', 'put p99', 'range p50', 'range p99', 'put p50, all at once', 'p99'], rows), '',
    '## Lag', '',
    'Puts at n0 at a steady rate; from before a put is sent until its event has come to a watcher at another site. Control: the same clock readings of every fifth put, in as many bytes, from the', 'writer\'s process to the watchers\' between plain sockets, through a proxy that delays as much: what the machine and the measurement add by themselves, without a store and without a disk.', '',
    table(['', 'writes/s', 'p50 ms', 'p90 ms', 'p99 ms', 'events', 'control p50, p90, p99 ms', 'a timer in an idle process came late by, p99', 'at most'], outcomes.map(lagRow)), '',
    '## Expected', '',
    ...verdicts(outcomes, delay_ms).map(({ text, met }) => `- ${met ? 'met' : '**missed**'}: ${text}`), '',
  ].join('\n');
}
