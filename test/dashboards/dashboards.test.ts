import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { dashboardFiles } from '../../dashboards/build.js';
import { panelQueries } from '../../dashboards/queries.js';
import { fullPage } from '../agent/metrics/full-page.js';
import { parseText } from '../agent/metrics/text.js';
import { lintDashboard } from './lint.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const committed = readdirSync(new URL('dashboards/', root)).filter((name) => name.endsWith('.json'));
const variables = { job: 'berth', instance: '.+' };

/** Names of all series that an agent with workloads can show. */
async function exported(): Promise<ReadonlySet<string>> {
  const { series } = parseText(await fullPage({ process: true }));
  return new Set([...series.values()].map(({ name }) => name));
}

function named(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<![\w:])berth_[a-z0-9_]+(?![\w:])/g)].map(([name]) => name))];
}

test('the committed dashboards are what the code makes', (t) => {
  const files = dashboardFiles();
  t.deepEqual(committed, Object.keys(files));
  for (const [name, text] of Object.entries(files)) t.is(read(`dashboards/${name}`), text);
});

test('the rules of dashboard-linter hold', (t) => {
  for (const name of committed) t.deepEqual(lintDashboard(read(`dashboards/${name}`)), [], name);
});

test('the linter finds what it is there for', (t) => {
  const broken = read('dashboards/berth-host.json')
    .replace('"editable": false', '"editable": true')
    .replace('$__rate_interval', '5m')
    .replace('berth_node_ready{job=~\\"$job\\",', 'berth_node_ready{')
    .replace('"unit": "bytes"', '"decimals": 1')
    .replace('rate(berth_journal', '(berth_journal')
    .replace('"refresh": 2', '"refresh": 1');
  const rules = new Set(lintDashboard(broken).map((finding) => finding.split(':')[0]));
  t.deepEqual([...rules].sort(), [
    'panel-units-rule',
    'target-counter-agg-rule',
    'target-job-rule',
    'target-rate-interval-rule',
    'template-on-time-change-reload-rule',
    'uneditable-dashboard',
  ]);
});

test('every metric that a query or a rule names is exported', async (t) => {
  const known = await exported();
  const texts = committed.flatMap((name) =>
    panelQueries(read(`dashboards/${name}`), variables).map(({ expr }) => expr),
  );
  const expressions = [...read('dashboards/rules/berth.yaml').matchAll(/expr: (?:>-\n((?:\s{10}.+\n)+)|(.+))/g)];
  t.true(expressions.length >= 10);
  for (const [, long, short] of expressions) texts.push(long ?? short ?? '');
  t.deepEqual(
    texts.flatMap(named).filter((name) => !known.has(name)),
    [],
  );
});

test('every alert has a runbook section, and every section an alert', (t) => {
  const rules = read('dashboards/rules/berth.yaml');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const anchors = [...rules.matchAll(/runbook_url: docs\/runbooks\.md#(\w+)/g)].map(([, name = '']) => name);
  const sections = [...read('docs/runbooks.md').matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name);
  t.deepEqual(sections, alerts);
  t.deepEqual(
    anchors,
    alerts.map((name) => name.toLowerCase()),
  );
});

test('queries come with their variables filled in', (t) => {
  const queries = panelQueries(read('dashboards/berth-host.json'), { ...variables, rateInterval: '7s' });
  t.true(queries.length > 40);
  t.false(queries.some(({ expr }) => expr.includes('$')));
  t.true(queries.some(({ expr }) => expr.includes('[7s]')));
  const unknown = JSON.stringify({ panels: [{ title: 'x', targets: [{ expr: 'up{a="$b"}' }] }] });
  t.throws(() => panelQueries(unknown, variables), { message: /no value for \$b/ });
});
