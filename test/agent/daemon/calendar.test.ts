import test from 'ava';
import { Calendar } from '../../../agent/daemon/calendar.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

class Clocks {
  #steady = 0;
  #wall = Date.UTC(2026, 5, 1, 12, 0, 30);
  readonly wall = (): number => this.#wall;
  readonly steady = (): number => this.#steady;

  pass(ms: number): void {
    this.#steady += ms;
    this.#wall += ms;
  }

  /** As `date -s` does. */
  set(byMs: number): void {
    this.#wall += byMs;
  }
}

function dues(calendar: Calendar, clocks: Clocks, minutes: number): number {
  let count = 0;
  for (let n = 0; n < minutes; n++) {
    clocks.pass(MINUTE);
    if (calendar.due()) count += 1;
  }
  return count;
}

for (const jump of [-3 * HOUR, -1000, 400 * DAY, -400 * DAY, -20_000 * DAY])
  test(`what is due each minute is due each minute, the clock on the wall set by ${jump / HOUR} h and back`, (t) => {
    const clocks = new Clocks();
    const calendar = new Calendar('* * * * *', clocks, 'UTC');
    t.true(calendar.due());
    t.is(dues(calendar, clocks, 10), 10);
    clocks.set(jump);
    t.is(dues(calendar, clocks, 10), 10);
    clocks.set(-jump);
    t.is(dues(calendar, clocks, 10), 10);
  });

test('what is due once a day is due once a day, and when the clock is set over its moment', (t) => {
  const clocks = new Clocks();
  const calendar = new Calendar('0 3 * * *', clocks, 'UTC');
  t.true(calendar.due());
  t.is(dues(calendar, clocks, 2 * 24 * 60), 2);
  clocks.set(16 * HOUR);
  t.is(dues(calendar, clocks, 1), 1);
  t.is(dues(calendar, clocks, 5), 0);
  clocks.set(-2 * HOUR);
  t.is(dues(calendar, clocks, 24 * 60), 1);
});
