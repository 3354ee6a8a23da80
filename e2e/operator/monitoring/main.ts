/**
 * Dashboards and alerts against a real run: three replicas under load, the operator on an apiserver, and a Prometheus that scrapes all of them. Every
 * expression of every dashboard must have an answer, and every metric that an expression or an alert names must be there.
 *
 *   node e2e/operator/monitoring/main.ts
 *
 * What this does not show: how Grafana draws the dashboards.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { alerts, expressionOf } from '../../../charts/monitoring/alerts.ts';
import { dashboardJson } from '../../../charts/monitoring/dashboard.ts';
import { metricsOf, withVariables } from '../../../charts/monitoring/expressions.ts';
import { dashboards } from '../../../charts/monitoring/files.ts';
import { ControlPlane } from '../../kubernetes/control-plane.ts';
import { until } from '../../kubernetes/scenario.ts';
import { writeResults } from '../../results.ts';
import type { Result } from '../../results.ts';
import { ROOT, edgestoreCluster } from '../../support/edgestore.ts';
import { freePort } from '../../support/ports.ts';
import { Program, run } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';
import { Load } from './load.ts';
import { Prometheus } from './prometheus.ts';

/** Names that etcd and prom-client gave, and that `promtool check metrics` would not have. */
const OTHERS_NAMES = /^(etcd_debugging_mvcc_(keys|watcher|watch_stream|slow_watcher|pending_events)|nodejs_active_(handles|requests|resources))_total non-counter metrics should not have "_total" suffix$/;
const VARIABLES = { namespace: '.*', job: '.*', instance: 'n1', __rate_interval: '10s' };

const results: Result[] = [];
async function check(name: string, test: () => Promise<void>): Promise<void> {
  const started = Date.now();
  const reason = await test().then(() => '', (error: unknown) => (error instanceof Error ? error.message : String(error)));
  console.log(`${reason === '' ? 'ok    ' : 'FAILED'} ${name}${reason === '' ? '' : `\n${reason}`}`);
  results.push({ suite: 'operator/monitoring', name, status: reason === '' ? 'passed' : 'failed', reason: reason.split('\n')[0] ?? '', seconds: (Date.now() - started) / 1000 });
}

await using dir = TempDir.create('monitoring');
await using store = await edgestoreCluster({ dir, members: 3, flags: ['--metrics', 'extensive'] });
await store.start();
await using plane = await ControlPlane.create({ dir, name: 'plane', etcd: store.endpoints[0] ?? '', apiserverOnly: true });
await plane.start();

const kubectl = (args: readonly string[], input = ''): Promise<{ code: number; stderr: string }> => run(tool('kubectl'), [`--kubeconfig=${dir.join('plane/kubeconfig')}`, ...args], { input });
const applied = await kubectl(['apply', '--server-side', '-f', `${ROOT}/crds`]);
assert.equal(applied.code, 0, applied.stderr);
const operatorPort = await freePort();
const operator = new Program({
  name: 'operator', command: process.execPath, logFile: dir.join('operator.log'),
  args: [`${ROOT}/operator/main.ts`, `--kubeconfig=${dir.join('plane/kubeconfig')}`, `--listen=127.0.0.1:${operatorPort}`, '--lease-namespace=default', '--log-level=info'],
});
operator.start();
await using _operator = { [Symbol.asyncDispose]: async () => void await operator.stop() };
await until('an EdgeStore is taken', 60, () => plane.api.create('/apis/edgestore.dev/v1alpha1/namespaces/default/edgestores', {
  apiVersion: 'edgestore.dev/v1alpha1', kind: 'EdgeStore', metadata: { name: 'example' }, spec: { replicas: 2 },
}).then(() => true));
await until('the operator has seen it', 120, async () => (await (await fetch(`http://127.0.0.1:${operatorPort}/metrics`)).text()).includes('name="example"'));

await using load = new Load(store.endpoints);
await using prometheus = await Prometheus.start(dir, [
  ...store.members.map(({ name, endpoint }) => ({ address: endpoint.replace('http://', ''), job: 'example', instance: name, namespace: 'default' })),
  { address: `127.0.0.1:${operatorPort}`, job: 'operator', instance: 'operator' },
]);
// An alarm, so that its metric is there: the replica that the replica's page is about refuses writes from then on.
const ask = async (path: string, body: object): Promise<{ header: { member_id: string } }> => {
  const answer = await fetch(`${store.endpoints[1]}${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as { header: { member_id: string } };
};
const { header: { member_id } } = await ask('/v3/maintenance/status', {});
await prometheus.until('all four are scraped, under load, over the whole of the windows', 90, async () =>
  (await prometheus.query('sum(up)'))[0]?.value === 4 && ((await prometheus.query('min(count_over_time(up[1m]))'))[0]?.value ?? 0) >= 15);

await ask('/v3/maintenance/alarm', { action: 'ACTIVATE', alarm: 'NOSPACE', memberID: member_id });
await prometheus.until('the alarm is scraped', 30, async () => (await prometheus.query('edgestore_alarm{instance="n1"}')).length > 0);

const missing = async (expr: string): Promise<string[]> => {
  const there = await Promise.all(metricsOf(expr).map(async (name) => [name, (await prometheus.query(`count(${name})`)).length > 0] as const));
  return there.filter(([, found]) => !found).map(([name]) => name);
};

for (const [name, definition] of Object.entries(dashboards)) {
  const { panels, templating } = dashboardJson(definition) as {
    panels: { title: string; targets?: { expr: string }[] }[];
    templating: { list: { name: string; type: string; definition?: string }[] };
  };
  await check(`dashboard ${name}: every expression has an answer, and names only what is there`, async () => {
    const problems: string[] = [];
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets) {
        const query = withVariables(expr, VARIABLES);
        const absent = await missing(query);
        const answer = await prometheus.query(query).catch((error: unknown) => String(error));
        if (absent.length > 0) problems.push(`${title}: no metric ${absent.join(', ')}`);
        if (typeof answer === 'string') problems.push(`${title}: ${answer}`);
        else if (answer.length === 0) problems.push(`${title}: no answer to ${query}`);
      }
    }
    assert.deepEqual(problems, []);
  });
  await check(`dashboard ${name}: its variables have values`, async () => {
    for (const { name: variable, definition: query = '' } of templating.list.filter(({ type }) => type === 'query')) {
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(withVariables(query, VARIABLES)) ?? [];
      const values = (await prometheus.query(`count by (${label}) (${selector})`)).map(({ metric }) => metric[label ?? '']);
      assert.ok(values.length > 0 && values.every((value) => value !== undefined), `$${variable}: ${JSON.stringify(values)}`);
    }
  });
}

await check('every alert is made of metrics that are there, and its value has an answer', async () => {
  const problems: string[] = [];
  for (const alert of alerts) {
    const absent = await missing(expressionOf(alert));
    if (absent.length > 0) problems.push(`${alert.name}: no metric ${absent.join(', ')}`);
    else if ((await prometheus.query(alert.value)).length === 0) problems.push(`${alert.name}: no answer to ${alert.value}`);
  }
  assert.deepEqual(problems, []);
});
await check('Prometheus evaluates all rules', async () => {
  const rules = await prometheus.rules();
  assert.equal(rules.length, alerts.length);
  assert.deepEqual(rules.filter(({ health }) => health !== 'ok'), []);
});
await check('promtool test rules: when each alert fires, and when not', async () => {
  const file = `${ROOT}/charts/monitoring/alerts.promtool.yaml`;
  const { code, stdout, stderr } = await run(tool('promtool'), ['test', 'rules', file]);
  assert.equal(code, 0, stdout + stderr);
  const text = readFileSync(file, 'utf8');
  for (const { name } of alerts) assert.match(text, new RegExp(`(alertname: ${name}\\n[^]*?exp_alerts:\\n|alertname="${name}", alertstate="firing", severity)`), `${name} is not seen to fire`);
});
for (const [name, url] of [['a replica', `${store.endpoints[0]}/metrics`], ['the operator', `http://127.0.0.1:${operatorPort}/metrics`]] as const) {
  await check(`promtool check metrics: ${name}`, async () => {
    const { code, stdout, stderr } = await run(tool('promtool'), ['check', 'metrics'], { input: await (await fetch(url)).text() });
    const lines = (stdout + stderr).split('\n').filter((line) => line !== '');
    assert.deepEqual(lines.filter((line) => !OTHERS_NAMES.test(line)), []);
    assert.ok(code === 0 || lines.length > 0);
  });
}
console.log(`monitoring: ${load.done.join(' + ')} calls, ${(await prometheus.query('count({__name__=~".+"})'))[0]?.value} series`);
writeResults(results);
process.exitCode = results.some(({ status }) => status === 'failed') ? 1 : 0;
