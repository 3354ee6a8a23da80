/** Medians over the rounds, and EdgeStore's ratio to etcd. */
import type { Sample, System } from './round.ts';

/** The middle one; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function show(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/**
 * A Markdown table: a row for each setup and case. Throughput ratios above 1 and latency ratios below 1 are in EdgeStore's favour. A ratio is of
 * medians; in brackets the lowest and highest of the throughput ratios of rounds that ran next to each other.
 */
export function table(samples: readonly Sample[]): string {
  const head = ['members', 'case', 'etcd ops/s', 'EdgeStore ops/s', '**ratio**', 'etcd p50 ms', 'EdgeStore p50', 'ratio', 'etcd p99 ms', 'EdgeStore p99', 'ratio', 'MiB etcd / EdgeStore'];
  const groups = Map.groupBy(samples, (sample) => `${sample.setup.id}\t${sample.measured.id}`);
  const rows = [...groups.values()].map((group) => row(group));
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A Markdown table: a row for each window of so many operations, with the median over the rounds of each system's p50 in milliseconds. */
export function curveTable(runs: ReadonlyMap<System, readonly (readonly number[])[]>, windowSize: number): string {
  const systems = [...runs];
  const windows = Math.max(0, ...systems.map(([, rows]) => rows[0]?.length ?? 0));
  const count = (n: number): string => n.toLocaleString('en-US');
  const rows = Array.from({ length: windows }, (_, i) => [
    `${count(i * windowSize + 1)} to ${count((i + 1) * windowSize)}`,
    ...systems.map(([, samples]) => median(samples.map((windowsOf) => windowsOf[i] ?? Number.NaN)).toFixed(3)),
  ]);
  const head = ['puts', ...systems.map(([system]) => `${system === 'etcd' ? 'etcd' : 'EdgeStore'} p50 ms`)];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function row(group: readonly Sample[]): string[] {
  const of = (system: System, pick: (sample: Sample) => number): number[] => group.filter((sample) => sample.system === system).map(pick);
  const cells = (pick: (sample: Sample) => number): [string, string, string] => {
    const [etcd, edgestore] = [median(of('etcd', pick)), median(of('edgestore', pick))];
    return [show(etcd), show(edgestore), show(edgestore / etcd)];
  };
  const [etcdOps, edgestoreOps, ratio] = cells((sample) => sample.ops_per_s);
  const theirs = of('etcd', (sample) => sample.ops_per_s);
  const pairs = of('edgestore', (sample) => sample.ops_per_s).map((ops, i) => ops / (theirs[i] ?? Number.NaN)).filter(Number.isFinite);
  const spread = pairs.length > 1 ? ` (${show(Math.min(...pairs))}–${show(Math.max(...pairs))})` : '';
  const rss = (system: System): string => show(Math.round(median(of(system, (sample) => sample.rss_mib))));
  const first = group[0];
  return [
    first?.setup.id ?? '', first?.measured.id ?? '',
    etcdOps, edgestoreOps, `**${ratio}**${spread}`,
    ...cells((sample) => sample.p50_ms), ...cells((sample) => sample.p99_ms),
    `${rss('etcd')} / ${rss('edgestore')}`,
  ];
}
