import test from 'ava';
import fc from 'fast-check';
import { cpuValues, parseCpuStat } from '../../cgroups/cpu.js';
import { counter, limit, words } from '../../cgroups/keyed.js';
import { parseMemory, parseMemoryEvents } from '../../cgroups/memory.js';
import { parsePids } from '../../cgroups/pids.js';
import { parsePressure } from '../../cgroups/psi.js';

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const percent = fc.nat({ max: 10_000 }).map((hundredths) => hundredths / 100);

test('cpu.stat comes back as it was printed', (t) => {
  fc.assert(
    fc.property(
      fc.tuple(count, count, count, count, count, count),
      ([usage, user, system, periods, throttled, usec]) => {
        const text =
          `usage_usec ${usage}\nuser_usec ${user}\nsystem_usec ${system}\nnice_usec 5\n` +
          `nr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_usec ${usec}\n`;
        t.deepEqual(parseCpuStat(text), {
          usageUsec: usage,
          userUsec: user,
          systemUsec: system,
          periods,
          throttledPeriods: throttled,
          throttledUsec: usec,
        });
      },
    ),
  );
  t.is(parseCpuStat('usage_usec 5\n').periods, 0);
});

test('memory.events tells keys that begin alike apart', (t) => {
  fc.assert(
    fc.property(count, count, count, (oom, oomKill, oomGroupKill) => {
      const text = `low 0\nhigh 1\nmax 2\noom ${oom}\noom_kill ${oomKill}\noom_group_kill ${oomGroupKill}\n`;
      t.deepEqual(parseMemoryEvents(text), { high: 1, max: 2, oom, oomKill, oomGroupKill });
    }),
  );
});

test('single values, limits and lists', (t) => {
  fc.assert(fc.property(count, (value) => t.is(limit(`${value}\n`), value)));
  t.is(limit('max\n'), 'max');
  t.deepEqual(words('cpu  memory pids\n'), ['cpu', 'memory', 'pids']);
  t.deepEqual(words('\n'), []);
  t.is(counter('', 'max'), 0);
});

test('memory without peak and swap leaves them out', (t) => {
  t.deepEqual(parseMemory({ current: '4096\n', max: 'max\n', events: '' }), {
    current: 4096,
    max: 'max',
    events: { high: 0, max: 0, oom: 0, oomKill: 0, oomGroupKill: 0 },
  });
});

test('pids', (t) => {
  t.deepEqual(parsePids({ current: '3\n', max: '100\n', events: 'max 7\n' }), { current: 3, max: 100, maxEvents: 7 });
});

test('pressure comes back as it was printed, with or without full', (t) => {
  const line = (kind: string, avg: number, total: number): string =>
    `${kind} avg10=${avg.toFixed(2)} avg60=1.00 avg300=2.00 total=${total}\n`;
  fc.assert(
    fc.property(percent, percent, count, count, (someAvg10, fullAvg10, someUsec, fullUsec) => {
      const some = line('some', someAvg10, someUsec);
      t.deepEqual(parsePressure(some + line('full', fullAvg10, fullUsec)), {
        someAvg10,
        fullAvg10,
        someUsec,
        fullUsec,
      });
      t.deepEqual(parsePressure(some), { someAvg10, fullAvg10: 0, someUsec, fullUsec: 0 });
    }),
  );
});

test('a cpu quota is the asked share of its period, to the microsecond', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1024, noNaN: true }), (cores) => {
      const [quota, period] = (cpuValues({ cpu: { max: cores } })[0]?.value ?? '').split(' ').map(Number);
      t.true(Math.abs((quota ?? 0) / (period ?? 1) - cores) <= 0.5 / 100_000 + 1e-9);
    }),
  );
});
