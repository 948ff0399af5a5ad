// From a plain table to the Grafana model: every panel gets the templated data source, an id and its place, so that
// none can be forgotten.
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

export interface PanelRow {
  readonly kind: 'stat' | 'graph';
  readonly title: string;
  readonly description: string;
  /** A unit id of Grafana, e.g. `bytes`, `s`, `percentunit`, `short`. */
  readonly unit: string;
  /** Columns of 24. */
  readonly span: number;
  /** Values may be below zero. */
  readonly signed?: true;
  /** PromQL and the legend of its series. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
}

export interface Section {
  readonly title: string;
  readonly panels: readonly PanelRow[];
}

export interface DashboardTable {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** A metric that every target has, to find jobs and instances by. */
  readonly anchor: string;
  /** Further label variables in order, each narrowed by those before it. `from`: a metric that has the label. */
  readonly variables: readonly { readonly name: string; readonly label: string; readonly from: string }[];
  readonly sections: readonly Section[];
}

const DATASOURCE = { type: 'prometheus', uid: '$datasource' } as const;
const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;

export function buildDashboard(table: DashboardTable): Dashboard {
  const builder = new DashboardBuilder(table.title)
    .uid(table.uid)
    .description(table.description)
    .tags(['berth'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .link(others())
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  const labels = [
    { name: 'job', label: 'Job', from: table.anchor },
    { name: 'instance', label: 'Instance', from: table.anchor },
    ...table.variables,
  ];
  for (const [at, { name, label, from }] of labels.entries()) {
    const before = labels.slice(0, at).map((variable) => `${variable.name}=~"$${variable.name}"`);
    builder.withVariable(labelVariable(name, label, `label_values(${from}{${before.join(',')}}, ${name})`));
  }
  let id = 0;
  for (const section of table.sections) {
    id += 1;
    builder.withRow(new RowBuilder(section.title).id(id));
    for (const row of section.panels) {
      id += 1;
      builder.withPanel(panel(row, id));
    }
  }
  return builder.build();
}

/** The dashboard as it is committed. */
export function dashboardText(table: DashboardTable): string {
  return `${JSON.stringify(buildDashboard(table), null, 2)}\n`;
}

/** To all dashboards of ours, at the same time and for the same hosts and tenants. */
function others(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('berth')
    .type(DashboardLinkType.Dashboards)
    .tags(['berth'])
    .includeVars(true)
    .keepTime(true);
}

function labelVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

function panel(row: PanelRow, id: number): { build(): Panel } {
  const builder = row.kind === 'stat' ? new StatBuilder() : new TimeseriesBuilder().fillOpacity(8);
  if (row.kind === 'graph' && row.signed !== true) builder.min(0);
  builder
    .id(id)
    .title(row.title)
    .description(row.description)
    .datasource(DATASOURCE)
    .unit(row.unit)
    .span(row.span)
    .height(row.kind === 'stat' ? STAT_HEIGHT : GRAPH_HEIGHT);
  for (const [at, [expr, legend]] of row.queries.entries()) {
    const query = new DataqueryBuilder()
      .expr(expr)
      .legendFormat(legend)
      .refId(String.fromCharCode(65 + at))
      .datasource(DATASOURCE);
    builder.withTarget(row.kind === 'stat' ? query.instant() : query.range());
  }
  return builder;
}
