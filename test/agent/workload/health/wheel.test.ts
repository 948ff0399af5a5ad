import test from 'ava';
import { Wheel } from '../../../../agent/workload/health/wheel.js';
import { fc, holds } from '../../../runner/property.js';

/** Time that passes when the test says so. */
function made() {
  let now = 0;
  let timer: { readonly at: number; readonly run: () => void } | undefined;
  const wheel = new Wheel({
    now: () => now,
    after: (ms, run) => {
      timer = { at: now + ms, run };
      return { cancel: () => (timer = undefined) };
    },
  });
  return {
    wheel,
    armed: () => timer !== undefined,
    now: () => now,
    /** The main loop is as late as `late` says. */
    pass: (ms: number, late = 0) => {
      for (const end = now + ms; ; ) {
        if (timer === undefined || timer.at + late > end) {
          now = end;
          return;
        }
        const { at, run } = timer;
        timer = undefined;
        now = at + late;
        run();
      }
    },
  };
}

test('each moment runs once, not before its time, and a tick after it at the latest', (t) => {
  const waits = fc.array(fc.integer({ min: 0, max: 4_000_000 }), { minLength: 1, maxLength: 30 });
  const right = fc.property(waits, fc.integer({ min: 0, max: 250 }), (all, late) => {
    const clock = made();
    const ran = all.map(() => [] as number[]);
    for (const [at, ms] of all.entries()) {
      clock.wheel.in(ms, () => ran[at]?.push(clock.now()));
      clock.pass(37);
    }
    clock.pass(4_100_000, late);
    return ran.every((times, at) => {
      const due = (all[at] ?? 0) + 37 * at;
      const [when = Number.NaN] = times;
      return times.length === 1 && when >= due && when <= due + 100 + Math.max(100, 2 * late);
    });
  });
  holds(t, right, { numRuns: 60, seed: 1 });
});

test('what is called off does not run, and without moments no timer is set', (t) => {
  const clock = made();
  t.false(clock.armed());
  const moment = clock.wheel.in(5000, () => t.fail('ran'));
  const other = clock.wheel.in(1000, () => undefined);
  t.true(clock.armed());
  clock.wheel.cancel(moment);
  clock.pass(2000);
  t.is(clock.wheel.size, 0);
  t.false(clock.armed());
  clock.wheel.cancel(other);
  t.is(clock.wheel.size, 0);
  clock.pass(10_000);
});

test('one that runs may ask for the next', (t) => {
  const clock = made();
  let runs = 0;
  const again = (): void => {
    runs += 1;
    if (runs < 50) clock.wheel.in(1000, again);
  };
  clock.wheel.in(1000, again);
  clock.pass(60_000);
  t.is(runs, 50);
  t.false(clock.armed());
});
