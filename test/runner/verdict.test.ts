import test from 'ava';
import { ALLOWED_SKIPS, unlisted } from './skips.js';
import { type Run, SECOND_TRIES, verdict } from './verdict.js';

const GREEN: Run = { counts: { passed: 12, failed: 0, skipped: 0 }, skipped: [], secondTries: [] };
const ALLOWED = [{ name: 'needs a moon', reason: 'there is one by night only' }];

test('a run without failures, skips and second tries is good', (t) => {
  t.deepEqual(verdict(GREEN, true), { counts: GREEN.counts, complaints: [], lines: ['second tries: 0 of at most 2'] });
});

test('a skipped test or tier fails a strict run and no other, unless it stands in the list', (t) => {
  const run = { ...GREEN, skipped: ['sky › needs a moon', 'needs a sun', 'tier host'] };
  const strict = verdict(run, true, ALLOWED);
  t.is(strict.counts.failed, 2);
  t.deepEqual(strict.complaints, [
    'skipped, and not in test/runner/skips.ts: needs a sun',
    'skipped, and not in test/runner/skips.ts: tier host',
  ]);
  t.deepEqual(verdict(run, false, ALLOWED).complaints, []);
});

test('a title that merely ends like one of the list is not covered by it', (t) => {
  t.deepEqual(unlisted(['never needs a moon', 'needs a moon'], ALLOWED), ['never needs a moon']);
});

test('two files may need a second try, a third fails the run, and each is named with its reason', (t) => {
  const tries = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ file: `f${at}.test.js`, reason: `too late by ${at}` }));
  const bounded = verdict({ ...GREEN, secondTries: tries(SECOND_TRIES) }, true);
  t.is(bounded.counts.failed, 0);
  t.deepEqual(bounded.lines, [
    'second tries: 2 of at most 2',
    'second try: f0.test.js: too late by 0',
    'second try: f1.test.js: too late by 1',
  ]);
  const beyond = verdict({ ...GREEN, secondTries: tries(SECOND_TRIES + 1) }, false);
  t.is(beyond.counts.failed, 1);
  t.regex(beyond.complaints[0] ?? '', /^3 files needed a second try/);
  t.is(beyond.lines.length, 4);
});

test('a run in which no test passed is not good', (t) => {
  t.is(verdict({ ...GREEN, counts: { passed: 0, failed: 0, skipped: 3 } }, false).counts.failed, 1);
});

test('each entry of the list has a reason, and none stands there twice', (t) => {
  const names = ALLOWED_SKIPS.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  t.deepEqual(
    ALLOWED_SKIPS.filter(({ reason }) => reason.length < 20),
    [],
  );
});
