import test from 'ava';
import { figure, judge, type Measurement, toJson, toTable } from './result.js';

const FASTER: Measurement = {
  name: 'create',
  peer: 'ip',
  unit: 'ms',
  ours: [
    [1, 2],
    [2, 2],
  ],
  theirs: [
    [30, 30],
    [20, 20],
  ],
  target: { atLeast: 14 },
};

test('a rival that ran is compared by medians, and the rounds tell the range', (t) => {
  t.like(judge(FASTER), { ratio: 10, range: [10, 30], target: '>= 14', met: false, skipped: null });
  t.true(judge({ ...FASTER, target: { atLeast: 10 } }).met);
  t.is(judge({ ...FASTER, target: null }).met, null);
});

test('a rival that is missing leaves our values and the reason', (t) => {
  const result = judge({ ...FASTER, theirs: 'no compiler' });
  t.like(result, { theirs: null, ratio: null, met: null, target: '>= 14', skipped: 'no compiler' });
  t.is(result.ours.p50, 2);
  t.regex(toTable([result]), /not run: no compiler/);
  t.notRegex(toTable([judge({ ...FASTER, theirs: null })]), /not run/);
});

test('the document has exactly the promised fields', (t) => {
  const document: unknown = JSON.parse(toJson([judge(FASTER), judge({ ...FASTER, theirs: 'no compiler' })]));
  const common = { name: 'create', peer: 'ip', unit: 'ms', ours: { p50: 2, p99: 2 }, target: '>= 14' };
  t.deepEqual(document, [
    { ...common, theirs: { p50: 20, p99: 30 }, ratio: 10, met: false },
    { ...common, theirs: null, ratio: null, met: null },
  ]);
});

test('the table is one of Markdown with a column for each head', (t) => {
  const lines = toTable([judge(FASTER), judge({ ...FASTER, theirs: 'no compiler' })]).split('\n');
  t.is(lines.length, 4);
  t.is(new Set(lines.map((line) => line.split('|').length)).size, 1);
  t.regex(lines[1] ?? '', /^[|-]+$/);
  t.regex(lines[2] ?? '', /10 \(10-30\) +\| >= 14 +\| missed/);
});

test('figures have three digits that count', (t) => {
  t.deepEqual([0.03456, 1.149, 22.33, 410.4, 7400].map(figure), ['0.0346', '1.15', '22.3', '410', '7400']);
});
