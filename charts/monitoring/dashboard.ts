/** A dashboard: rows of panels, laid out from left to right, and the variables that choose what they show. */
import { panelJson } from './panel.ts';
import type { Row } from './panel.ts';

export interface Dashboard {
  /** Stable: links to the dashboard contain it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}

/** A choice at the top of the page, of a label's values. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  /** `label_values(...)` */
  readonly query: string;
  /** One value, or several and "All". */
  readonly several: boolean;
}

const COLUMNS = 24;

function variableJson({ name, label, query, several }: Variable): object {
  return {
    name, label, type: 'query', datasource: { type: 'prometheus', uid: '${datasource}' },
    query: { query, refId: `variable-${name}`, qryType: 1 }, definition: query,
    refresh: 2, // when the time range changes: replicas come and go
    sort: 1, multi: several, includeAll: several, hide: 0, skipUrlSync: false, regex: '',
    // A label that is not there at all (Prometheus outside Kubernetes has no namespaces) is matched too.
    ...(several ? { allValue: '.*', current: { selected: true, text: ['All'], value: ['$__all'] } } : { current: {} }),
    options: [],
  };
}

const datasource = {
  name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, regex: '', multi: false, includeAll: false, hide: 0, skipUrlSync: false,
  current: {}, options: [],
};

/** Rows one below the other; in a row panels stand side by side and wrap at 24 columns. */
function layout(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({ id: panels.length + 1, type: 'row', title: row.title, collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      panels.push(panelJson(panel, panels.length + 1, x, y));
      x += panel.width;
      lineHeight = Math.max(lineHeight, panel.height);
    }
    y += lineHeight;
  }
  return panels;
}

/** The dashboard as Grafana's importer and its sidecar take it. */
export function dashboardJson(dashboard: Dashboard): object {
  return {
    id: null, uid: dashboard.uid, title: dashboard.title, description: dashboard.description, tags: ['edgestore'],
    schemaVersion: 39, version: 1, editable: true, graphTooltip: 1, refresh: '30s', timezone: 'browser',
    time: { from: 'now-1h', to: 'now' }, timepicker: {}, fiscalYearStartMonth: 0, weekStart: '', liveNow: false,
    annotations: {
      list: [{ builtIn: 1, datasource: { type: 'grafana', uid: '-- Grafana --' }, enable: true, hide: true, iconColor: 'rgba(0, 211, 255, 1)', name: 'Annotations & Alerts', type: 'dashboard' }],
    },
    links: [{ title: 'EdgeStore', type: 'dashboards', tags: ['edgestore'], asDropdown: false, includeVars: true, keepTime: true, targetBlank: false, icon: 'external link', tooltip: '', url: '' }],
    templating: { list: [datasource, ...dashboard.variables.map(variableJson)] },
    panels: layout(dashboard.rows),
  };
}
