// Dashboards and rules name what is exported, and what is exported is shown or asked for somewhere.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { COMMANDS } from '../../agent/cli/table/all.js';
import { panelQueries, variableQueries } from '../../dashboards/queries.js';
import { defined, type Exported, exported, quotedWords } from './families.js';
import { groupingsOf, type Selector, selectorsOf } from './promql.js';
import { readRules } from './rules.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const boards = readdirSync(new URL('dashboards/', root)).filter((name) => name.endsWith('.json'));

/** On no panel and in no rule, and why that is right. */
const UNUSED: Readonly<Record<string, string>> = {
  berth_node_info: 'labels to join with: name and boot of a node',
  berth_workload_state: 'labels to join with; berth_workloads has the counts',
  berth_workload_start_time_seconds:
    'for questions about one workload; berth_workload_restarts_total shows who comes and goes',
  'berth_adopted_*': 'of other engines what berth_workload_* is of ours; memory and processor time have panels',
  'berth_nodejs_*': 'of prom-client: for those who look into the agent itself; the lag of its loop has a panel',
  'berth_process_*':
    'of prom-client: for those who look into the agent itself; its memory and processor time have panels',
};

/** Values that labels have and the page of the tests does not show, by the list they come from. */
const WORDS: Readonly<Record<string, (value: string) => boolean>> = {
  code: (value) => quotedWords().has(value),
  state: (value) => quotedWords().has(value),
  severity: (value) => ['error', 'warning', 'info'].includes(value),
};

interface Asked {
  readonly where: string;
  readonly expr: string;
}

function everything(): Asked[] {
  const panels = boards.flatMap((name) =>
    panelQueries(read(`dashboards/${name}`), { job: 'berth', instance: '.+', tenant: 'T', workload: 'W' }).map(
      ({ panel, expr }) => ({ where: `${name}: ${panel}`, expr }),
    ),
  );
  const variables = boards.flatMap((name) =>
    variableQueries(read(`dashboards/${name}`)).map((expr) => ({ where: `${name}: variable`, expr })),
  );
  const rules = readRules().map(({ name, expr }) => ({ where: name, expr }));
  return [...panels, ...variables, ...rules];
}

/** Of a histogram's series its family; others are their own. */
function familyOf(name: string, { families }: Pick<Exported, 'families'>): string {
  return families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
}

function problems({ where, expr }: Asked, known: Exported): string[] {
  const found: string[] = [];
  const say = (what: string): void => void found.push(`${where}: ${what}`);
  const recorded = new Set(readRules().flatMap(({ kind, name }) => (kind === 'record' ? [name] : [])));
  const hasLabel = ({ name }: Selector, label: string): boolean =>
    ['job', 'instance'].includes(label) || recorded.has(name) || known.labels.get(name)?.has(label) === true;
  for (const selector of selectorsOf(expr)) {
    const { name, matchers } = selector;
    if (recorded.has(name)) continue;
    if (!known.labels.has(name)) say(`${name} is not exported`);
    for (const { label, op, value } of matchers) {
      if (!hasLabel(selector, label)) say(`${name} has no label ${label}`);
      const words = op === '=' ? [value] : op === '=~' && /^\w+(\|\w+)+$/.test(value) ? value.split('|') : [];
      const seen = known.labels.get(name)?.get(label);
      for (const word of words)
        if (label !== 'job' && seen?.has(word) !== true && WORDS[label]?.(word) !== true)
          say(`${name} has no ${label}="${word}"`);
    }
  }
  for (const { labels, body } of groupingsOf(expr))
    for (const selector of selectorsOf(body))
      for (const label of labels)
        if (!hasLabel(selector, label)) say(`${selector.name} has no label ${label} to group by`);
  return found;
}

test('every query and rule names series, labels and values that are exported', async (t) => {
  const known = await exported();
  t.deepEqual(
    everything().flatMap((asked) => problems(asked, known)),
    [],
  );
});

test('a wrong name, label, value and grouping are found', async (t) => {
  const known = await exported();
  const of = (expr: string): string[] => problems({ where: 'x', expr }, known);
  t.deepEqual(of('sum by (le) (rate(berth_start_wait_seconds_bucket{job="x"}[5m]))'), []);
  t.deepEqual(of('berth_nothing_total'), ['x: berth_nothing_total is not exported']);
  t.deepEqual(of('berth_ceiling{limit="x"}'), [
    'x: berth_ceiling has no label limit',
    'x: berth_ceiling has no limit="x"',
  ]);
  t.deepEqual(of('berth_kills_total{cause=~"limit|boredom"}'), ['x: berth_kills_total has no cause="boredom"']);
  t.deepEqual(of('berth_health_condition{code="never_told"}'), ['x: berth_health_condition has no code="never_told"']);
  t.deepEqual(of('sum by (tenant, workload) (berth_used{scope="host"}) + sum(berth_capacity)'), [
    'x: berth_used has no label tenant to group by',
    'x: berth_used has no label workload to group by',
  ]);
});

test('every family is on a panel, in a rule, or left out for a reason', async (t) => {
  const known = await exported();
  const used = new Set(everything().flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => familyOf(name, known))));
  const reason = (family: string): string | undefined =>
    Object.keys(UNUSED).find((name) => (name.endsWith('*') ? family.startsWith(name.slice(0, -1)) : family === name));
  const forgotten = [...known.families].filter((family) => !used.has(family) && reason(family) === undefined);
  t.deepEqual(forgotten, [], 'put them on a panel or into a rule, or name the reason in UNUSED');
  const stale = Object.keys(UNUSED).filter(
    (name) => used.has(name) || ![...known.families].some((family) => reason(family) === name),
  );
  t.deepEqual(stale, [], 'UNUSED has what is used, or is not exported');
});

test('every family that the sources define is on the page of the tests', async (t) => {
  const { families } = await exported();
  const names = defined();
  t.true(names.size > 80);
  t.deepEqual(
    [...names].filter((name) => !families.has(name)),
    [],
    'let test/agent/metrics/full-page.ts make it happen',
  );
});

test('every alert has severity, texts with what it is about, and a runbook section', (t) => {
  const alerts = readRules().filter(({ kind }) => kind === 'alert');
  const sections = [...read('docs/runbooks.md').matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name);
  t.deepEqual(
    sections,
    alerts.map(({ name }) => name),
  );
  for (const { name, severity, runbook, summary, description } of alerts) {
    t.true(['info', 'warning', 'critical'].includes(severity), name);
    t.is(runbook, `docs/runbooks.md#${name.toLowerCase()}`);
    t.regex(`${summary} ${description}`, /\{\{ \$labels\.instance \}\}/, name);
    t.true(summary.endsWith('.') && description.endsWith('.'), name);
  }
});

test('every command and option in the runbooks and on the panels exists', (t) => {
  const texts = ['docs/runbooks.md', 'dashboards/rules/berth.yaml', ...boards.map((name) => `dashboards/${name}`)];
  const commands = texts.flatMap((path) => [...read(path).matchAll(/`berth ([^`|]+)`?/g)].map(([, line = '']) => line));
  t.true(commands.length > 40);
  const wrong = commands.filter((line) => {
    const words = line.replace(/\s+/g, ' ').trim().split(' ');
    const command = COMMANDS.find(({ path }) => path.every((word, at) => words[at] === word));
    const options = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
    return command === undefined || options.some((name) => !command.options.some((option) => option.name === name));
  });
  t.deepEqual(wrong, []);
});

test('every code of a condition in the runbooks exists', (t) => {
  const codes = [...read('docs/runbooks.md').matchAll(/\(condition\s+`(\w+)`\)/g)].map(([, code = '']) => code);
  t.true(codes.length >= 8);
  t.deepEqual(
    codes.filter((code) => !quotedWords().has(code)),
    [],
  );
});
