import test from 'ava';
import { failedLines, parseCounts, parseFailures, parseSkipped } from './ava.js';

const FAILED = `
  ✔ linux › epoll › what is ready is told once
  ✘ [fail]: linux › epoll › what is closed is told The line is closed
  ✔ linux › epoll › nothing is told twice (1.2s)
  ─

  linux › epoll › what is closed is told

  The line is closed

  Value is not \`true\`:

  false

  ─

  1 test failed
`;

test('counts of a report, with failures and without', (t) => {
  t.deepEqual(parseCounts(FAILED), { passed: 2, failed: 1, skipped: 0 });
  t.deepEqual(parseCounts('  ─\n\n  12 tests passed\n  2 tests skipped\n'), { passed: 12, failed: 0, skipped: 2 });
});

test('what failed is told with its details, what passed is not', (t) => {
  const told = parseFailures(FAILED);
  t.regex(told, /^ {2}✘ \[fail]: linux › epoll › what is closed is told/);
  t.regex(told, /Value is not `true`/);
  t.notRegex(told, /✔/);
});

test('a report that was cut short is searched for its marks', (t) => {
  t.is(parseFailures('  ✔ a › b\n  ✖ Timed out while running tests\n').trim(), '✖ Timed out while running tests');
});

test('skipped tests are read by their titles', (t) => {
  const report = '  ✔ linux › a\n  - [skip] linux › needs root\n  - [skip] alone\n  ─\n\n  1 test passed\n';
  t.deepEqual(parseSkipped(report), ['linux › needs root', 'alone']);
  t.deepEqual(parseSkipped(FAILED), []);
});

test('of a test that threw, what it threw is told', (t) => {
  const report = `  ✘ [fail]: host › ladder › takes its steps Rejected promise returned by test
  ✘ [fail]: plain Error thrown in test
  ─

  host › ladder › takes its steps

  Rejected promise returned by test. Reason:

  BerthError {
    code: 'not_found',
    message: 'no workload "web"',
  }

  BerthError [not_found]: no workload "web": it is gone
      at test/host/pressure.host.test.ts:4:40



  plain

  Error thrown in test:

  TypeError: no such thing
      at test/x.test.ts:4:40

  ─

  2 tests failed
`;
  t.deepEqual(failedLines(parseFailures(report)), [
    'host › ladder › takes its steps Rejected promise returned by test: BerthError [not_found]: no workload "web": it is gone',
    'plain Error thrown in test: TypeError: no such thing',
  ]);
});

test('what failed is told in a line each', (t) => {
  const two = FAILED.replace('  ─\n', '  ✘ [fail]: linux › timers › late\n  ─\n');
  t.deepEqual(failedLines(parseFailures(two)), [
    'linux › epoll › what is closed is told The line is closed',
    'linux › timers › late',
  ]);
  t.deepEqual(failedLines('  ✖ Timed out while running tests'), ['Timed out while running tests']);
  t.deepEqual(failedLines(''), ['ava ended with an error and named no test']);
});
