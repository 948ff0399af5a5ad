import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { fullPage } from './full-page.js';
import { lintNames } from './names.js';
import { parseText } from './text.js';

const GOLDEN = fileURLToPath(new URL('../../../../test/agent/metrics/fixtures/metrics.txt', import.meta.url));

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
