import test from 'ava';
import { CPU_SHAPE, DecayingHistogram, MEMORY_SHAPE } from '../../../../agent/density/prediction/histogram.js';
import { fc } from '../../../runner/property.js';

const HOUR = 3_600_000;
const value = fc.double({ min: 0, max: 900, noNaN: true });

test('a percentile is the value, or at most a bucket above it', (t) => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new DecayingHistogram(CPU_SHAPE, 0);
        for (const v of values) histogram.add(v, 0);
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(values.length * share - 1e-9) - 1] ?? 0;
        const got = histogram.percentile(share);
        t.true(got >= exact * (1 - 1e-9) && got <= exact * 1.05 + CPU_SHAPE.first * 1.001, `${got} for ${exact}`);
      },
    ),
  );
});

test('percentiles rise with the share, up to the peak', (t) => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 100 }), (values) => {
      const histogram = new DecayingHistogram(CPU_SHAPE, 0);
      for (const v of values) histogram.add(v, 0);
      const [p50, p90, p98] = [0.5, 0.9, 0.98].map((share) => histogram.percentile(share));
      t.true((p50 ?? 0) <= (p90 ?? 0) && (p90 ?? 0) <= (p98 ?? 0) && (p98 ?? 0) <= histogram.peak());
    }),
  );
});

test('a sample weighs half after a half-life, and what is old fades out of the peak', (t) => {
  const histogram = new DecayingHistogram(CPU_SHAPE, 0);
  for (let i = 0; i < 3; i++) histogram.add(4, 0);
  for (let i = 0; i < 2; i++) histogram.add(1, 12 * HOUR);
  // 1.5 old against 2 new.
  t.true(histogram.percentile(0.5) < 1.1);
  t.true(histogram.percentile(0.6) > 4);
  t.true(histogram.peak() > 4);
  for (let hour = 13; hour < 12 * 16; hour++) histogram.add(1, hour * HOUR);
  t.true(histogram.peak() < 1.1);
});

test('a year without samples, a clock that is wrong by a lifetime, and it still counts what is new', (t) => {
  for (const jump of [24 * 365 * HOUR, -50 * 365 * 24 * HOUR]) {
    const histogram = new DecayingHistogram(MEMORY_SHAPE, 1e12);
    for (let i = 0; i < 10; i++) histogram.add(8e9, 1e12);
    for (let i = 0; i < 30; i++) histogram.add(1e8, 1e12 + jump + i * 60_000);
    t.true(histogram.percentile(0.5) < 1.06e8);
    t.true(Number.isFinite(histogram.moments().mean));
  }
});

test('mean and variance are those of the samples, as well as buckets can tell', (t) => {
  const histogram = new DecayingHistogram(CPU_SHAPE, 0);
  for (const v of [1, 2, 3, 4]) for (let i = 0; i < 25; i++) histogram.add(v, 0);
  const { mean, variance } = histogram.moments();
  t.true(Math.abs(mean - 2.5) < 0.1, `${mean}`);
  t.true(Math.abs(variance - 1.25) < 0.15, `${variance}`);
});

test('what is no quantity is not counted', (t) => {
  const histogram = new DecayingHistogram(CPU_SHAPE, 0);
  for (const v of [Number.NaN, -1, Number.POSITIVE_INFINITY]) histogram.add(v, 0);
  histogram.add(1, Number.NaN);
  t.true(histogram.empty);
  t.is(histogram.percentile(0.5), 0);
  t.is(histogram.peak(), 0);
  histogram.add(1e9, 0);
  t.true(histogram.peak() >= 1000, 'beyond the last bucket is in it');
});

test('a checkpoint gives the same answers, later samples included', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, fc.nat(100)), { minLength: 1, maxLength: 100 }), (samples) => {
      const histogram = new DecayingHistogram(CPU_SHAPE, 0);
      for (const [v, hour] of samples) histogram.add(v, hour * HOUR);
      const record = JSON.parse(JSON.stringify(histogram.record(100 * HOUR)));
      const again = DecayingHistogram.from(CPU_SHAPE, record);
      for (const h of [histogram, again]) for (let i = 0; i < 5; i++) h.add(50, 101 * HOUR);
      const close = (a: number, b: number) => Math.abs(a - b) <= 0.02 * Math.max(a, b) + 1e-9;
      t.true(close(again.moments().mean, histogram.moments().mean));
    }),
  );
});

test('a checkpoint full of nonsense gives an empty histogram', (t) => {
  const buckets = [
    [-1, 5],
    [1e9, 5],
    [3, Number.NaN],
    [4, -2],
  ] as const;
  t.true(DecayingHistogram.from(CPU_SHAPE, { buckets, scale: 1, at: 0 }).empty);
  t.true(DecayingHistogram.from(CPU_SHAPE, { buckets: [[1, 1]], scale: Number.NaN, at: 0 }).empty);
});
