// The words that panels are made of: matchers, rates, quantiles, and the two kinds of panel.
import type { PanelRow } from './panels.js';

export const HOST = 'job=~"$job",instance=~"$instance"';
export const WORKLOAD = `${HOST},tenant=~"$tenant",workload=~"$workload"`;
export const EACH = '{{tenant}}/{{workload}}';

/** `sum by (labels) (rate(metric{matchers}[$__rate_interval]))`. */
export function rate(metric: string, matchers: string, by = ''): string {
  return `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}{${matchers}}[$__rate_interval]))`;
}

/** How often it happened in the interval of a point, `by` like that of `rate`. */
export function events(metric: string, matchers: string, by = ''): string {
  return `sum${by === '' ? '' : ` by (${by})`} (increase(${metric}{${matchers}}[$__rate_interval]))`;
}

export function sum(metric: string, matchers: string, by = ''): string {
  return `sum${by === '' ? '' : ` by (${by})`} (${metric}{${matchers}})`;
}

/** One sum in proportion to another. */
export function share(part: string, whole: string, matchers: string, by: string): string {
  return `${sum(part, matchers, by)} / ${sum(whole, matchers, by)}`;
}

export function quantile(q: number, histogram: string, by = ''): string {
  return `histogram_quantile(${q}, ${rate(`${histogram}_bucket`, HOST, by === '' ? 'le' : `le, ${by}`)})`;
}

/** The largest of a figure: a graph of a thousand lines says nothing. */
export function top(expr: string): string {
  return `topk(20, ${expr})`;
}

export function graph(
  title: string,
  description: string,
  unit: string,
  queries: PanelRow['queries'],
  span = 8,
): PanelRow {
  return { kind: 'graph', title, description, unit, span, queries };
}

export function stat(title: string, description: string, unit: string, expr: string, span = 4): PanelRow {
  return { kind: 'stat', title, description, unit, span, queries: [[expr, '']] };
}
