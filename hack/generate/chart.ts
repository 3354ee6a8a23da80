/** What the chart takes from elsewhere in the project: values, dashboards, alerts, the CRD, what the operator may do. */
import { monitoringFiles } from '../../charts/monitoring/files.ts';
import { valuesFiles } from '../../charts/values/files.ts';
import { ownNamespaceRules, resourceRules } from '../../operator/rbac.ts';
import type { PolicyRule } from '../../operator/rbac.ts';
import { crds } from './crds.ts';

const CRD = 'crds/edgestore.dev_edgestores.yaml';
const NOTE = (source: string): string => `{{- /* Generated from ${source} by npm run generate. Do not edit. */ -}}\n`;

/** Path → contents. */
export function chart(): Map<string, string> {
  return new Map([
    ...monitoringFiles(),
    ...valuesFiles(),
    ['charts/edgestore/templates/crds.yaml', crdTemplate(crds().get(CRD) ?? '')],
    ['charts/edgestore/templates/_rules.tpl', `${NOTE('operator/rbac.ts')}${defined('edgestore.resourceRules', resourceRules)}${defined('edgestore.ownNamespaceRules', ownNamespaceRules)}`],
  ]);
}

/** The CRD as a template. Only its metadata is touched; braces that Helm would take for its own are escaped. Throws if it is not laid out as expected. */
export function crdTemplate(crd: string): string {
  const lines = crd.replaceAll('{{', '{{ "{{" }}').split('\n').filter((line) => !line.startsWith('#') && line !== '---');
  const at = lines.indexOf('metadata:');
  if (at < 0 || lines.some((line, i) => i > at && /^ {2}(annotations|labels):/.test(line) && i < lines.indexOf('spec:'))) throw new Error(`${CRD}: metadata must have a name and nothing else`);
  lines.splice(at + 1, 0,
    '  labels:', '    {{- include "edgestore.labels" . | nindent 4 }}',
    '  {{- if .Values.crds.keep }}', '  annotations:', '    helm.sh/resource-policy: keep', '  {{- end }}');
  return `${NOTE(CRD)}{{- if .Values.crds.enabled }}\n${lines.join('\n').trimEnd()}\n{{- end }}\n`;
}

const defined = (name: string, rules: readonly PolicyRule[]): string =>
  `{{- define "${name}" }}\n${rules.map((rule) => `- apiGroups: ${JSON.stringify(rule.apiGroups)}\n  resources: ${JSON.stringify(rule.resources)}\n  verbs: ${JSON.stringify(rule.verbs)}\n`).join('')}{{- end }}\n`;
