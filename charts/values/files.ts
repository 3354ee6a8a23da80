/** The files made from the chart's values: path (from the repository's root) → contents. */
import type { Group, Value } from './value.ts';
import { values } from './values.ts';

export function valuesFiles(): Map<string, string> {
  return new Map([
    ['charts/edgestore/values.yaml', `# Generated from charts/values/values.ts by npm run generate. Do not edit.\n${yaml(values, '')}`],
    ['charts/edgestore/values.schema.json', `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...schema(values, true) }, null, 2)}\n`],
    ['charts/edgestore/README.md', readme()],
  ]);
}

function yaml(of: Group, indent: string): string {
  return Object.entries(of.fields).map(([key, value]) => {
    const comment = value.help === '' ? '' : `${indent}# ${value.help}\n`;
    const blank = indent === '' ? '\n' : '';
    return value.kind === 'group' ? `${blank}${comment}${indent}${key}:\n${yaml(value, `${indent}  `)}` : `${blank}${comment}${indent}${key}: ${JSON.stringify(value.default)}\n`;
  }).join('');
}

/** `top`: Helm hands `global` to every chart. */
function schema(value: Value, top = false): object {
  const description = value.help === '' ? {} : { description: value.help };
  if (value.kind === 'leaf') return { ...description, ...value.schema };
  const properties = Object.fromEntries(Object.entries(value.fields).map(([key, field]) => [key, schema(field)]));
  return { ...description, type: 'object', additionalProperties: false, properties: { ...properties, ...(top ? { global: { type: 'object' } } : {}) } };
}

function rows(of: Group, path: string): string[] {
  return Object.entries(of.fields).flatMap(([key, value]) => {
    const name = `${path}${key}`;
    if (value.kind === 'leaf') return [`| \`${name}\` | \`${JSON.stringify(value.default)}\` | ${value.help} |`];
    return [...(value.help === '' ? [] : [`| **${name}** | | ${value.help} |`]), ...rows(value, `${name}.`)];
  });
}

function readme(): string {
  return `<!-- Generated from charts/values/values.ts by npm run generate. Do not edit. -->
# The chart

Installs the operator of EdgeStore, and the CustomResourceDefinition EdgeStore. The stores themselves are resources that you apply afterwards.

    helm install edgestore charts/edgestore --namespace edgestore --create-namespace
    kubectl apply -f crds/samples/minimal.yaml
    kubectl get est
    helm test edgestore --namespace edgestore

\`helm upgrade\` upgrades the CustomResourceDefinition too: it is a template, not in a \`crds/\` folder, which Helm installs once and never touches again.
\`helm uninstall\` leaves it, and with it every EdgeStore, which goes on serving (\`crds.keep\`).
Installed again under another name, Helm wants to be told that the CRD changes hands: \`helm install OTHER … --take-ownership\`.

Everything runs under the Pod Security Standard *restricted*. A value that does not exist is refused.

## Values

| value | default | |
|---|---|---|
${rows(values, '').join('\n')}

## Monitoring

\`--set prometheusRule.enabled=true,dashboards.enabled=true,metrics.podMonitor.enabled=true\` on a cluster with the Prometheus operator and Grafana's sidecar. Without the
Prometheus operator: \`rules/edgestore.yaml\` is a rule file, \`dashboards/*.json\` can be imported. Each alert has a runbook (docs/runbooks).
`;
}
