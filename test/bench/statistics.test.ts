import test from 'ava';
import { isMet, percentile, ratioOf, ratioRange, summarise, targetText } from './statistics.js';

const HUNDRED = Array.from({ length: 100 }, (_, at) => 100 - at);

test('percentiles are measured values, whatever the order', (t) => {
  t.is(percentile(HUNDRED, 0.5), 50);
  t.is(percentile(HUNDRED, 0.99), 99);
  t.is(percentile([3, 1, 2], 0.5), 2);
  t.is(percentile([4, 1], 0.5), 1);
  t.is(percentile([7], 0.99), 7);
  t.is(percentile([10, 9], 0), 9);
});

test('numbers are not sorted as text', (t) => {
  t.is(percentile([10, 9, 100], 0.5), 10);
});

test('without a value there is no percentile', (t) => {
  t.throws(() => percentile([], 0.5), { instanceOf: RangeError, message: /no value/ });
});

test('a summary is of the values of all rounds', (t) => {
  const rounds = [HUNDRED.slice(0, 30), HUNDRED.slice(30)];
  t.deepEqual(summarise(rounds), { p10: 10, p50: 50, p90: 90, p99: 99 });
});

test('the ratio goes the way that its target bounds', (t) => {
  t.is(ratioOf(2, 28, { atLeast: 14 }), 14);
  t.is(ratioOf(2, 28, null), 14);
  t.is(ratioOf(3, 2, { atMost: 2 }), 1.5);
});

test('the range is that of the single rounds, as far as both have them', (t) => {
  t.deepEqual(ratioRange([[1, 1, 9], [2], [1]], [[10], [30]], { atLeast: 8 }), [10, 15]);
  t.deepEqual(ratioRange([[1], [2]], [[4], [4]], { atMost: 2 }), [0.25, 0.5]);
});

test('a target is met at its bound', (t) => {
  t.true(isMet(14, { atLeast: 14 }));
  t.false(isMet(13.99, { atLeast: 14 }));
  t.true(isMet(1.15, { atMost: 1.15 }));
  t.false(isMet(1.16, { atMost: 1.15 }));
  t.is(targetText({ atLeast: 14 }), '>= 14');
  t.is(targetText({ atMost: 1.15 }), '<= 1.15');
});
