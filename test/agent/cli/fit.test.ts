// Tables in terminals of any width: names are cut in the middle, figures are whole or not there, and a pipe gets everything.
import test from 'ava';
import { cutMiddle, fitted, type GivesWay } from '../../../agent/cli/fit.js';
import { styleFor } from '../../../agent/cli/style.js';
import { type Column, table } from '../../../agent/cli/table.js';
import { fc } from '../../runner/property.js';
import { berth, fakeAgent, view } from './fake.js';

test('beginning and end of a name stay', (t) => {
  t.is(cutMiddle('web-frontend-7', 14), 'web-frontend-7');
  t.is(cutMiddle('web-frontend-7', 9), 'web-~nd-7');
  t.is(cutMiddle('web-frontend-7', 8), 'web-~d-7');
  t.deepEqual(
    [3, 2, 1].map((width) => cutMiddle('web-frontend-7', width)),
    ['w~7', 'w~', '~'],
  );
  t.is(cutMiddle('\u{1f600}'.repeat(9), 3), '\u{1f600}~\u{1f600}');
});

const NAMES: readonly GivesWay[] = [{ least: 4 }, { least: 4, drop: 2 }, { drop: 1 }, {}];

test('the widest name gives way first, then columns in their order, and without either nothing', (t) => {
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 30), [10, 6, 5, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 27), [7, 6, 5, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 24), [5, 5, 5, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 22), [4, 4, 5, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 21), [8, 6, 0, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 12), [7, 0, 0, 3]);
  t.deepEqual(fitted(NAMES, [10, 6, 5, 3], 8), [10, 6, 5, 3], 'the terminal wraps it');
  t.deepEqual(fitted([{ least: 4 }, { drop: 1 }], [10, 6], 3), [3, 0]);
  for (const room of [undefined, 0, Number.NaN, -1]) t.deepEqual(fitted(NAMES, [10, 6, 5, 3], room), [10, 6, 5, 3]);
});

test('whatever the widths and the terminal: it fits, or is whole; what has no least is never narrower', (t) => {
  const column = fc.record({
    least: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    drop: fc.option(fc.nat(9), { nil: undefined }),
    width: fc.integer({ min: 1, max: 5000 }),
  });
  fc.assert(
    fc.property(fc.array(column, { minLength: 2, maxLength: 8 }), fc.integer({ min: 1, max: 300 }), (all, room) => {
      const columns = all.map(({ least, drop }) => ({
        ...(least === undefined ? {} : { least }),
        ...(drop === undefined ? {} : { drop }),
      }));
      const widths = all.map(({ width }) => width);
      const shownWidths = fitted(columns, widths, room);
      const shown = shownWidths.filter((width) => width > 0);
      const whole = shownWidths.every((width, at) => width === widths[at]);
      t.true(whole || shown.reduce((sum, width) => sum + width, 0) + 2 * (shown.length - 1) <= room);
      for (const [at, width] of shownWidths.entries())
        if (width > 0 && shown.length > 1 && columns[at]?.least === undefined)
          t.is<number | undefined, number | undefined>(width, widths[at]);
    }),
  );
});

const COLUMNS: readonly Column<readonly [string, number]>[] = [
  { title: 'ID', least: 6, cell: ([id]) => ({ text: id, colour: 'green' }) },
  { title: 'COUNT', right: true, drop: 1, cell: ([, count]) => String(count) },
];
const ROWS = [
  ['a-rather-long-name', 1_234_567],
  ['b', 8],
] as const;

test('a table says what it leaves out, and is whole without a terminal', (t) => {
  const at = (columns?: number) =>
    table(COLUMNS, ROWS, { ...styleFor(false, {}, true), ...(columns === undefined ? {} : { columns }) });
  t.is(at(), 'ID                    COUNT\na-rather-long-name  1234567\nb                         8\n');
  t.is(at(20), 'ID             COUNT\na-rat~-name  1234567\nb                  8\n');
  t.is(at(14), 'ID\na-rathe~g-name\nb\nLeft out, the terminal is too narrow: COUNT\n');
  const painted = table(COLUMNS, ROWS, { ...styleFor(true, {}, false), columns: 20 });
  t.true(painted.includes('\x1b[32ma-rat~-name\x1b[39m  1234567'));
});

test('berth list: within 80 columns of a terminal, and whole for a pipe', async (t) => {
  const long = 'payments-of-the-western-region-worker-0000000000000000000000017';
  const workloads = [view('web-1'), view(long), view('new', { state: 'pending' })];
  const agent = () => fakeAgent({ 'workload.list': () => ({ workloads }) });
  const piped = await berth('list', { agent: agent() });
  t.true(piped.out.includes(long));
  for (const outColumns of [55, 60, 79, 80]) {
    const { out } = await berth('list --no-color', { agent: agent(), outIsTerminal: true, outColumns });
    const lines = out.trimEnd().split('\n');
    for (const line of lines.slice(0, -1)) t.true(line.length <= outColumns, `${outColumns}: ${line}`);
    t.regex(out, /^web-1 /m);
    t.regex(out, /^payme\S*~\S*00017/m);
    t.regex(out, /0\.5\/2 +128Mi\/256Mi/);
    t.regex(lines.at(-1) ?? '', /^Left out, the terminal is too narrow: .*RESTARTS$/);
  }
  const wide = await berth('list --no-color', { agent: agent(), outIsTerminal: true, outColumns: 200 });
  t.is(wide.out, piped.out);
});
