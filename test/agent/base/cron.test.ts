import test from 'ava';
import { createTask } from 'node-cron';
import { cronOf } from '../../../agent/base/cron.js';
import { fc, holds } from '../../runner/property.js';

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

test('the next beginning and the last one, in the time zone of the expression', (t) => {
  const night = cronOf('0 22 * * 1-5', 'Europe/Berlin');
  t.is(night.next(at('2026-11-27T12:00:00Z')), at('2026-11-27T21:00:00Z'));
  t.is(night.next(at('2026-11-27T21:00:00Z')), at('2026-11-30T21:00:00Z'), 'not on a weekend');
  t.is(night.next(at('2026-07-01T12:00:00Z')), at('2026-07-01T20:00:00Z'), 'in summer an hour earlier');
  t.is(night.last(at('2026-11-27T20:00:00Z'), at('2026-11-28T03:00:00Z')), at('2026-11-27T21:00:00Z'));
  t.is(
    night.last(at('2026-11-27T21:00:00Z'), at('2026-11-28T03:00:00Z')),
    undefined,
    'the beginning itself is left out',
  );
});

test('an hour that there is twice begins once, one that there is not begins after the gap', (t) => {
  const cron = cronOf('30 2 * * *', 'Europe/Berlin');
  t.is(cron.next(at('2026-10-24T12:00:00Z')), at('2026-10-25T00:30:00Z'));
  t.is(cron.next(at('2026-10-25T00:30:00Z')), at('2026-10-26T01:30:00Z'));
  t.is(cron.next(at('2026-03-28T12:00:00Z')), at('2026-03-29T01:30:00Z'));
});

test('every minute of a day of any zone, whether its clocks change then or not, is one that the clock shows', (t) => {
  // Lord Howe changes by half an hour, Troll by two; St John's and Tehran are not whole hours from UTC.
  const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Antarctica/Troll', 'Asia/Tehran'];
  const days = ['2026-03-28', '2026-03-29', '2026-03-30', '2026-10-04', '2026-10-25', '2026-10-26', '2026-11-01'];
  for (const zone of zones)
    for (const day of days) {
      const clock = new Intl.DateTimeFormat('en-GB', {
        ...{ timeZone: zone, hourCycle: 'h23' },
        ...{ hour: '2-digit', minute: '2-digit' },
      });
      for (let hour = 0; hour < 24; hour++) {
        const from = at(`${day}T00:00:00Z`) + hour * HOUR;
        const begins = cronOf('7,37 * * * *', zone).next(from) ?? 0;
        const minute = Number(clock.format(begins).split(':')[1]);
        t.true(begins > from && begins <= from + 4 * HOUR, `${zone} ${day} ${hour}`);
        t.true([7, 37].includes(minute), `${zone} ${day} ${hour}: ${minute}`);
      }
    }
});

test('the last day, the second Monday, a leap day', (t) => {
  t.is(cronOf('0 0 L * *', 'UTC').next(at('2027-02-10T00:00:00Z')), at('2027-02-28T00:00:00Z'));
  t.is(cronOf('0 0 * * 1#2', 'UTC').next(at('2026-11-01T00:00:00Z')), at('2026-11-09T00:00:00Z'));
  t.is(cronOf('0 0 29 2 *', 'UTC').next(at('2026-03-01T00:00:00Z')), at('2028-02-29T00:00:00Z'));
  t.throws(() => cronOf('0 0 30 2 *', 'UTC'));
});

test('where node-cron would start something, this begins, and nowhere else', (t) => {
  const field = (min: number, max: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min, max }).map(String),
      fc
        .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.integer({ min: 2, max: 7 }).map((step) => `*/${step}`),
    );
  const expression = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
    .map((f) => f.join(' '));
  const moment = fc.integer({ min: at('2026-01-01T00:00:00Z') / 60_000, max: at('2027-12-31T00:00:00Z') / 60_000 });
  const zone = fc.constantFrom('UTC', 'Asia/Kolkata', 'America/Los_Angeles');
  holds(
    t,
    fc.property(expression, moment, zone, (text, minute, timezone) => {
      const task = createTask(text, () => undefined, { timezone });
      const cron = cronOf(text, timezone);
      const now = minute * 60_000;
      // In the hour of a change of clocks node-cron and we may differ on purpose.
      const shifts = [-3, 3].map((h) =>
        new Date(now + h * HOUR)
          .toLocaleString('en', { timeZone: timezone, timeZoneName: 'shortOffset' })
          .split(' ')
          .at(-1),
      );
      if (shifts[0] !== shifts[1]) return true;
      return task.match(new Date(now)) === (cron.last(now - 60_000, now) === now);
    }),
    { numRuns: 400 },
  );
});
