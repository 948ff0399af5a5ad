import test from 'ava';
import { parseCgroupStat } from '../../cgroups/core.js';
import { cpu, parseCpuStat } from '../../cgroups/cpu.js';
import { parseList } from '../../cgroups/cpuset.js';
import { pageSize, pageSizeOf } from '../../cgroups/hugetlb.js';
import { parseCostEnabled, parseIoStat } from '../../cgroups/io.js';
import { counter, Keys, limitAt, words } from '../../cgroups/keyed.js';
import { kernelMemory, parseMemoryEvents, parseSwapEvents } from '../../cgroups/memory.js';
import { parsePidsEvents } from '../../cgroups/pids.js';
import { parsePressure } from '../../cgroups/psi.js';
import { fc } from '../runner/property.js';

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const percent = fc.nat({ max: 10_000 }).map((hundredths) => hundredths / 100);

test('cpu.stat comes back as it was printed', (t) => {
  fc.assert(
    fc.property(
      fc.tuple(count, count, count, count, count, count),
      ([usage, user, system, periods, throttled, usec]) => {
        const text =
          `usage_usec ${usage}\nuser_usec ${user}\nsystem_usec ${system}\nnice_usec 5\n` +
          `nr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_usec ${usec}\n`;
        t.deepEqual(parseCpuStat(bytes(text)), {
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
  t.is(parseCpuStat(bytes('usage_usec 5\n')).periods, 0);
  t.like(parseCpuStat(bytes('usage_usec 5\nnr_bursts 3\nburst_usec 9\n')), { bursts: 3, burstUsec: 9 });
});

test('memory.events tells keys that begin alike apart', (t) => {
  fc.assert(
    fc.property(count, count, count, (oom, oomKill, oomGroupKill) => {
      const text = `low 0\nhigh 1\nmax 2\noom ${oom}\noom_kill ${oomKill}\noom_group_kill ${oomGroupKill}\n`;
      t.deepEqual(parseMemoryEvents(bytes(text)), { high: 1, max: 2, oom, oomKill, oomGroupKill });
    }),
  );
});

test('memory of the kernel is one line, and was several', (t) => {
  const parts = 'kernel_stack 10\npagetables 20\nsec_pagetables 5\npercpu 3\nsock 4\n';
  t.is(kernelMemory(`anon 1\nfile 2\nkernel 100\n${parts}slab 7\n`), 104);
  t.is(kernelMemory(`anon 1\nfile 2\n${parts}slab 7\n`), 44);
  t.is(kernelMemory(''), 0);
});

test('keys come in any order, with others between them, or not at all', (t) => {
  const key = fc.stringMatching(/^[a-z_]{1,12}$/);
  fc.assert(
    fc.property(fc.dictionary(key, count, { noNullPrototype: true }), fc.uniqueArray(key), (lines, others) => {
      const text = Object.entries(lines)
        .map(([name, value]) => `${name} ${value}\n`)
        .join('');
      const keys = [...new Set([...Object.keys(lines).reverse(), ...others])];
      t.deepEqual(
        new Keys(keys).read(bytes(text), text.length),
        keys.map((name) => (Object.hasOwn(lines, name) ? lines[name] : -1)),
      );
    }),
  );
});

test('single values, limits and lists', (t) => {
  fc.assert(fc.property(count, (value) => t.is(limitAt(bytes(`${value}\n`), `${value}\n`.length), value)));
  t.is(limitAt(bytes('max\n'), 4), 'max');
  t.deepEqual(words('cpu  memory pids\n'), ['cpu', 'memory', 'pids']);
  t.deepEqual(words('\n'), []);
  t.is(counter('', 'max'), 0);
  t.is(parsePidsEvents(bytes('max 7\n')), 7);
  t.deepEqual(parseSwapEvents(bytes('high 1\nmax 2\nfail 3\n')), { high: 1, max: 2, fail: 3 });
});

test('only the bytes that were read count, not what the buffer holds from before', (t) => {
  const buffer = bytes('max 7\nhigh 123456');
  t.is(parsePidsEvents(buffer, 6), 7);
  t.is(parsePidsEvents(buffer, 0), 0);
  t.is(limitAt(bytes('12345678'), 4), 1234);
});

test('cgroup.stat as Linux 6.12 prints them', (t) => {
  const stat = 'nr_descendants 4\nnr_subsys_cpu 1\nnr_subsys_memory 1\nnr_dying_descendants 2\nnr_dying_subsys_cpu 9\n';
  t.deepEqual(parseCgroupStat(bytes(stat)), { live: 4, dying: 2 });
});

test('io.stat is summed over devices, whatever else their lines say', (t) => {
  const device = fc.tuple(fc.nat(1 << 30), fc.nat(1 << 30), fc.nat(1 << 20), fc.nat(1 << 20));
  fc.assert(
    fc.property(fc.array(device), (devices) => {
      const lines = devices.map(
        ([rb, wb, r, w], at) =>
          `8:${at} rbytes=${rb} wbytes=${wb} rios=${r} wios=${w} dbytes=5 dios=6 cost.usage=7.5 win=3\n9:${at} \n`,
      );
      const sum = (index: 0 | 1 | 2 | 3) => devices.reduce((total, each) => total + each[index], 0);
      const expected = { readBytes: sum(0), writeBytes: sum(1), reads: sum(2), writes: sum(3) };
      t.deepEqual(parseIoStat(bytes(lines.join(''))), expected);
    }),
  );
});

test('no text makes a parser throw or return what is no number', (t) => {
  const parsers = [parseCpuStat, parseMemoryEvents, parseSwapEvents, parseIoStat, parseCgroupStat, parsePressure];
  const nearly = fc.array(
    fc.constantFrom('some ', 'avg10=', 'total=', '=', '.', '1', '9', '\n', ' ', 'max', 'rbytes=', 'usage_usec ', '-'),
  );
  const text = fc.oneof(
    nearly.map((parts) => parts.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (input) => {
      for (const parse of parsers) {
        for (const value of Object.values(parse(bytes(input)))) t.true(Number.isFinite(value) && value >= 0);
      }
      t.notThrows(() => [parseList(input), parseCostEnabled(input), pageSize(input), pageSizeOf(input), words(input)]);
    }),
  );
});

test('lists of cpus', (t) => {
  t.deepEqual([...parseList('0-1,3\n')], [0, 1, 3]);
  t.deepEqual([...parseList('\n')], []);
  const members = fc.uniqueArray(fc.nat(200), { minLength: 1 });
  fc.assert(fc.property(members, (list) => t.deepEqual(parseList(list.join(',')), new Set(list))));
});

test('page sizes and the cost model', (t) => {
  t.is(pageSize('2MB'), 2 << 20);
  t.is(pageSize('1GB'), 1 << 30);
  t.is(pageSize('64KB'), 64 << 10);
  t.is(pageSizeOf('hugetlb.2MB.rsvd.max'), '2MB');
  const qos = '254:0 enable=1 ctrl=auto rpct=0.00 rlat=250000\n8:0 enable=0 ctrl=user\n';
  t.deepEqual(
    [...parseCostEnabled(qos)],
    [
      ['254:0', true],
      ['8:0', false],
    ],
  );
});

test('pressure comes back as it was printed, with or without full', (t) => {
  const line = (kind: string, avg: number, total: number): string =>
    `${kind} avg10=${avg.toFixed(2)} avg60=1.00 avg300=2.00 total=${total}\n`;
  fc.assert(
    fc.property(percent, percent, count, count, (someAvg10, fullAvg10, someUsec, fullUsec) => {
      const some = line('some', someAvg10, someUsec);
      t.deepEqual(parsePressure(bytes(some + line('full', fullAvg10, fullUsec))), {
        someAvg10,
        fullAvg10,
        someUsec,
        fullUsec,
      });
      t.deepEqual(parsePressure(bytes(some)), { someAvg10, fullAvg10: 0, someUsec, fullUsec: 0 });
    }),
  );
});

test('a cpu quota is the asked share of its period, to the microsecond', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1024, noNaN: true }), (cores) => {
      const [quota, period] = (cpu.values({ cpu: { max: cores } })[0]?.value ?? '').split(' ').map(Number);
      t.true(Math.abs((quota ?? 0) / (period ?? 1) - cores) <= 0.5 / 100_000 + 1e-9);
    }),
  );
});
