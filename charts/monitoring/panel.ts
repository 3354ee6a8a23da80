/** Panels of Grafana dashboards, as JSON that its importer takes. Only what the pages here use. */

/** Grafana's unit ids. */
export type Unit = 'short' | 's' | 'bytes' | 'Bps' | 'ops' | 'reqps' | 'percentunit' | 'none';

export interface Query {
  readonly expr: string;
  /** Of a series: `{{label}}` is replaced by the label's value. */
  readonly legend: string;
  /** Only the newest value, as rows of a table. */
  readonly table?: true;
}

export interface Panel {
  readonly type: 'timeseries' | 'stat' | 'table';
  readonly title: string;
  /** What a person should read from it; shown at the panel's "i". */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Of 24 columns. */
  readonly width: number;
  readonly height: number;
  /** Values from which on it turns orange and red. Downwards if the second is lower. */
  readonly limits?: readonly [warning: number, critical: number];
  readonly max?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

type Rest = Partial<Pick<Panel, 'limits' | 'max' | 'width' | 'height'>>;

/** Lines over time, one for each series. `queries`: pairs of legend and expression. */
export function lines(title: string, unit: Unit, description: string, queries: Readonly<Record<string, string>>, rest: Rest = {}): Panel {
  return { type: 'timeseries', title, description, unit, queries: asQueries(queries), width: 8, height: 8, ...rest };
}

/** One number. */
export function number(title: string, unit: Unit, description: string, expr: string, rest: Rest = {}): Panel {
  return { type: 'stat', title, description, unit, queries: [{ expr, legend: '' }], width: 4, height: 4, ...rest };
}

/** The newest values as a table, a row for each series. */
export function table(title: string, unit: Unit, description: string, expr: string, rest: Rest = {}): Panel {
  return { type: 'table', title, description, unit, queries: [{ expr, legend: '', table: true }], width: 8, height: 8, ...rest };
}

const asQueries = (queries: Readonly<Record<string, string>>): Query[] => Object.entries(queries).map(([legend, expr]) => ({ expr, legend }));

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

function thresholds(limits: Panel['limits']): object {
  if (limits === undefined) return { mode: 'absolute', steps: [{ color: 'green', value: null }] };
  const [warning, critical] = limits;
  const steps = warning <= critical
    ? [{ color: 'green', value: null }, { color: 'orange', value: warning }, { color: 'red', value: critical }]
    : [{ color: 'red', value: null }, { color: 'orange', value: critical }, { color: 'green', value: warning }];
  return { mode: 'absolute', steps };
}

function options(type: Panel['type']): object {
  switch (type) {
    case 'timeseries':
      return { legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] }, tooltip: { mode: 'multi', sort: 'desc' } };
    case 'stat':
      return { colorMode: 'value', graphMode: 'area', justifyMode: 'auto', orientation: 'auto', textMode: 'auto', reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } };
    case 'table':
      return { showHeader: true, cellHeight: 'sm', footer: { show: false, reducer: ['sum'], countRows: false, fields: '' } };
  }
}

/** A table's columns: the series' labels and the value, without the time and without what is the same in every row. */
const tableColumns = [{ id: 'organize', options: { excludeByName: { Time: true, __name__: true, job: true, namespace: true }, indexByName: {}, renameByName: {} } }];

/** One panel as Grafana stores it. Its place is in units of the grid: 24 columns. */
export function panelJson(panel: Panel, id: number, x: number, y: number): object {
  return {
    id,
    type: panel.type,
    title: panel.title,
    description: panel.description,
    datasource: DATASOURCE,
    gridPos: { x, y, w: panel.width, h: panel.height },
    fieldConfig: {
      defaults: {
        unit: panel.unit,
        min: 0,
        ...(panel.max === undefined ? {} : { max: panel.max }),
        color: { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' },
        thresholds: thresholds(panel.limits),
        custom: panel.type === 'timeseries'
          ? { drawStyle: 'line', lineWidth: 1, fillOpacity: 10, showPoints: 'never', spanNulls: false, thresholdsStyle: { mode: panel.limits === undefined ? 'off' : 'dashed' } }
          : panel.type === 'table' ? { align: 'auto', cellOptions: { type: panel.limits === undefined ? 'auto' : 'color-text' } } : {},
      },
      overrides: [],
    },
    options: options(panel.type),
    ...(panel.type === 'table' ? { transformations: tableColumns } : {}),
    targets: panel.queries.map((query, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr: query.expr,
      legendFormat: query.legend,
      ...(query.table === true ? { format: 'table', instant: true, range: false } : { range: true, instant: false }),
    })),
  };
}
