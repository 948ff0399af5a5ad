import test from 'ava';
import { readEvents } from '../../cgroups/events.js';
import { CgroupReader } from '../../cgroups/stats.js';
import { fixture } from './fixture.js';

test('reads all parts, again and again', (t) => {
  const reader = new CgroupReader(fixture('leaf'));
  t.teardown(() => reader.close());
  const expected = {
    cpu: {
      usageUsec: 48211907,
      userUsec: 31024411,
      systemUsec: 17187496,
      periods: 9120,
      throttledPeriods: 318,
      throttledUsec: 12044831,
    },
    memory: {
      current: 134217728,
      peak: 201326592,
      swap: 0,
      max: 268435456,
      events: { high: 3, max: 41, oom: 2, oomKill: 7, oomGroupKill: 1 },
    },
    pids: { current: 12, max: 'max', maxEvents: 4 },
    pressure: {
      cpu: { someAvg10: 1.53, fullAvg10: 0.42, someUsec: 9120331, fullUsec: 812044 },
      memory: { someAvg10: 0, fullAvg10: 0, someUsec: 401, fullUsec: 377 },
      io: { someAvg10: 100, fullAvg10: 99.01, someUsec: 77120, fullUsec: 70991 },
    },
  };
  t.deepEqual(reader.read(), expected);
  t.deepEqual(reader.read(), expected);
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
