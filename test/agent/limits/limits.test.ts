import test from 'ava';
import { cgroupsSchema } from '../../../agent/config/cgroups.js';
import { desiredValues } from '../../../agent/limits/desired.js';
import { type LimitContext, limitsOf, weightOf } from '../../../agent/limits/limits.js';
import { planValues } from '../../../cgroups/controllers.js';
import { specOf } from '../workload/fake-world.js';
import { ALL_FILES } from './files.js';

const context = (over: Partial<LimitContext> = {}): LimitContext => ({
  files: ALL_FILES,
  device: (path) => (path === '/dev/vda' ? '254:0' : path),
  config: cgroupsSchema.parse({}),
  defaultCpu: 0.1,
  ...over,
});
const limits = (spec: Record<string, unknown>, over: Partial<LimitContext> = {}) =>
  limitsOf(specOf(spec), 0, context(over));
const MIB = 2 ** 20;

test('a quota comes with a burst of a fifth, where the kernel has it and the node wants it', (t) => {
  const spec = { resources: { cpu: { limit: 2 } } };
  t.deepEqual(limits(spec).cpu, { max: 2, burst: 40_000, weight: 200 });
  const without = new Set([...ALL_FILES].filter((file) => file !== 'cpu.max.burst'));
  t.deepEqual(limits(spec, { files: without }).cpu, { max: 2, weight: 200 });
  t.deepEqual(limits(spec, { config: cgroupsSchema.parse({ cpu_burst: 0 }) }).cpu, { max: 2, weight: 200 });
  t.throws(() => limits({ resources: { cpu: { limit: 2, burst: '500ms' } } }), {
    message: /burst: must not exceed the quota/,
  });
  t.is(limits({ resources: { cpu: { limit: 2, burst: '0ms' } } }).cpu?.burst, 0);
});

test('the weight is 100 a core: of the request, else the limit, else what the node counts', (t) => {
  const weight = (spec: Record<string, unknown>) => weightOf(specOf(spec), 0.1);
  t.is(weight({ resources: { cpu: { request: 0.5, limit: 4 } } }), 50);
  t.is(weight({ resources: { cpu: { limit: 4 } } }), 400);
  t.is(weight({}), 10);
  t.is(weight({ class: 'besteffort' }), 1);
  t.is(weight({ class: 'besteffort', resources: { cpu: { request: 1 } } }), 100);
  t.is(weight({ resources: { cpu: { request: 4000 } } }), 10_000);
});

test('what is promised is protected, and swap goes by class', (t) => {
  const memory = { request: '64Mi', limit: '128Mi' };
  t.deepEqual(limits({ class: 'guaranteed', resources: { memory } }).memory, {
    ...{ max: 128 * MIB, min: 128 * MIB, swapMax: 0, oomGroup: true },
  });
  t.deepEqual(limits({ resources: { memory } }).memory, { max: 128 * MIB, low: 64 * MIB, oomGroup: true });
  t.deepEqual(limits({ class: 'besteffort', resources: { memory } }).memory, { max: 128 * MIB, oomGroup: true });
  t.is(limits({ resources: { memory: { ...memory, swap: 0 } } }).memory?.swapMax, 0);
  const compressed = cgroupsSchema.parse({ zswap_burstable: '8Mi' });
  t.is(limits({ resources: { memory } }, { config: compressed }).memory?.zswapMax, 8 * MIB);
  t.is(limits({ resources: { memory: { ...memory, zswap: 0 } } }, { config: compressed }).memory?.zswapMax, 0);
  t.is(limits({ resources: { memory } }).memory?.zswapMax, undefined);
  const open = cgroupsSchema.parse({ protect: false, swap_guaranteed: 'max' });
  t.deepEqual(limits({ class: 'guaranteed', resources: { memory } }, { config: open }).memory, {
    ...{ max: 128 * MIB, oomGroup: true },
  });
});

test('memory.high is there only when the spec asks for it', (t) => {
  t.is(limits({ resources: { memory: { limit: '64Mi' } } }).memory?.high, undefined);
  t.is(limits({ resources: { memory: { limit: '64Mi', high: '32Mi' } } }).memory?.high, 32 * MIB);
});

test('what berth adds by itself asks for no controller that the host lacks; what the spec names does', (t) => {
  const bare = context({ files: new Set(['cgroup.freeze']) });
  t.deepEqual(limitsOf(specOf(), 0, bare), {});
  t.deepEqual(limitsOf(specOf({ resources: { cpu: { weight: 5 } } }), 0, bare), { cpu: { weight: 5 } });
});

test('every field of a spec becomes a value of a file', (t) => {
  const spec = specOf({
    resources: {
      cpu: { limit: 1, period: '50ms', burst: '10ms', weight: 7, uclampMin: 10, uclampMax: 90, cpus: '0-1', mems: '0' },
      memory: { limit: '64Mi', swap: '1Mi', zswap: '2Mi', high: '60Mi' },
      io: [{ device: '/dev/vda', readBps: '50M', writeIops: 500, weight: 30, latency: '10ms' }],
      ioWeight: 50,
      pids: 9,
      hugepages: { '2Mi': '4Mi' },
      misc: { res_a: 3 },
      rdma: { mlx4_0: { handles: 2 } },
      dmem: { 'drm/0000:03:00.0/vram0': '1Gi' },
    },
  });
  const files = planValues(limitsOf(spec, 0, context())).map(({ file }) => file);
  for (const file of [
    ...['cpu.max', 'cpu.max.burst', 'cpu.weight', 'cpu.uclamp.min', 'cpu.uclamp.max', 'cpuset.cpus', 'cpuset.mems'],
    ...['memory.max', 'memory.high', 'memory.swap.max', 'memory.zswap.max', 'memory.oom.group'],
    ...['io.max', 'io.weight', 'io.latency', 'pids.max', 'hugetlb.2MB.max', 'misc.max', 'rdma.max', 'dmem.max'],
  ])
    t.true(files.includes(file), file);
});

test('an idle workload has no weight, and nobody is asked to keep one', (t) => {
  const idle = limits({ resources: { cpu: { idle: true } } });
  t.deepEqual(idle.cpu, { idle: true });
  t.false(desiredValues(idle, false, ALL_FILES).some(({ file }) => file.startsWith('cpu.weight')));
});

test('a device that the names of the spec do not mean any more is not limited any more', (t) => {
  const io = { devices: [{ device: '7:6', readBps: 1 << 20 }] };
  const lines = ['7:5 rbps=1048576 wbps=max riops=max wiops=max', '7:6 rbps=5 wbps=max riops=max wiops=max'].map(
    (value) => ({ file: 'io.max', value }),
  );
  const values = desiredValues({ io }, false, ALL_FILES, lines).filter(({ file }) => file === 'io.max');
  t.deepEqual(values.map(({ value }) => value).sort(), [
    '7:5 rbps=max wbps=max riops=max wiops=max',
    '7:6 rbps=1048576 wbps=max riops=max wiops=max',
  ]);
});

test('desired is every file berth may have set: the spec, else the kernel default, as far as the kernel has it', (t) => {
  const some = new Set(['cpu.max', 'cpu.weight', 'memory.max', 'memory.high', 'pids.max', 'cgroup.freeze']);
  const values = desiredValues({ cpu: { weight: 1 }, memory: { max: 4096 } }, true, some);
  const by = new Map(values.map(({ file, value }) => [file, value]));
  t.deepEqual([...by.keys()].sort(), [...some].sort());
  t.is(by.get('cpu.weight'), '1');
  t.is(by.get('cpu.max'), 'max 100000');
  t.is(by.get('memory.high'), 'max');
  t.is(by.get('cgroup.freeze'), '1');
});
