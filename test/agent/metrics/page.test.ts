import test from 'ava';
import { formatValue } from '../../../agent/metrics/field.js';
import { type Family, type Labels, Page } from '../../../agent/metrics/page.js';
import { fc } from '../../runner/property.js';
import { parseText } from './text.js';

interface Sample {
  readonly a: number | undefined;
  readonly b: number | undefined;
  readonly micros: number;
}

const FAMILIES: readonly Family<Sample>[] = [
  { name: 'x_state', help: 'State.', type: 'gauge', unit: 'integer', own: ['state'], rows: [{ read: () => 1 }] },
  {
    name: 'x_total',
    help: 'Two\nlines \\ and more.',
    type: 'counter',
    unit: 'integer',
    rows: [
      { labels: { row: 'a' }, read: (s) => s.a },
      { labels: { row: 'b' }, read: (s) => s.b },
    ],
  },
  { name: 'x_seconds_total', help: 'S.', type: 'counter', unit: 'microseconds', rows: [{ read: (s) => s.micros }] },
];

function render(page: Page<Sample>): string {
  return Buffer.concat([...page.chunks()]).toString();
}

/** The same page the plain way: every line written anew. */
function plain(model: ReadonlyMap<string, { labels: Labels; sample: Sample }>): string {
  const quote = (text: string): string =>
    `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
  let text = '';
  for (const family of FAMILIES) {
    let lines = '';
    for (const { labels, sample } of model.values())
      for (const row of family.rows) {
        const value = row.read(sample);
        if (value === undefined) continue;
        const own = (family.own ?? []).map((name) => [name, labels.own?.[name] ?? ''] as const);
        const all = [...Object.entries(labels.common), ...own, ...Object.entries(row.labels ?? {})];
        const body = all.map(([name, word]) => `${name}=${quote(word)}`).join(',');
        lines += `${family.name}{${body}} ${formatValue(value, family.unit).padStart(20)}\n`;
      }
    const help = family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    if (lines !== '') text += `# HELP ${family.name} ${help}\n# TYPE ${family.name} ${family.type}\n${lines}`;
  }
  return text;
}

const id = fc.integer({ min: 0, max: 12 }).map((n) => `w${n}`);
const value = fc.oneof(fc.maxSafeNat(), fc.nat(9));
const sample = fc.record({
  a: fc.option(value, { nil: undefined }),
  b: fc.option(value, { nil: undefined }),
  micros: value,
});
const action = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), id, sample, state: fc.string({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant('update' as const), id, sample }),
  fc.record({ kind: fc.constant('remove' as const), id }),
);

test('after any history the page equals a plain rendering, comments aside', (t) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
      const page = new Page(FAMILIES, { maxSeries: 1000 });
      const model = new Map<string, { labels: Labels; sample: Sample }>();
      for (const step of actions) {
        const known = model.get(step.id);
        if (step.kind === 'remove') {
          page.remove(step.id);
          model.delete(step.id);
        } else if (step.kind === 'add') {
          const labels = { common: { workload: step.id, odd: 'a"\\\nb' }, own: { state: step.state } };
          page.add(step.id, labels, step.sample);
          model.delete(step.id);
          model.set(step.id, { labels, sample: step.sample });
        } else if (known !== undefined) {
          t.true(page.update(step.id, step.sample));
          const grows = (['a', 'b'] as const).some(
            (k) => known.sample[k] === undefined && step.sample[k] !== undefined,
          );
          if (grows) model.delete(step.id);
          const a = grows ? step.sample.a : (step.sample.a ?? known.sample.a);
          const b = grows ? step.sample.b : (step.sample.b ?? known.sample.b);
          model.set(step.id, { labels: known.labels, sample: { a, b, micros: step.sample.micros } });
        } else t.false(page.update(step.id, step.sample));
      }
      const text = render(page);
      const lines = text.split('\n').filter((line) => !/^# *$/.test(line));
      t.is(lines.join('\n'), plain(model));
      t.is(page.series, text === '' ? 0 : parseText(text).series.size);
    }),
    { numRuns: 300 },
  );
});

test('beyond the budget a workload is refused whole, and has room again when others go', (t) => {
  const page = new Page(FAMILIES, { maxSeries: 8 });
  const one: Sample = { a: 1, b: 2, micros: 3 };
  const labels = (workload: string): Labels => ({ common: { workload } });
  t.true(page.add('w1', labels('w1'), one));
  t.true(page.add('w2', labels('w2'), one));
  t.false(page.add('w3', labels('w3'), one));
  t.false(page.add('w3', labels('w3'), one, false));
  t.is(page.dropped, 4);
  t.false(page.has('w3'));
  page.remove('w1');
  t.true(page.add('w3', labels('w3'), one));
  t.is(page.series, 8);
});

test('a workload that grows beyond the budget goes', (t) => {
  const page = new Page(FAMILIES, { maxSeries: 3 });
  t.true(page.add('w', { common: {} }, { a: 1, b: undefined, micros: 0 }));
  t.false(page.update('w', { a: 1, b: 2, micros: 0 }));
  t.is(render(page), '');
  t.is(page.series, 0);
});

test('a piece on loan does not change, whatever happens to the page', (t) => {
  const page = new Page(FAMILIES, { maxSeries: 1000 });
  for (let n = 0; n < 30; n += 1) page.add(`w${n}`, { common: { workload: `w${n}` } }, { a: n, b: n, micros: n });
  const leases = [...page.leases()];
  const text = (): string => leases.map(({ bytes }) => bytes.toString()).join('');
  const before = text();
  t.is(before, render(page));
  page.update('w1', { a: 99, b: 99, micros: 99 });
  t.is(text(), before);
  t.regex(render(page), /w1",row="a"\} +99\n/);
  for (let n = 2; n < 30; n += 1) page.remove(`w${n}`);
  for (let n = 0; n < 90; n += 1) page.add(`v${n}`, { common: { workload: `v${n}` } }, { a: n, b: n, micros: n });
  t.is(text(), before);
  for (const lease of leases) lease.release();
  t.is(parseText(render(page)).series.size, 92 * 4);
});

test('the text stays in proportion to what is on it', (t) => {
  const page = new Page(FAMILIES, { maxSeries: 10_000 });
  for (let n = 0; n < 5000; n += 1) {
    page.add(`w${n}`, { common: { workload: `w${n}` } }, { a: n, b: n, micros: n });
    page.remove(`w${n - 100}`);
  }
  t.is(parseText(render(page)).series.size, 400);
  t.true(render(page).length < 60_000, `${render(page).length} bytes`);
});
