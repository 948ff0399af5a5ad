// The queries of a dashboard as Grafana would send them, for tests that put them to a real Prometheus.
import * as z from 'zod';

export interface PanelQuery {
  readonly panel: string;
  readonly expr: string;
  /** With labels as `{{label}}`. */
  readonly legend: string;
}

/** Values of the variables; regular expressions, `.+` by default. `rateInterval` such as `10s`. */
export interface Variables {
  readonly job: string;
  readonly instance: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly rateInterval?: string;
}

const target = z.looseObject({ expr: z.string(), legendFormat: z.string().default('') });
const panel = z.looseObject({
  title: z.string(),
  targets: z.array(target).optional(),
  panels: z.array(z.looseObject({ title: z.string(), targets: z.array(target).optional() })).nullish(),
});
const dashboard = z.looseObject({ panels: z.array(panel) });
const templated = z.looseObject({
  templating: z.looseObject({ list: z.array(z.looseObject({ type: z.string(), query: z.string().optional() })) }),
});

/** Throws a ZodError when the text is no dashboard, and an Error for a variable that has no value. */
export function panelQueries(dashboardJson: string, variables: Variables): PanelQuery[] {
  const { panels } = dashboard.parse(JSON.parse(dashboardJson));
  const values: Readonly<Record<string, string>> = {
    tenant: '.+',
    workload: '.+',
    ...variables,
    __rate_interval: variables.rateInterval ?? '1m',
  };
  return panels
    .flatMap((row) => [row, ...(row.panels ?? [])])
    .flatMap(({ title, targets }) =>
      (targets ?? []).map(({ expr, legendFormat }) => ({
        panel: title,
        expr: substitute(expr, values),
        legend: legendFormat,
      })),
    );
}

/** What the variables of a dashboard are looked up by, such as `label_values(berth_build_info, job)`. */
export function variableQueries(dashboardJson: string): string[] {
  const { templating } = templated.parse(JSON.parse(dashboardJson));
  return templating.list.flatMap(({ query, type }) => (type === 'query' && query !== undefined ? [query] : []));
}

function substitute(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced: string | undefined, bare: string | undefined) => {
    const value = values[braced ?? bare ?? ''];
    if (value === undefined) throw new Error(`no value for ${whole} in ${expr}`);
    return value;
  });
}
