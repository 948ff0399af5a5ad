import test from 'ava';
import { type FutileSample, futile, isArmed, kept, parseFutile } from '../../../agent/pressure/futile.js';

const SETTINGS = { windowMs: 6000, stalled: 0.4, efficiency: 0.1 };
const MIB = 2 ** 20;

/** One sample a second; `per` says what is added in each. */
function stalled(seconds: number, per: Partial<FutileSample> = {}, fixed: Partial<FutileSample> = {}): FutileSample[] {
  const { highEvents = 1000, maxEvents = 0, scanned = 10_000, reclaimed = 300, fullUsec = 861_000 } = per;
  return Array.from({ length: seconds + 1 }, (_, n) => ({
    ...{ at: n * 1000, high: 256 * MIB, max: 'max', current: 300 * MIB },
    ...{ highEvents: n * highEvents, maxEvents: n * maxEvents },
    ...{ scanned: n * scanned, reclaimed: n * reclaimed, fullUsec: n * fullUsec },
    ...fixed,
  }));
}

test('the incident of 90 minutes: found within its first six seconds', (t) => {
  // Containarium#1454: high 556267, max 0; full avg300 86.10; pgscan 79.4M against pgsteal 2.4M; 5400 s.
  const incident = stalled(6, {
    highEvents: 556_267 / 5400,
    scanned: 79.4e6 / 5400,
    reclaimed: 2.4e6 / 5400,
    fullUsec: 861_000,
  });
  t.is(futile(incident.slice(0, 6), SETTINGS), undefined, 'the window is not full yet');
  const found = futile(incident, SETTINGS);
  t.is(found?.ms, 6000);
  t.is(Math.round((found?.stalled ?? 0) * 1000), 861);
  t.true((found?.reclaimed ?? 0) / (found?.scanned ?? 1) < 0.04);
});

test('nothing scanned at all is futile, too: anonymous memory without swap', (t) => {
  t.not(futile(stalled(6, { scanned: 0, reclaimed: 0 }), SETTINGS), undefined);
});

const FINE: readonly [why: string, samples: FutileSample[]][] = [
  ['reclaim gets its pages', stalled(10, { scanned: 10_000, reclaimed: 9000 })],
  ['it is hardly stalled', stalled(10, { fullUsec: 390_000 })],
  ['memory.high took no hold', stalled(10, { highEvents: 0 })],
  ['memory.max takes hold, which kills', stalled(10, { maxEvents: 1 })],
  ['there is no memory.high', stalled(10, {}, { high: 'max' })],
  ['memory.high is not below memory.max', stalled(10, {}, { max: 256 * MIB })],
  ['nobody has looked for six seconds', stalled(5)],
  ['nobody has looked', []],
];
for (const [why, samples] of FINE)
  test(`not futile: ${why}`, (t) => {
    t.is(futile(samples, SETTINGS), undefined);
  });

test('only the last window counts: a stall after a good hour is found, a past one is not', (t) => {
  const good = stalled(3600, { fullUsec: 0 });
  const last = good.at(-1) as FutileSample;
  const bad = stalled(6).map((one) => ({
    ...one,
    at: last.at + one.at,
    highEvents: last.highEvents + one.highEvents,
    fullUsec: last.fullUsec + one.fullUsec,
    scanned: last.scanned + one.scanned,
    reclaimed: last.reclaimed + one.reclaimed,
  }));
  t.not(futile([...good, ...bad.slice(1)], SETTINGS), undefined);
  const over = [...stalled(20), { ...(stalled(20).at(-1) as FutileSample), at: 30_000 }];
  t.is(futile(over, SETTINGS), undefined);
});

test('what no later judgement needs is given up', (t) => {
  t.deepEqual(
    kept(stalled(100), 6000).map(({ at }) => at),
    [94, 95, 96, 97, 98, 99, 100].map((second) => second * 1000),
  );
  t.is(kept(stalled(4), 6000).length, 5);
  t.deepEqual(kept([], 6000), []);
});

test('a sample is read from the texts of the kernel', (t) => {
  const sample = parseFutile(
    {
      ...{ high: '268435456\n', max: 'max\n', current: '300000000\n' },
      events: 'low 0\nhigh 556267\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n',
      stat: 'anon 280000000\nfile 4096\npgscan 79400000\npgsteal 2400000\npgscan_kswapd 1\n',
      pressure:
        'some avg10=90.00 avg60=88.00 avg300=87.00 total=4700000000\nfull avg10=89.00 avg60=87.00 avg300=86.10 total=4649400000\n',
    },
    7,
  );
  t.deepEqual(sample, {
    ...{ at: 7, high: 268_435_456, max: 'max', current: 300_000_000, highEvents: 556_267, maxEvents: 0 },
    ...{ scanned: 79_400_000, reclaimed: 2_400_000, fullUsec: 4_649_400_000 },
  });
  t.true(isArmed(sample));
});
