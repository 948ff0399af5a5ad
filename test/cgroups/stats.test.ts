import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readEvents } from '../../cgroups/events.js';
import { CgroupReader } from '../../cgroups/stats.js';
import { fixture, scratch } from './fixture.js';

/** A cgroup as before Linux 6.12, with files that can be written to. */
function leaf(t: ExecutionContext): string {
  const dir = scratch(t, 'leaf');
  chmodSync(join(dir, 'memory.peak'), 0o444);
  return dir;
}

test('reads all parts, again and again', (t) => {
  const reader = new CgroupReader(leaf(t));
  t.teardown(() => reader.close());
  const expected = {
    cpu: {
      usageUsec: 48211907,
      userUsec: 31024411,
      systemUsec: 17187496,
      periods: 9120,
      throttledPeriods: 318,
      throttledUsec: 12044831,
      bursts: 0,
      burstUsec: 0,
    },
    memory: {
      current: 134217728,
      peak: 201326592,
      peakInterval: 134217728,
      swap: 0,
      zswap: 4096,
      max: 268435456,
      high: 'max',
      events: { high: 3, max: 41, oom: 2, oomKill: 7, oomGroupKill: 1 },
      localEvents: { high: 3, max: 40, oom: 1, oomKill: 6, oomGroupKill: 1 },
      swapEvents: { high: 0, max: 2, fail: 5 },
    },
    pids: { current: 12, peak: 31, max: 'max', maxEvents: 4 },
    io: { readBytes: 77824, writeBytes: 4096, reads: 2, writes: 1 },
    hugetlb: { '2MB': 4194304 },
    descendants: { live: 3, dying: 2 },
    pressure: {
      cpu: { someAvg10: 1.53, fullAvg10: 0.42, someUsec: 9120331, fullUsec: 812044 },
      memory: { someAvg10: 0, fullAvg10: 0, someUsec: 401, fullUsec: 377 },
      io: { someAvg10: 100, fullAvg10: 99.01, someUsec: 77120, fullUsec: 70991 },
    },
  };
  t.deepEqual<unknown, unknown>(reader.read(), expected);
  t.deepEqual<unknown, unknown>(reader.read(), expected);
});

test('of controllers that are off nothing is looked for, and those that are on are what cgroup.controllers says', (t) => {
  const dir = leaf(t);
  writeFileSync(join(dir, 'cgroup.controllers'), 'cpu memory\n');
  const reader = new CgroupReader(dir);
  t.teardown(() => reader.close());
  t.deepEqual(Object.keys(reader.read() ?? {}).sort(), ['cpu', 'descendants', 'memory', 'pressure']);
  // Handed down since: who reads it anew sees it.
  writeFileSync(join(dir, 'cgroup.controllers'), 'cpu memory pids hugetlb\n');
  const again = new CgroupReader(dir);
  t.teardown(() => again.close());
  t.deepEqual(again.read()?.hugetlb, { '2MB': 4_194_304 });
  t.is(again.read()?.pids?.current, 12);
});

test('a sample that is not full renews what changes by the second and keeps the rest', (t) => {
  const dir = leaf(t);
  const reader = new CgroupReader(dir);
  t.teardown(() => reader.close());
  const first = reader.read({ full: false });
  t.is(first?.pids?.current, 12);
  writeFileSync(join(dir, 'memory.current'), '999999999\n');
  writeFileSync(join(dir, 'pids.current'), '77\n');
  writeFileSync(join(dir, 'cpu.stat'), 'usage_usec 50000000\n');
  const hot = reader.read({ full: false });
  t.is(hot?.memory?.current, 999999999);
  t.is(hot?.cpu?.usageUsec, 50000000);
  t.deepEqual(hot?.pids, first?.pids);
  t.is(hot?.memory?.max, 268435456);
  t.is(first?.memory?.current, 134217728);
  t.is(reader.read()?.pids?.current, 77);
});

test('no more is read than is news: of an idle one nothing, of another all of it now and then', (t) => {
  const dir = leaf(t);
  const reader = new CgroupReader(dir);
  t.teardown(() => reader.close());
  const put = (file: string, text: string) => writeFileSync(join(dir, file), `${text}\n`);
  const first = reader.read({ at: 0 });
  put('memory.current', '999999999');
  put('pids.current', '77');
  t.is(reader.read({ at: 1000 }), first);
  put('cpu.stat', 'usage_usec 50000000');
  t.like(reader.read({ at: 2000 }), {
    cpu: { usageUsec: 50000000 },
    memory: { current: 999999999 },
    pids: { current: 12 },
  });
  put('memory.current', '888888888');
  t.is(reader.read({ at: 3000 })?.memory?.current, 999999999);
  put('cpu.stat', 'usage_usec 60000000');
  t.like(reader.read({ at: 4900 }), { memory: { current: 888888888 }, pids: { current: 77 } });
  // Nothing runs in it, and others took its memory.
  put('memory.current', '5');
  t.is(reader.read({ at: 15_000 })?.memory?.current, 888888888);
  t.is(reader.read({ at: 19_500 })?.memory?.current, 5);
});

test('where the kernel cannot start a peak anew, it is the most that was seen since', (t) => {
  const dir = leaf(t);
  const reader = new CgroupReader(dir);
  t.teardown(() => reader.close());
  const current = (bytes: number) => writeFileSync(join(dir, 'memory.current'), `${bytes}\n`);
  reader.read();
  current(500);
  t.is(reader.read()?.memory?.peakInterval, 134217728);
  current(900);
  reader.read({ full: false });
  current(600);
  t.is(reader.read()?.memory?.peakInterval, 900);
  t.is(reader.read()?.memory?.peakInterval, 600);
  t.is(reader.read()?.memory?.peak, 201326592);
});

test('without controllers only what is there', (t) => {
  const reader = new CgroupReader(fixture('bare'));
  t.teardown(() => reader.close());
  t.deepEqual(Object.keys(reader.read() ?? {}), ['cpu']);
});

test('a cgroup that is not there reads as undefined, and so does a closed reader', (t) => {
  const reader = new CgroupReader(fixture('nowhere'));
  t.is(reader.read(), undefined);
  reader.close();
  t.is(reader.read(), undefined);
  t.notThrows(() => reader.close());
});

test('events of a cgroup with and without controllers', (t) => {
  t.deepEqual(readEvents(fixture('leaf')), {
    populated: true,
    frozen: false,
    memory: { high: 3, max: 41, oom: 2, oomKill: 7, oomGroupKill: 1 },
    pidsMax: 4,
  });
  t.deepEqual(readEvents(fixture('bare')), { populated: false, frozen: true });
  t.is(readEvents(fixture('nowhere')), undefined);
});
