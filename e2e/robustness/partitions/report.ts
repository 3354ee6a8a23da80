/** docs/reports: what a long run found. */
import { cpus } from 'node:os';
import { execFileSync } from 'node:child_process';

export interface Figures {
  readonly replicas: number;
  readonly seed: number;
  readonly seconds: number;
  readonly steps: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly kills: number;
  readonly acked: number;
  readonly unanswered: number;
  readonly conflicts: number;
  readonly events: number;
  readonly resumed: number;
  readonly lists: number;
  readonly servedAlone: number;
  readonly slowest_ms: number;
  readonly converge_s: number;
  readonly peak_mib: number;
  readonly buffered_bytes: number;
  readonly violations: number;
}

export function report(figures: Figures, command: string): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const n = (value: number): string => Math.round(value).toLocaleString('en-US');
  return [
    `# Partitions on real processes, ${new Date().toISOString().slice(0, 10)}`,
    '',
    `Commit ${commit}, ${cpus().length} cores, Node ${process.versions.node}:`,
    '',
    `    ${command}`,
    '',
    `${figures.replicas} processes on the loopback, a proxy between any two; clients write at every replica all the time, to keys of their own and to shared ones; three`,
    'watchers at each. What is checked stands at the head of `e2e/robustness/partitions/main.ts`.',
    '',
    '| | |',
    '|---|---|',
    `| time | ${n(figures.seconds / 60)} min |`,
    `| faults | ${n(figures.steps)}: ${Object.entries(figures.faults).map(([what, count]) => `${what} ${count}`).join(', ')} |`,
    `| kill -9 | ${n(figures.kills)} |`,
    `| writes acknowledged | ${n(figures.acked)} |`,
    `| not answered (killed meanwhile) | ${n(figures.unanswered)} |`,
    `| concurrent writes of which one was beaten, as counted by processes that lived to the end | ${n(figures.conflicts)} |`,
    `| events seen by watchers | ${n(figures.events)}, over ${n(figures.resumed)} streams; ${n(figures.lists)} lists |`,
    `| longest time to an answer | ${n(figures.slowest_ms)} ms |`,
    `| everything equal after the last heal, all replicas having been killed at once | ${figures.converge_s.toFixed(1)} s |`,
    `| most memory of a replica | ${n(figures.peak_mib)} MiB |`,
    `| most unsent bytes to a peer | ${n(figures.buffered_bytes / 1_024)} KiB |`,
    `| **violations** | **${n(figures.violations)}** |`,
    '',
  ].join('\n');
}
