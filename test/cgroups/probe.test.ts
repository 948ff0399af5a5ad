import test from 'ava';
import { planValues } from '../../cgroups/controllers.js';
import { ioCost, support, unsupported } from '../../cgroups/probe.js';
import { SysError } from '../../linux/errors.js';
import { fixture } from './fixture.js';

test('what is not there is named, with what it needs, each file once', (t) => {
  const values = planValues({
    cpu: { max: 1, burst: 5, uclampMin: 1 },
    pids: { max: 5 },
    io: {
      devices: [
        { device: '8:0', readBps: 1 },
        { device: '8:16', readBps: 1 },
      ],
    },
    hugetlb: { '1GB': 0 },
  });
  const files = new Set([...support(fixture('leaf')), 'cpu.max']);
  t.deepEqual(unsupported(values, files), [
    { file: 'cpu.uclamp.min', need: 'CONFIG_UCLAMP_TASK_GROUP' },
    { file: 'cpu.max.burst', need: 'Linux 5.14' },
    { file: 'io.max', need: 'CONFIG_BLK_DEV_THROTTLING' },
    { file: 'hugetlb.1GB.rsvd.max', need: 'huge pages of that size' },
    { file: 'hugetlb.1GB.max', need: 'huge pages of that size' },
  ]);
  t.deepEqual(unsupported(planValues({ misc: { sev: 1 } }), files), [{ file: 'misc.max', need: 'controller misc' }]);
});

test('a cgroup that is not there is an error; a kernel without cost model has none', (t) => {
  t.throws(() => support(fixture('nowhere')), { instanceOf: SysError });
  t.deepEqual([...ioCost(fixture('bare'))], []);
});
