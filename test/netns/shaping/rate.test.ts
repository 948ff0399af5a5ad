import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { assertBandwidth, bucketOf, fits, ifbNameFor, RATE_LIMITS } from '../../../netns/shaping/rate.js';
import type { Rate } from '../../../netns/types.js';
import { fc } from '../../runner/property.js';

const mtus = fc.integer({ min: 68, max: 65535 });
const rates = fc.integer(RATE_LIMITS).map((bitsPerSecond): Rate => ({ bitsPerSecond, burstBytes: null }));

test('the burst is 5 ms of the rate, at least ten packets; 50 ms more may wait', (t) => {
  const slow = bucketOf({ bitsPerSecond: 20e6, burstBytes: null }, 1500);
  t.deepEqual(slow, { bytesPerSecond: 2.5e6, burstBytes: 15_000, limitBytes: 140_000 });
  const fast = bucketOf({ bitsPerSecond: 1e9, burstBytes: null }, 1500);
  t.deepEqual(fast, { bytesPerSecond: 125e6, burstBytes: 625_000, limitBytes: 6_875_000 });
  const own = bucketOf({ bitsPerSecond: 20e6, burstBytes: 50_000 }, 1500);
  t.deepEqual(own, { bytesPerSecond: 2.5e6, burstBytes: 50_000, limitBytes: 175_000 });
});

test('every rate in the limits makes a bucket that takes a full frame and fits the fields of the kernel', (t) => {
  fc.assert(
    fc.property(rates, mtus, (rate, mtu) => {
      assertBandwidth({ ingress: rate, egress: rate }, mtu);
      const bucket = bucketOf(rate, mtu);
      t.true(bucket.burstBytes >= mtu + 18);
      t.true(bucket.limitBytes >= bucket.burstBytes && bucket.limitBytes < 2 ** 32);
      // The kernel keeps the burst as a time in ticks of 64 ns, in 32 bits.
      t.true((bucket.burstBytes / bucket.bytesPerSecond) * 1e9 < 64 * 2 ** 32);
      t.true(fits(bucket, rate, mtu));
      t.false(fits({ ...bucket, bytesPerSecond: bucket.bytesPerSecond + 1 }, rate, mtu));
    }),
  );
});

const REFUSED: readonly (readonly [string, Rate, RegExp])[] = [
  [
    'no rate',
    { bitsPerSecond: 0, burstBytes: null },
    /ingress.bitsPerSecond \(value "0"\): EINVAL: must be an integer/,
  ],
  ['a negative rate', { bitsPerSecond: -20e6, burstBytes: null }, /64000 to 1000000000000 bit\/s/],
  ['a fraction', { bitsPerSecond: 20e6 + 0.5, burstBytes: null }, /20000000.5/],
  ['no number', { bitsPerSecond: Number.NaN, burstBytes: null }, /NaN/],
  ['an infinite rate', { bitsPerSecond: Number.POSITIVE_INFINITY, burstBytes: null }, /Infinity/],
  ['a burst of nothing', { bitsPerSecond: 20e6, burstBytes: 0 }, /ingress.burstBytes.*1518 \(one full frame\)/],
  ['a burst below one frame', { bitsPerSecond: 20e6, burstBytes: 1517 }, /one full frame/],
  ['250 MB at 10 Mbit/s', { bitsPerSecond: 10e6, burstBytes: 250e6 }, /75000000 \(60 s of the rate\)/],
  ['more than 32 bits', { bitsPerSecond: 1e12, burstBytes: 2 ** 32 }, /4294967295/],
];
for (const [what, rate, rule] of REFUSED) {
  test(`${what} is refused`, (t) => {
    const error = t.throws(() => assertBandwidth({ ingress: rate, egress: null }, 1500), { instanceOf: SysError });
    t.is(error.errnoName, 'EINVAL');
    t.regex(error.message, rule);
    t.throws(() => assertBandwidth({ ingress: null, egress: rate }, 1500), { message: /egress/ });
  });
}

test('an IFB is named after its link', (t) => {
  t.is(ifbNameFor('btabc'), 'Btabc');
  const names = fc.stringMatching(/^[a-z][a-z0-9]{0,14}$/);
  fc.assert(
    fc.property(names, names, (one, other) => {
      t.true(ifbNameFor(one) !== other && ifbNameFor(one).length === one.length);
      t.is(ifbNameFor(one) === ifbNameFor(other), one === other);
    }),
  );
});
