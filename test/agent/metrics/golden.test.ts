import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { MadeUpNode, workloadOf } from './fixture.js';
import { lintNames } from './names.js';
import { parseText } from './text.js';

const GOLDEN = fileURLToPath(new URL('../../../../test/agent/metrics/fixtures/metrics.txt', import.meta.url));

async function body(node: MadeUpNode): Promise<string> {
  return Buffer.concat([...node.page.chunks()]).toString() + (await node.registry.text());
}

/** A page with every family on it: a frozen workload, one without a cgroup, one beyond the budget, and events. */
async function fullPage(options: { process: boolean }): Promise<string> {
  const node = new MadeUpNode(3, { ...options, maxSeries: 80 });
  node.list[1] = workloadOf(1, 'frozen');
  await node.sampler.sample();
  node.step = 2;
  await node.sampler.sample();
  const { registry } = node;
  registry.recordAdmission('admitted', 'none', 0.002);
  registry.recordAdmission('refused', 'memory', 0.0004);
  registry.recordStart('exec', 0.03);
  registry.recordEnd('limit');
  registry.recordReaped('netns', 2);
  registry.recordReconcile(0.004);
  registry.recordRequest('workload.create', 'ok');
  registry.recordRequest('no.such', 'unknown_method');
  registry.recordEvent();
  registry.recordJournalWrite();
  return body(node);
}

test('the page of fixed samples is the golden one (UPDATE_GOLDEN=1 renews it)', async (t) => {
  const text = (await fullPage({ process: false }))
    .replace(/^(berth_sample_(?:age|duration)_seconds) .*$/gm, '$1 TIME')
    .replaceAll(process.version, 'NODE');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, text);
  t.is(text, readFileSync(GOLDEN, 'utf8'));
});

test('every name keeps the conventions', async (t) => {
  const parsed = parseText(await fullPage({ process: true }));
  const known = /^berth_nodejs_(heap_space_size|heap_size|version_info|gc|eventloop)/;
  t.deepEqual(
    lintNames(parsed).filter((finding) => !known.test(finding)),
    [],
  );
});

test('the linter finds what it is there for', (t) => {
  const text = [
    '# HELP berth_a_counter x.',
    '# TYPE berth_a_counter counter',
    'berth_a_counter{instance="x"} 1',
    '# TYPE berth_latency_ms gauge',
    'berth_latency_ms 1',
    '# HELP requests_total Requests.',
    '# TYPE requests_total gauge',
    'requests_total 1',
    '',
  ].join('\n');
  t.is(lintNames(parseText(text)).length, 8);
});

test('promtool finds nothing', async (t) => {
  if (spawnSync('promtool', ['--version']).error !== undefined) {
    t.log('skipped: promtool is not installed (Debian package prometheus)');
    t.pass();
    return;
  }
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
    input: await fullPage({ process: true }),
    encoding: 'utf8',
  });
  t.is(`${stdout}${stderr}`, '');
  t.is(status, 0);
});
