import test from 'ava';
import {
  adjust,
  type Control,
  capNow,
  initialControl,
  rateNow,
  within,
} from '../../../../agent/density/governor/aimd.js';
import { fc } from '../../../runner/property.js';
import { settingsOf } from './fixture.js';

const settings = settingsOf();
const busy = { starts: 3, limited: true };
const idle = { starts: 0, limited: false };

test('pressure above its limit lowers what is remembered once, and what may begin from second to second until it is over', (t) => {
  const first = adjust(initialControl(settings), { cpu: 0.9 }, busy, settings);
  t.like(first.decrease, { signal: 'cpu', value: 0.9, rateBefore: 4, rate: 2.8 });
  t.deepEqual(first.control, { rate: 2.8, cap: 1, pressed: 1 });
  t.is(rateNow(first.control, settings), 2.8);
  const second = adjust(first.control, { cpu: 0.95 }, busy, settings);
  t.deepEqual(second, { control: { rate: 2.8, cap: 1, pressed: 2 }, decrease: undefined });
  t.is(rateNow(second.control, settings), 2.8 * 0.7);
  t.is(rateNow({ ...second.control, pressed: 600 }, settings), settings.floor);
  const over = adjust(second.control, { cpu: 0.2 }, busy, settings);
  t.deepEqual(over.control, { rate: 3, cap: 2, pressed: 0 });
  t.is(rateNow(over.control, settings), 3);
});

test('under pressure one start is under way, however many it was', (t) => {
  const { control } = adjust(initialControl(settingsOf({}, 64)), { io: 0.9 }, busy, settingsOf({}, 64));
  t.deepEqual([control.cap, capNow(control)], [22, 1]);
  t.is(capNow(adjust(control, {}, busy, settingsOf({}, 64)).control), 23);
});

test('the signal furthest above its limit is named', (t) => {
  const { decrease } = adjust(initialControl(settings), { cpu: 0.7, memory: 0.3, network: 150 }, busy, settings);
  t.like(decrease, { signal: 'memory', limit: 0.1 });
});

test('pressure that no start has made changes nothing', (t) => {
  const control = initialControl(settings);
  t.deepEqual(adjust(control, { cpu: 1, io: 1 }, idle, settings), { control, decrease: undefined });
});

test('calm, the rate comes back to the usual by itself, above it only while somebody waits, and back', (t) => {
  let control: Control = { rate: settings.floor, cap: 1, pressed: 9 };
  for (let second = 0; second < 60; second++) control = adjust(control, {}, idle, settings).control;
  t.is(control.rate, settings.rate);
  t.is(control.cap, settings.inFlight);
  for (let second = 0; second < 60; second++) control = adjust(control, {}, busy, settings).control;
  t.is(control.rate, settings.ceiling);
  for (let second = 0; second < 60; second++) control = adjust(control, {}, idle, settings).control;
  t.is(control.rate, settings.rate);
});

const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
const signals = fc.record({
  ...{ cpu: share, io: share, memory: share },
  network: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
  start: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
});
const activity = fc.record({ starts: fc.nat(100), limited: fc.boolean() });

test('whatever is measured, the rate stays between floor and ceiling and the cap between one and its most', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(signals, activity), { maxLength: 100 }),
      fc.integer({ min: 1, max: 128 }),
      (seconds, cores) => {
        const of = settingsOf({}, cores);
        let control = initialControl(of);
        for (const [measured, done] of seconds) {
          const before = control;
          const { control: after, decrease } = adjust(control, measured, done, of);
          control = after;
          t.true(control.rate >= of.floor && control.rate <= of.ceiling);
          t.true(rateNow(control, of) >= of.floor && rateNow(control, of) <= control.rate);
          t.true(capNow(control) >= 1 && capNow(control) <= control.cap);
          t.true(control.cap >= 1 && control.cap <= of.inFlight);
          t.is(decrease !== undefined, control.pressed > 0 && before.pressed === 0);
        }
      },
    ),
  );
});

test('new figures keep what was learned, inside their limits', (t) => {
  const control = { rate: 1, cap: 1, pressed: 3 };
  t.deepEqual(within(control, settingsOf({ floor: 1 })), { rate: 2, cap: 1, pressed: 3 });
  t.deepEqual(within({ rate: 9, cap: 9, pressed: 0 }, settingsOf({ ceiling: 3 })), {
    ...{ rate: 6, cap: 2, pressed: 0 },
  });
});
