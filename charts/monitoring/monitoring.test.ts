/** Dashboards and alerts: what can be said about them without a Prometheus. e2e/operator/monitoring asks one. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { definitions } from '../../datastore/telemetry/definitions.ts';
import { createMetrics } from '../../operator/metrics.ts';
import { alertNames, alerts, expressionOf } from './alerts.ts';
import { dashboardJson } from './dashboard.ts';
import { metricsOf, withVariables } from './expressions.ts';
import { dashboards } from './files.ts';

const root = join(import.meta.dirname, '../..');

test.each([
  ['up', ['up']],
  ['sum by (a, b) (rate(x_total{c=~"d|e", f="}"}[5m])) / on (g) group_left (h) y > 0', ['x_total', 'y']],
  ['histogram_quantile(0.99, sum by (le) (rate(z_seconds_bucket[$__rate_interval])))', ['z_seconds_bucket']],
  ['count(a_b == 1) or 0 * sum(c_d) unless e:f offset 5m', ['a_b', 'c_d', 'e:f']],
  ['1e3 * a > 2.5', ['a']],
])('the metrics of %s', (expr, names) => {
  // Offsets are durations, which no metric looks like.
  expect(metricsOf(expr).filter((name) => name !== 'm')).toEqual(names);
});

test('variables', () => {
  expect(withVariables('a{b=~"$b"}[$__rate_interval]', { b: '.*', __rate_interval: '1m' })).toBe('a{b=~".*"}[1m]');
  expect(() => withVariables('$c', {})).toThrow('no variable $c');
});

const ofOperator = new Set(createMetrics(false).registry.getMetricsAsArray().map(({ name }) => name));
/** What a replica or the operator shows, and prom-client's metrics of the process. */
const known = (name: string): boolean => [name, name.replace(/_(bucket|sum|count)$/, '')].some((each) => each in definitions || ofOperator.has(each)) || /^(process|nodejs)_/.test(name);

interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string; readonly datasource: { readonly uid: string } }[];
}
interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

describe.each(Object.entries(dashboards))('dashboard %s', (name, definition) => {
  const dashboard = dashboardJson(definition) as DashboardJson;
  const panels = dashboard.panels;
  const targets = panels.flatMap((panel) => panel.targets ?? []);

  test('is what Grafana\'s importer takes', () => {
    expect(JSON.parse(readFileSync(join(root, `charts/edgestore/dashboards/${name}.json`), 'utf8'))).toEqual(dashboard);
    expect(dashboard.uid).toMatch(/^[a-z0-9-]{1,40}$/);
    expect(dashboard).toMatchObject({ id: null, schemaVersion: 39, tags: ['edgestore'], time: { from: expect.any(String), to: expect.any(String) } });
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      expect(['row', 'timeseries', 'stat', 'table']).toContain(panel.type);
      expect(panel.title).not.toBe('');
      const refs = (panel.targets ?? []).map(({ refId }) => refId);
      expect(new Set(refs).size).toBe(refs.length);
      for (const ref of refs) expect(ref).toMatch(/^[A-Z]$/);
      if (panel.type !== 'row') expect(refs.length).toBeGreaterThan(0);
    }
    for (const target of targets) expect(target.datasource.uid).toBe('${datasource}');
  });

  test('panels lie inside 24 columns and do not overlap', () => {
    const taken = new Set<string>();
    for (const { title, gridPos: { x, y, w, h } } of panels) {
      expect(x + w).toBeLessThanOrEqual(24);
      for (let i = x; i < x + w; i++) {
        for (let j = y; j < y + h; j++) {
          if (taken.has(`${i},${j}`)) throw new Error(`${title} overlaps at ${i},${j}`);
          taken.add(`${i},${j}`);
        }
      }
    }
  });

  test('names only variables that there are, and metrics that are defined', () => {
    const variables = Object.fromEntries([...dashboard.templating.list.map((variable) => [variable.name, '.*']), ['__rate_interval', '1m']]) as Record<string, string>;
    for (const { expr } of targets) {
      const names = metricsOf(withVariables(expr, variables));
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((metric) => !known(metric))).toEqual([]);
    }
  });
});

describe('alerts', () => {
  test.each(alertNames)('%s has a runbook', (name) => {
    const path = join(root, `docs/runbooks/${name}.md`);
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^# ${name}\n[^]*\n## Look\n[^]*\n## Do\n`));
  });

  test('each says what it is about', () => {
    for (const alert of alerts) {
      expect(alert.summary).toMatch(/\.$/);
      expect(alert.description.length).toBeGreaterThan(40);
      expect(metricsOf(expressionOf(alert)).length).toBeGreaterThan(0);
      expect(metricsOf(expressionOf(alert)).filter((name) => !known(name))).toEqual([]);
    }
  });
});
