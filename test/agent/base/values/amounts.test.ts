import test from 'ava';
import { parseDuration, parseSize } from '../../../../agent/base/units.js';
import {
  cores,
  duration,
  microseconds,
  millisecondsOf,
  size,
  sizeText,
} from '../../../../agent/base/values/amounts.js';
import { fc } from '../../../runner/property.js';

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 } as const;

test('a duration is what it says, in every unit', (t) => {
  const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]));
  fc.assert(
    fc.property(fc.nat(5000), unit, (amount, name) => {
      t.is(parseDuration(`${amount}${name}`), amount * UNITS[name]);
    }),
  );
});

test('what is more than nothing never becomes 0', (t) => {
  t.is(parseDuration('0.0001ms'), 1);
  t.is(parseDuration('0s'), 0);
  t.is(parseSize('0.0001Ki'), undefined);
  t.is(parseSize('0.5'), undefined, 'there is no half of a byte');
  t.is(parseSize('0Mi'), 0);
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.constantFrom('ms', 's', 'h'), (amount, unit) => {
      const ms = parseDuration(`${amount.toFixed(7)}${unit}`);
      t.true(ms === undefined || ms > 0);
    }),
  );
});

test('a duration of the configuration has a least and a greatest value, and the error names both', (t) => {
  const heartbeat = duration({ least: '100ms', most: '1h' });
  for (const good of ['100ms', '0.1s', '1h', '60m']) t.true(heartbeat.safeParse(good).success, good);
  for (const bad of ['0s', '99ms', '61m', '100w']) {
    const result = heartbeat.safeParse(bad);
    t.is(result.error?.issues[0]?.message, 'must be a duration from 100ms to 1h', bad);
  }
  for (const none of ['', '5', '-1s', '1e3s', '1 s', 'soon', '5M', 'Infinitys', '1.s'])
    t.regex(heartbeat.safeParse(none).error?.issues[0]?.message ?? '', /^must be a duration such as/, none);
  t.true(duration().safeParse('3650d').success);
  t.false(duration().safeParse('3651d').success);
  t.is(millisecondsOf('720h'), 2_592_000_000);
  t.throws(() => millisecondsOf('soon'), { instanceOf: RangeError });
});

test('microseconds are exact, or refused', (t) => {
  const period = microseconds(1000, 1_000_000);
  t.is(period.parse('1.5ms'), 1500);
  t.is(period.parse('0.001001s'), 1001);
  t.is(period.parse(1000), 1000);
  for (const bad of ['0.5ms', '1.0005ms', 999, 1000.5, '2s', 'x'])
    t.regex(period.safeParse(bad).error?.issues[0]?.message ?? '', /from 1ms to 1000ms in whole microseconds/);
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 1_000_000 }), (usec) => {
      t.is(period.parse(`${(usec / 1000).toFixed(3)}ms`), usec);
      t.is(period.parse(`${usec}us`), usec);
    }),
  );
});

test('a size is the same number as text and as a number', (t) => {
  fc.assert(
    fc.property(fc.nat(8000), fc.constantFrom('Ki', 'Mi', 'Gi', 'Ti', 'K', 'M', 'G', 'T', ''), (amount, unit) => {
      const bytes = size.parse(`${amount}${unit}`);
      t.is(size.parse(bytes), bytes);
      t.true(sizeText().safeParse(`${amount}${unit}`).success);
    }),
  );
  for (const bad of ['', '1Xi', '-1', '1e3', '9000Ti', 1.5, -1, 2 ** 53, Number.NaN])
    t.false(size.safeParse(bad).success, String(bad));
});

test('cores are numbers, or thousandths as text', (t) => {
  const limit = cores(0.01, 4096);
  for (const [given, amount] of [
    [0.5, 0.5],
    ['0.5', 0.5],
    ['500m', 0.5],
    ['2', 2],
    ['10m', 0.01],
  ] as const)
    t.is(limit.parse(given), amount);
  for (const bad of [0, '9m', 4097, '5000000m', '1e3', 'm', '', '-1', Number.NaN])
    t.false(limit.safeParse(bad).success);
});
