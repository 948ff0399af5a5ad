// The queries of a dashboard as Grafana would send them, for tests that put them to a real Prometheus.
import * as z from 'zod';

export interface PanelQuery {
  readonly panel: string;
  readonly expr: string;
}

/** Values of the variables; regular expressions, `.+` by default. `rateInterval` such as `10s`. */
export interface Variables {
  readonly job: string;
  readonly instance: string;
  readonly tenant?: string;
  readonly workload?: string;
  readonly rateInterval?: string;
}

const target = z.looseObject({ expr: z.string() });
const panel = z.looseObject({
  title: z.string(),
  targets: z.array(target).optional(),
  panels: z.array(z.looseObject({ title: z.string(), targets: z.array(target).optional() })).nullish(),
});
const dashboard = z.looseObject({ panels: z.array(panel) });

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
      (targets ?? []).map(({ expr }) => ({ panel: title, expr: substitute(expr, values) })),
    );
}

function substitute(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced: string | undefined, bare: string | undefined) => {
    const value = values[braced ?? bare ?? ''];
    if (value === undefined) throw new Error(`no value for ${whole} in ${expr}`);
    return value;
  });
}
