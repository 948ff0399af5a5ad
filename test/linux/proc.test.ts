import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import {
  bootId,
  isSameProcess,
  parseCpuTicks,
  parseMemInfo,
  parseStat,
  readCpuTicks,
  readStat,
  sysctl,
  uptime,
} from '../../linux/proc.js';
import { fc } from '../runner/property.js';

test('stat is read past any command name', (t) => {
  const rest = 'S 42 7 8 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200';
  fc.assert(
    fc.property(fc.string({ maxLength: 15 }), fc.integer({ min: 1, max: 4_194_304 }), (comm, pid) => {
      t.deepEqual(parseStat(`${pid} (${comm}) ${rest}`), {
        ...{ pid, comm, state: 'S', ppid: 42, group: 7, session: 8, startTime: 987654 },
      });
    }),
  );
});

test('a process is itself until it is gone', async (t) => {
  const child = spawn('sleep', ['60']);
  const stat = readStat(child.pid ?? 0);
  t.is(stat?.ppid, process.pid);
  t.true(isSameProcess(child.pid ?? 0, stat?.startTime ?? 0));
  t.false(isSameProcess(child.pid ?? 0, (stat?.startTime ?? 0) + 1));
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.false(isSameProcess(child.pid ?? 0, stat?.startTime ?? 0));
});

test('meminfo is in bytes, counts stay counts', (t) => {
  const info = parseMemInfo('MemTotal:       16265820 kB\nHugePages_Total:       3\nActive(anon):  12 kB\n');
  t.is(info.get('MemTotal'), 16265820 * 1024);
  t.is(info.get('HugePages_Total'), 3);
  t.is(info.get('Active(anon)'), 12288);
});

test('ticks of all cpus: what waits for a disk is idle, guests are not counted twice', (t) => {
  const text = 'cpu  100 10 50 1000 40 1 2 3 77 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n';
  t.deepEqual(parseCpuTicks(text), { total: 1206, idle: 1040 });
  const { total, idle } = readCpuTicks();
  t.true(total > 0 && idle <= total);
});

test('boot id, uptime and sysctl of this machine', (t) => {
  t.regex(bootId(), /^[0-9a-f-]{36}$/);
  t.true(uptime() > 0);
  t.regex(sysctl('kernel.pid_max') ?? '', /^\d+$/);
  t.is(sysctl('kernel.no_such_key'), undefined);
});
