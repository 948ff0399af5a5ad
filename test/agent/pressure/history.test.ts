import test from 'ava';
import { PressureHistory, type PressureSample } from '../../../agent/pressure/history.js';

function sample(memoryFull: number, bytes = 4096): PressureSample {
  const none = { someUsec: 0, fullUsec: 0, someAvg10: 0, fullAvg10: 0 };
  const memory = { ...none, someUsec: memoryFull * 2, fullUsec: memoryFull };
  return { memory: { current: bytes }, pressure: { cpu: none, memory, io: none } };
}

test('a point is the share of the time since the one before', (t) => {
  const history = new PressureHistory();
  history.record('w', 1_000_000, sample(5_000_000));
  t.deepEqual(history.last('w'), [], 'the first reading has nothing to be compared with');
  history.record('w', 1_001_000, sample(5_250_000, 8192));
  const none = { some: 0, full: 0 };
  t.deepEqual(history.last('w'), [{ at: 1_001_000, cpu: none, memory: { some: 50, full: 25 }, io: none, bytes: 8192 }]);
  history.record('w', 1_006_000, sample(6_250_000));
  t.deepEqual(history.last('w').at(-1)?.memory, { some: 40, full: 20 });
});

test('the last sixty are kept, the oldest first, and asked for by time', (t) => {
  const history = new PressureHistory();
  for (let second = 0; second <= 200; second++) history.record('w', second * 1000, sample(0, second));
  const points = history.last('w');
  t.is(points.length, 60);
  t.deepEqual([points[0]?.at, points.at(-1)?.at], [141_000, 200_000]);
  t.deepEqual(
    history.last('w', 3000).map(({ bytes }) => bytes),
    [198, 199, 200],
  );
});

test('two who read within half a second make one point', (t) => {
  const history = new PressureHistory();
  history.record('w', 0, sample(0));
  history.record('w', 1000, sample(100_000));
  history.record('w', 1100, sample(200_000));
  history.record('w', 2000, sample(200_000));
  t.deepEqual(
    history.last('w').map(({ memory }) => memory.full),
    [10, 10],
  );
});

test('what was not measured is null, and not a leap afterwards', (t) => {
  const history = new PressureHistory();
  history.record('w', 0, sample(7_000_000));
  history.record('w', 1000, {});
  history.record('w', 2000, sample(7_100_000));
  history.record('w', 3000, sample(7_200_000));
  t.deepEqual(
    history.last('w').map(({ memory, bytes }) => [memory.full, bytes]),
    [
      [null, null],
      [null, 4096],
      [10, 4096],
    ],
  );
});

test('counters that begin anew give no negative share', (t) => {
  const history = new PressureHistory();
  history.record('w', 0, sample(7_000_000));
  history.record('w', 1000, sample(0));
  t.is(history.last('w')[0]?.memory.full, 0);
});

test('what is forgotten is gone', (t) => {
  const history = new PressureHistory();
  history.record('w', 0, sample(0));
  t.is(history.size, 1);
  history.forget('w');
  t.is(history.size, 0);
  t.deepEqual(history.last('w'), []);
});

test('a quiet time leaves no points, and what comes after it is not spread over it', (t) => {
  const history = new PressureHistory();
  const sample = (usec: number) => {
    const totals = { someUsec: usec, fullUsec: 0, someAvg10: 0, fullAvg10: 0 };
    return { pressure: { cpu: totals, memory: totals, io: totals } };
  };
  history.record('w', 1000, sample(0));
  history.record('w', 2000, sample(0));
  for (let at = 3000; at <= 10_000; at += 1000) history.quiet('w', at);
  history.record('w', 11_000, sample(500_000));
  t.deepEqual(
    history.last('w').map(({ at, memory }) => [at, memory.some]),
    [
      [2000, 0],
      [11_000, 50],
    ],
  );
  history.quiet('unknown', 1000);
  t.is(history.size, 1);
});

test('a clock that was set back costs one point, and not all until it is where it was', (t) => {
  const history = new PressureHistory();
  for (let second = 3600; second < 3605; second++) history.record('w', second * 1000, sample(0, second));
  for (let second = 10; second < 13; second++) history.record('w', second * 1000, sample(0, second));
  t.deepEqual(
    history.last('w').map(({ at }) => at),
    [11_000, 12_000],
  );
});
