/** The files made from the definitions here: path (from the repository's root) → contents. */
import { dump } from 'js-yaml';
import { alertNames, alerts, expressionOf, ruleFile } from './alerts.ts';
import { dashboardJson } from './dashboard.ts';
import type { Dashboard } from './dashboard.ts';
import { operator } from './operator.ts';
import { overview } from './overview.ts';
import { replica } from './replica.ts';

/** File name → dashboard. */
export const dashboards: Readonly<Record<string, Dashboard>> = { 'edgestore-overview': overview, 'edgestore-replica': replica, 'edgestore-operator': operator };

export function monitoringFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const [name, dashboard] of Object.entries(dashboards)) files.set(`charts/edgestore/dashboards/${name}.json`, `${JSON.stringify(dashboardJson(dashboard), null, 1)}\n`);
  files.set('charts/edgestore/rules/edgestore.yaml', `# Generated from charts/monitoring/alerts.ts by npm run generate. Do not edit.\n${dump(ruleFile(), { lineWidth: -1 })}`);
  files.set('docs/runbooks/README.md', runbookIndex());
  return files;
}

function runbookIndex(): string {
  const rows = alertNames.map((name) => {
    const own = alerts.filter((alert) => alert.name === name);
    return `| [${name}](${name}.md) | ${own.map(({ severity }) => severity).join(', ')} | ${own[0]?.summary} |`;
  });
  const expressions = alerts.map((alert) => `${alert.name}, ${alert.severity}, for ${alert.for}:\n\n    ${expressionOf(alert)}\n`);
  return `<!-- Generated from charts/monitoring/alerts.ts by npm run generate. Do not edit. -->
# Runbooks

One page for each alert: what it means, what still works, what to look at, what to do. The rules are in \`charts/edgestore/rules/edgestore.yaml\`; the chart installs
them as a PrometheusRule (\`prometheusRule.enabled\`), and any Prometheus reads them as they are (\`rule_files\`).

| alert | severity | |
|---|---|---|
${rows.join('\n')}

Every replica reads and writes alone, so most of these say that a margin is gone, not that clients are failing. Clients fail when a replica does not serve
(\`etcd_server_has_leader\` is 0), and that is seen where clients are.

## Expressions

${expressions.join('\n')}`;
}
