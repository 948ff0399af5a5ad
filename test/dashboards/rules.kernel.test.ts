// promtool's word on the rules: they parse, and each alert fires for what it is there for, with its texts, and for that alone.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { ALERT_CASES, type AlertCase } from './alert-cases.js';
import { RULES, readRules } from './rules.js';

const OWN = { job: 'berth', instance: 'node-1:9464' };

function promtool(...args: string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

test('promtool takes the rules and the scrape example', (t) => {
  for (const [kind, url] of [
    ['rules', RULES],
    ['config', new URL('../prometheus.yml', RULES)],
  ] as const) {
    const { status, said } = promtool('check', kind, fileURLToPath(url));
    t.is(status, 0, said);
  }
});

/** `berth_x{a="b"}` -> `berth_x{a="b",job="berth",instance="node-1:9464"}`. */
function owned(series: string): string {
  const own = Object.entries(OWN).map(([name, value]) => `${name}="${value}"`);
  const [name = '', body = ''] = series.replace(/\}$/, '').split('{');
  return `${name}{${[...(body === '' ? [] : [body]), ...own].join(',')}}`;
}

function input(samples: Readonly<Record<string, string>>): object[] {
  return Object.entries(samples).map(([series, values]) => ({ series: owned(series), values }));
}

function documentOf({ alert, fires, quiet, at, labels = {}, summary, description }: AlertCase): object {
  const rule = readRules().find(({ name }) => name === alert);
  const all: Record<string, string> = { ...labels, ...OWN };
  const text = (template = ''): string =>
    template.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => all[label] ?? '');
  const annotations = { summary, description: description ?? text(rule?.description), runbook_url: rule?.runbook };
  const severity = rule?.severity;
  const expected = [{ exp_labels: { ...all, severity }, exp_annotations: annotations }];
  const ask = (exp_alerts: object[]): object[] => [{ eval_time: `${at}m`, alertname: alert, exp_alerts }];
  return {
    rule_files: [fileURLToPath(RULES)],
    evaluation_interval: '1m',
    tests: [
      { interval: '1m', input_series: input(fires), alert_rule_test: ask(expected) },
      { interval: '1m', input_series: input(quiet), alert_rule_test: ask([]) },
    ],
  };
}

test('every alert fires for what it is there for, and not for what looks alike', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-rules-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  t.deepEqual(
    ALERT_CASES.map(({ alert }) => alert),
    readRules().flatMap(({ kind, name }) => (kind === 'alert' ? [name] : [])),
  );
  const files = ALERT_CASES.map((one) => {
    // JSON is YAML.
    const path = join(directory, `${one.alert}.json`);
    writeFileSync(path, JSON.stringify(documentOf(one)));
    return path;
  });
  const { status, said } = promtool('test', 'rules', ...files);
  t.is(status, 0, said);
});
