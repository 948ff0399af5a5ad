import test from 'ava';
import { type CpuReading, throttlingAdvice } from '../../../agent/limits/throttling.js';

const reading = (at: number, usage: number, periods: number, throttled: number, waited = 0): CpuReading => ({
  at,
  cpu: {
    usageUsec: usage,
    userUsec: usage,
    systemUsec: 0,
    periods,
    throttledPeriods: throttled,
    throttledUsec: waited,
  },
});
const quota = { cores: 2, periodUsec: 100_000, burstUsec: 0 };

test('throttled while little is used: a burst of one quota is the cure', (t) => {
  // 60 s, 30 s of cpu of the 120 allowed, every fifth period throttled for 40 ms.
  const advice = throttlingAdvice(reading(0, 0, 0, 0), reading(60_000, 30e6, 600, 120, 4.8e6), quota);
  t.deepEqual(advice, { throttled: 0.2, used: 0.25, waited: 4.8, change: 'resources.cpu.burst = "200ms"' });
});

test('with the whole burst granted already, the limit is what is short', (t) => {
  const full = { ...quota, burstUsec: 200_000 };
  const advice = throttlingAdvice(reading(0, 0, 0, 0), reading(60_000, 30e6, 600, 120, 4.8e6), full);
  t.is(advice?.change, 'resources.cpu.limit = 2.8');
});

test('a hog at its limit gets no advice: being throttled is what its limit is for', (t) => {
  t.is(throttlingAdvice(reading(0, 0, 0, 0), reading(60_000, 119e6, 600, 590, 50e6), quota), undefined);
});

test('nothing is said of a short time, of few throttled periods, or of counters that went back', (t) => {
  t.is(throttlingAdvice(reading(0, 0, 0, 0), reading(5000, 1e6, 50, 40, 1e6), quota), undefined);
  t.is(throttlingAdvice(reading(0, 0, 0, 0), reading(60_000, 30e6, 600, 20, 1e6), quota), undefined);
  t.is(throttlingAdvice(reading(0, 9e6, 600, 120), reading(60_000, 0, 0, 0), quota), undefined);
});
