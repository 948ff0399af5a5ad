import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { dashboardFiles } from '../../dashboards/build.js';
import { panelQueries } from '../../dashboards/queries.js';
import { lintDashboard } from './lint.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const committed = readdirSync(new URL('dashboards/', root)).filter((name) => name.endsWith('.json'));
const variables = { job: 'berth', instance: '.+' };

test('the committed dashboards are what the code makes', (t) => {
  const files = dashboardFiles();
  t.deepEqual(committed, Object.keys(files));
  for (const [name, text] of Object.entries(files)) t.is(read(`dashboards/${name}`), text);
});

test('the rules of dashboard-linter hold', (t) => {
  for (const name of committed) t.deepEqual(lintDashboard(read(`dashboards/${name}`)), [], name);
});

test('each dashboard has its own id, and leads to the others with the same variables and times', (t) => {
  t.is(new Set(committed.map((name) => JSON.parse(read(`dashboards/${name}`)).uid)).size, committed.length);
  for (const name of committed) {
    const { links } = JSON.parse(read(`dashboards/${name}`));
    t.like(links, [{ type: 'dashboards', tags: ['berth'], includeVars: true, keepTime: true }], name);
  }
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

test('queries come with their variables filled in', (t) => {
  const queries = panelQueries(read('dashboards/berth-host.json'), { ...variables, rateInterval: '7s' });
  t.true(queries.length > 40);
  t.false(queries.some(({ expr }) => expr.includes('$')));
  t.true(queries.some(({ expr }) => expr.includes('[7s]')));
  const unknown = JSON.stringify({ panels: [{ title: 'x', targets: [{ expr: 'up{a="$b"}' }] }] });
  t.throws(() => panelQueries(unknown, variables), { message: /no value for \$b/ });
});
