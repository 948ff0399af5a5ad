// The rules of grafana/dashboard-linter (docs/index.md there), over our own JSON. Named as there.
import * as z from 'zod';

const datasource = z.object({ type: z.string().optional(), uid: z.string() });
const panel = z.object({
  type: z.string(),
  title: z.string().default(''),
  description: z.string().default(''),
  datasource: datasource.optional(),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string().optional() }).optional() }).optional(),
  targets: z.array(z.object({ expr: z.string(), datasource: datasource.optional() })).default([]),
});
const variable = z.object({
  name: z.string(),
  type: z.string(),
  label: z.string().optional(),
  query: z.string().optional(),
  datasource: datasource.optional(),
  refresh: z.number().optional(),
  multi: z.boolean().optional(),
  allValue: z.string().optional(),
});
const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  tags: z.array(z.string()),
  editable: z.boolean(),
  templating: z.object({ list: z.array(variable) }),
  panels: z.array(panel),
});

type Panel = z.output<typeof panel>;
type Variable = z.output<typeof variable>;

const TEMPLATED = ['$datasource', '${' + 'datasource}'];

/** One line a finding, `rule: where: what`. */
export function lintDashboard(text: string): string[] {
  const { uid, tags, editable, templating, panels } = dashboard.parse(JSON.parse(text));
  const findings: string[] = [];
  const say = (rule: string, where: string, what: string): void => void findings.push(`${rule}: ${where}: ${what}`);
  if (editable) say('uneditable-dashboard', 'dashboard', 'is editable');
  if (!/^berth-[a-z-]+$/.test(uid)) say('uid', 'dashboard', `${uid} is no fixed id of ours`);
  if (!tags.includes('berth')) say('tags', 'dashboard', 'has no tag berth');
  lintVariables(templating.list, say);
  const titles = new Set<string>();
  for (const one of panels) {
    if (one.type === 'row') continue;
    if (titles.has(one.title)) say('panel-title', one.title, 'is there twice');
    titles.add(one.title);
    lintPanel(one, say);
  }
  return findings;
}

type Say = (rule: string, where: string, what: string) => void;

function lintVariables(list: readonly Variable[], say: Say): void {
  const source = list.find((v) => v.type === 'datasource');
  if (source?.name !== 'datasource' || source.query !== 'prometheus' || source.label !== 'Data source')
    say('template-datasource-rule', 'datasource', 'is missing, or not for Prometheus, or not labelled "Data source"');
  for (const name of ['job', 'instance']) {
    const found = list.find((v) => v.name === name);
    const label = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const right = found?.type === 'query' && found.multi === true && found.allValue === '.+' && found.label === label;
    if (!right) say(`template-${name}-rule`, name, 'must be a query, multi, with allValue .+ and its label');
  }
  for (const { name, type, query = '', refresh, datasource: of } of list) {
    if (type !== 'query') continue;
    if (refresh !== 2) say('template-on-time-change-reload-rule', name, 'must reload when the time range changes');
    if (!TEMPLATED.includes(of?.uid ?? '')) say('template-datasource-rule', name, 'has a fixed data source');
    const match = /^label_values\((.+), (\w+)\)$/.exec(query);
    if (match?.[2] !== name) say('template-label-promql-rule', name, `${query} is not label_values of it`);
  }
}

function lintPanel(one: Panel, say: Say): void {
  const where = one.title;
  if (!TEMPLATED.includes(one.datasource?.uid ?? '')) say('panel-datasource-rule', where, 'has a fixed data source');
  if (one.title === '' || one.description === '') say('panel-title-description-rule', where, 'needs both');
  if (one.fieldConfig?.defaults?.unit === undefined) say('panel-units-rule', where, 'has no unit');
  if (one.targets.length === 0) say('panel-no-targets-rule', where, 'has no query');
  for (const { expr, datasource: of } of one.targets) {
    if (!TEMPLATED.includes(of?.uid ?? '')) say('panel-datasource-rule', where, 'a query has a fixed data source');
    for (const [, body = ''] of expr.matchAll(/berth_[a-z0-9_]+(\{[^}]*\})?/g))
      for (const label of ['job', 'instance'])
        if (!body.includes(`${label}=~"$${label}"`)) say(`target-${label}-rule`, where, `${expr} lacks ${label}`);
    for (const [, range = ''] of expr.replace(/"[^"]*"/g, '""').matchAll(/\[([^\]]*)\]/g))
      if (range !== '$__rate_interval') say('target-rate-interval-rule', where, `${expr} has a fixed range`);
    for (const match of expr.matchAll(/berth_[a-z0-9_]+_total\b/g))
      if (!/(rate|irate|increase)\($/.test(expr.slice(0, match.index)))
        say('target-counter-agg-rule', where, `${match[0]} without rate, irate or increase`);
  }
}
