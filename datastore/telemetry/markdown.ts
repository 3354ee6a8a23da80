/** docs/metrics.md. */
import { definitions, groups } from './definitions.ts';
import type { Definition } from './definitions.ts';

const all: readonly Definition[] = Object.values(definitions);

/** The page, made from the definitions. */
export function metricsMarkdown(): string {
  const tables = groups.map((group) => {
    const rows = all.filter((definition) => definition.group === group).map(({ name, type, labels, help, buckets }) => {
      const bounds = buckets === undefined ? '' : ` Buckets ${buckets[0]} to ${buckets.at(-1)} (${buckets.length}).`;
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help}${bounds} |`;
    });
    return `## ${group}\n\n| metric | type | labels | |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `<!-- Generated from datastore/telemetry/definitions.ts by npm run generate. Do not edit. -->
# Metrics

Served at \`/metrics\` on the client URLs and on \`--listen-metrics-urls\`. Names that begin with \`etcd_\` or \`grpc_\` mean what they mean in
etcd, so that dashboards and alerts for etcd work; where EdgeStore has nothing to measure (a leader, proposals), there is no metric. Besides
those below there are the process's own (\`process_*\`, \`nodejs_*\`: CPU, memory, file descriptors, garbage collection, and the delay of the
event loop as \`nodejs_eventloop_lag_*\`). \`peer\` is the peer's name in \`--initial-cluster\`.

${tables.join('\n')}`;
}
