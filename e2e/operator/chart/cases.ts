/** What the chart renders, with values on and off. Each case is a test of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { alertNames } from '../../../charts/monitoring/alerts.ts';
import { dashboards } from '../../../charts/monitoring/files.ts';
import { parseOptions } from '../../../operator/options.ts';
import { ownNamespaceRules, resourceRules } from '../../../operator/rbac.ts';
import { ROOT } from '../../support/edgestore.ts';
import { CHART, at, helm, render } from './helm.ts';
import type { Rendered } from './helm.ts';

export interface Case {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const container = (rendered: Rendered): unknown => at(rendered.one('Deployment'), 'spec.template.spec.containers.0');
const kinds = (rendered: Rendered): string[] => [...new Set(rendered.objects.map(({ kind }) => kind ?? ''))].sort();
/** As JSON has it: readonly arrays of constants and parsed ones compare equal. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Everything that is off unless asked for, on. */
export const EVERYTHING: Readonly<Record<string, unknown>> = {
  'metrics.service.enabled': true, 'metrics.serviceMonitor.enabled': true, 'prometheusRule.enabled': true, 'dashboards.enabled': true, 'networkPolicy.enabled': true,
  'networkPolicy.metricsFrom': [{ namespaceSelector: {} }],
  'operator.tolerations': [{ key: 'edge', operator: 'Exists' }], 'operator.nodeSelector': { 'kubernetes.io/os': 'linux' }, 'operator.priorityClassName': 'system-cluster-critical',
  'operator.podLabels': { a: 'b' }, 'operator.podAnnotations': { c: 'd' }, 'operator.extraEnv': [{ name: 'X', value: 'y' }], 'operator.extraArgs': ['--resync=300'],
  'operator.topologySpreadConstraints': [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' }],
  'image.pullSecrets': [{ name: 'registry' }], 'commonLabels': { team: 'storage' }, 'serviceAccount.annotations': { e: 'f' },
};

export const cases: readonly Case[] = [
  {
    name: 'lint --strict says nothing',
    async run() {
      for (const set of [[], ['--set-json', Object.entries(EVERYTHING).map(([path, value]) => `${path}=${JSON.stringify(value)}`).join(',')]]) {
        const { code, stdout, stderr } = await helm(['lint', '--strict', '--quiet', CHART, ...set]);
        assert.equal(code, 0, stdout + stderr);
        assert.equal((stdout + stderr).trim(), '');
      }
    },
  },
  {
    name: 'as it is: the operator, its account and roles, the CRD; nothing that needs another operator',
    async run() {
      const rendered = await render();
      assert.deepEqual(kinds(rendered), ['ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition', 'Deployment', 'EdgeStore', 'Pod', 'PodDisruptionBudget', 'Role', 'RoleBinding', 'ServiceAccount']);
      assert.equal(at(rendered.one('Deployment'), 'spec.replicas'), 2);
      for (const { kind, metadata } of rendered.objects) {
        assert.equal(at(metadata, 'labels.app.kubernetes.io/instance'.replace('labels.', '')) ?? (metadata['labels'] as Record<string, string>)['app.kubernetes.io/instance'], 'rel', `${kind} ${metadata.name}`);
      }
    },
  },
  {
    name: 'the chart is of the program\'s version',
    async run() {
      const chart = load(readFileSync(`${CHART}/Chart.yaml`, 'utf8')) as { version: string; appVersion: string };
      const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { version: string };
      assert.equal(chart.appVersion, version);
      assert.equal(at(container(await render()), 'image'), `edgestore.dev/edgestore:${version}`);
    },
  },
  {
    name: 'the operator takes the flags that it is started with',
    async run() {
      for (const values of [{}, EVERYTHING, { 'operator.namespaces': ['a', 'b'], 'metrics.port': 9000, 'operator.logLevel': 'debug', 'operator.replicaImage': 'r:1' }]) {
        const args = at(container(await render(values)), 'args') as string[];
        const settings = parseOptions(args, {});
        assert.equal(settings.leaderElect, true);
        assert.equal(settings.leaseNamespace, 'edgestore');
        if ('metrics.port' in values) {
          assert.deepEqual(settings.namespaces, ['a', 'b']);
          assert.equal(settings.listen.port, 9000);
          assert.equal(settings.replicaImage, 'r:1');
          assert.equal(settings.logLevel, 'debug');
        } else {
          assert.equal(settings.replicaImage, at(container(await render(values)), 'image'));
        }
      }
    },
  },
  {
    name: 'the CRD is the project\'s, kept by default, and left out on request',
    async run() {
      const source = load(readFileSync(`${ROOT}/crds/edgestore.dev_edgestores.yaml`, 'utf8')) as { spec: unknown };
      const kept = (await render()).one('CustomResourceDefinition');
      assert.deepEqual(kept['spec'], source.spec);
      assert.deepEqual(kept.metadata['annotations'], { 'helm.sh/resource-policy': 'keep' });
      assert.equal((await render({ 'crds.keep': false })).one('CustomResourceDefinition').metadata['annotations'], undefined);
      assert.equal((await render({ 'crds.enabled': false })).all('CustomResourceDefinition').length, 0);
    },
  },
  {
    name: 'roles: what the operator says it needs, cluster-wide or in each namespace; no wildcard anywhere',
    async run() {
      const wide = await render();
      assert.deepEqual(wide.one('ClusterRole', '-operator')['rules'], plain(resourceRules));
      assert.deepEqual(wide.one('Role', '-election')['rules'], plain(ownNamespaceRules));
      const limited = await render({ 'operator.namespaces': ['a', 'b'] });
      assert.deepEqual(limited.all('ClusterRole').map(({ metadata }) => metadata.name.replace(/.*-/, '')).sort(), ['admin', 'edit', 'view']);
      assert.equal(limited.all('ClusterRoleBinding').length, 0);
      const roles = limited.all('Role').filter(({ metadata }) => metadata.name.endsWith('-operator'));
      assert.deepEqual(roles.map(({ metadata }) => metadata.namespace), ['a', 'b']);
      for (const role of roles) assert.deepEqual(role['rules'], plain(resourceRules));
      for (const binding of limited.all('RoleBinding')) assert.deepEqual(at(binding, 'subjects.0'), { kind: 'ServiceAccount', name: 'rel-edgestore-operator', namespace: 'edgestore' });
      for (const role of [...wide.all('ClusterRole'), ...wide.all('Role'), ...limited.all('Role')]) assert.ok(!JSON.stringify(role['rules']).includes('*'), role.metadata.name);
      const none = await render({ 'rbac.create': false, 'rbac.aggregate': false });
      assert.equal(none.all('ClusterRole').length + none.all('Role').length + none.all('RoleBinding').length + none.all('ClusterRoleBinding').length, 0);
    },
  },
  {
    name: 'view, edit and admin take in EdgeStores',
    async run() {
      const rendered = await render();
      const labels = (role: string): unknown => rendered.one('ClusterRole', `-${role}`).metadata['labels'];
      for (const role of ['view', 'edit', 'admin']) assert.equal((labels(role) as Record<string, string>)[`rbac.authorization.k8s.io/aggregate-to-${role}`], 'true');
      assert.ok(!JSON.stringify(rendered.one('ClusterRole', '-view')['rules']).match(/create|update|patch|delete/));
    },
  },
  {
    name: 'account: none made, another name',
    async run() {
      const rendered = await render({ 'serviceAccount.create': false, 'serviceAccount.name': 'given' });
      assert.equal(rendered.all('ServiceAccount').length, 0);
      assert.equal(at(rendered.one('Deployment'), 'spec.template.spec.serviceAccountName'), 'given');
      assert.equal(at(rendered.one('ClusterRoleBinding'), 'subjects.0.name'), 'given');
    },
  },
  {
    name: 'one operator: no disruption budget; another image by digest',
    async run() {
      const digest = `sha256:${'0'.repeat(64)}`;
      const rendered = await render({ 'operator.replicas': 1, 'image.digest': digest, 'image.repository': 'r/e', 'image.pullPolicy': 'Never' });
      assert.equal(rendered.all('PodDisruptionBudget').length, 0);
      assert.equal(at(container(rendered), 'image'), `r/e@${digest}`);
      assert.equal(at(container(rendered), 'imagePullPolicy'), 'Never');
      assert.equal(at(rendered.one('Pod'), 'spec.containers.0.image'), `r/e@${digest}`);
    },
  },
  {
    name: 'monitoring objects, each only when asked for; twice the same is refused',
    async run() {
      const service = await render({ 'metrics.service.enabled': true, 'metrics.serviceMonitor.enabled': true, 'metrics.serviceMonitor.labels': { release: 'p' } });
      assert.equal(at(service.one('Service'), 'spec.ports.0.port'), 8080);
      assert.equal((service.one('ServiceMonitor').metadata['labels'] as Record<string, string>)['release'], 'p');
      assert.deepEqual(at(service.one('ServiceMonitor'), 'spec.selector.matchLabels'), at(service.one('Service'), 'spec.selector'));
      assert.equal(at((await render({ 'metrics.podMonitor.enabled': true })).one('PodMonitor'), 'spec.podMetricsEndpoints.0.port'), 'metrics');
      await assert.rejects(render({ 'metrics.serviceMonitor.enabled': true }), /needs metrics.service.enabled/);
      await assert.rejects(render({ 'metrics.service.enabled': true, 'metrics.serviceMonitor.enabled': true, 'metrics.podMonitor.enabled': true }), /enable one/);
    },
  },
  {
    name: 'the alerts: all of them, as they are in the rule file, with the runbooks where they are served',
    async run() {
      const rule = (await render({ 'prometheusRule.enabled': true, 'prometheusRule.runbookUrl': 'https://example.test/books/', 'prometheusRule.disabled': ['FsyncSlow'] })).one('PrometheusRule');
      const rules = (at(rule, 'spec.groups') as { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[]).flatMap((group) => group.rules);
      assert.deepEqual([...new Set(rules.map(({ alert }) => alert))], alertNames.filter((name) => name !== 'FsyncSlow'));
      const file = load(readFileSync(`${CHART}/rules/edgestore.yaml`, 'utf8')) as { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] };
      for (const original of file.groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== 'FsyncSlow')) {
        const own = rules.find(({ alert, expr, annotations }) => alert === original.alert && expr === original.expr && annotations['description'] === original.annotations['description']);
        assert.equal(own?.annotations['runbook_url'], `https://example.test/books/${original.alert}.md`);
      }
      // Nobody is sent to a place that there is not.
      const plain = at((await render({ 'prometheusRule.enabled': true })).one('PrometheusRule'), 'spec.groups.0.rules.0') as { alert: string; annotations: Record<string, string> };
      assert.equal(plain.annotations['runbook_url'], `docs/runbooks/${plain.alert}.md`);
    },
  },
  {
    name: 'the dashboards: a ConfigMap each, with the label that Grafana\'s sidecar looks for',
    async run() {
      const maps = (await render({ 'dashboards.enabled': true, 'dashboards.namespace': 'grafana' })).all('ConfigMap');
      assert.equal(maps.length, Object.keys(dashboards).length);
      for (const map of maps) {
        assert.equal(map.metadata.namespace, 'grafana');
        assert.equal((map.metadata['labels'] as Record<string, string>)['grafana_dashboard'], '1');
        const [[file, text] = ['', '']] = Object.entries(map['data'] as Record<string, string>);
        assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(`${CHART}/dashboards/${file}`, 'utf8')));
      }
    },
  },
  {
    name: 'the test\'s pod: not taken for one of the operator\'s; asks every replica, or those that are there already',
    async run() {
      const rendered = await render({ 'test.replicas': 3 });
      const labels = rendered.one('Pod').metadata['labels'] as Record<string, string>;
      const selector = at(rendered.one('Deployment'), 'spec.selector.matchLabels') as Record<string, string>;
      assert.ok(Object.entries(selector).some(([key, value]) => labels[key] !== value));
      const [, , endpoints = ''] = at(rendered.one('Pod'), 'spec.containers.0.args') as string[];
      assert.equal(endpoints.split(',').length, 3);
      assert.equal(at(rendered.one('EdgeStore'), 'spec.storage.retention'), 'Delete');
      const there = await render({ 'test.endpoints': ['a:1', 'b:2'] });
      assert.equal(there.all('EdgeStore').length, 0);
      assert.equal((at(there.one('Pod'), 'spec.containers.0.args') as string[])[2], '--endpoints=a:1,b:2');
      assert.equal((await render({ 'operator.namespaces': ['elsewhere'] })).one('Pod').metadata.namespace, 'elsewhere');
    },
  },
  ...([
    ['a value that does not exist', { 'operator.replica': 3 }, /additional propert/i],
    ['at the top, too', { oprator: {} }, /additional propert/i],
    ['text for a number', { 'operator.replicas': 'three' }, /integer/],
    ['a negative count', { 'operator.replicas': -1 }, /minimum/],
    ['a level that there is not', { 'operator.logLevel': 'loud' }, /one of/],
    ['a namespace with capital letters', { 'operator.namespaces': ['Ns'] }, /pattern/],
    ['a digest that is none', { 'image.digest': 'latest' }, /pattern/],
    ['a port that is none', { 'metrics.port': 70_000 }, /maximum/],
  ] as const).map(([name, values, message]): Case => ({
    name: `refused: ${name}`,
    run: () => assert.rejects(render(values), message),
  })),
];
