import test from 'ava';
import { controllersNeeded, planChange, planValues } from '../../cgroups/controllers.js';
import type { Limits } from '../../cgroups/types.js';

test('limits become writes in the kernel’s own words', (t) => {
  const limits = {
    cpu: { max: 1.5, weight: 200 },
    memory: { max: 268435456, swapMax: 0 },
    pids: { max: 128 },
  };
  t.deepEqual(planValues(limits), [
    { file: 'cpu.weight', value: '200' },
    { file: 'cpu.max', value: '150000 100000' },
    { file: 'memory.oom.group', value: '1' },
    { file: 'memory.swap.max', value: '0' },
    { file: 'memory.max', value: '268435456' },
    { file: 'pids.max', value: '128' },
  ]);
  t.deepEqual(controllersNeeded(limits), ['cpu', 'memory', 'pids']);
});

test('no limits need no controller and no write', (t) => {
  t.deepEqual(planValues({}), []);
  t.deepEqual(controllersNeeded({ cpu: {} }), []);
});

test('a sliver of cpu has the longest period, as the kernel takes no quota below 1 ms', (t) => {
  t.deepEqual(planValues({ cpu: { max: 0.001 } }), [{ file: 'cpu.max', value: '1000 1000000' }]);
});

test('oom.group can be refused', (t) => {
  t.deepEqual(planValues({ memory: { oomGroup: false } }), [{ file: 'memory.oom.group', value: '0' }]);
});

test('a change writes what differs and the default for what was taken away', (t) => {
  const before = { cpu: { max: 2, weight: 50 }, pids: { max: 10 } };
  const after = { cpu: { weight: 50 }, pids: { max: 20 } };
  t.deepEqual(planChange(before, after), [
    { file: 'cpu.max', value: 'max 100000' },
    { file: 'pids.max', value: '20' },
  ]);
  t.deepEqual(planChange(after, after), []);
});

test('every controller has its words', (t) => {
  const plan = (limits: Limits): string[] => planValues(limits).map(({ file, value }) => `${file} <- ${value}`);
  t.deepEqual(
    plan({ cpu: { max: 2, period: 50_000, burst: 20_000, idle: true, weight: 7, uclampMin: 12.345, uclampMax: 100 } }),
    [
      'cpu.idle <- 1',
      'cpu.uclamp.min <- 12.35',
      'cpu.uclamp.max <- max',
      'cpu.max <- 100000 50000',
      'cpu.max.burst <- 20000',
    ],
  );
  t.deepEqual(plan({ cpu: { max: 0.5, burst: 80_000 } }), ['cpu.max <- 50000 100000', 'cpu.max.burst <- 50000']);
  t.deepEqual(plan({ cpu: { period: 20_000 } }), ['cpu.max <- max 20000']);
  t.deepEqual(plan({ cpuset: { cpus: '0-1,3', mems: '0', partition: 'isolated' } }), [
    'cpuset.mems <- 0',
    'cpuset.cpus <- 0-1,3',
    'cpuset.cpus.partition <- isolated',
  ]);
  t.deepEqual(
    plan({
      memory: {
        min: 1,
        low: 2,
        high: 3,
        max: 4,
        swapMax: 5,
        swapHigh: 6,
        zswapMax: 7,
        zswapWriteback: false,
        oomGroup: false,
      },
    }),
    [
      'memory.oom.group <- 0',
      'memory.zswap.writeback <- 0',
      'memory.zswap.max <- 7',
      'memory.swap.max <- 5',
      'memory.swap.high <- 6',
      'memory.max <- 4',
      'memory.high <- 3',
      'memory.low <- 2',
      'memory.min <- 1',
    ],
  );
  const devices = [
    { device: '8:0', writeBps: 1024, readIops: 9, weight: 50 },
    { device: '8:16', latencyUsec: 10_000 },
  ];
  t.deepEqual(plan({ io: { weight: 200, devices } }), [
    'io.weight <- default 200',
    'io.weight <- 8:0 50',
    'io.max <- 8:0 rbps=max wbps=1024 riops=9 wiops=max',
    'io.latency <- 8:16 target=10000',
  ]);
  t.deepEqual(plan({ hugetlb: { '2MB': 4 << 20 } }), ['hugetlb.2MB.rsvd.max <- 4194304', 'hugetlb.2MB.max <- 4194304']);
  t.deepEqual(plan({ misc: { sev: 2 }, dmem: { 'drm/0000:03:00.0/vram0': 5 }, rdma: { mlx5_0: { hcaHandle: 3 } } }), [
    'misc.max <- sev 2',
    'rdma.max <- mlx5_0 hca_handle=3 hca_object=max',
    'dmem.max <- drm/0000:03:00.0/vram0 5',
  ]);
  t.deepEqual(plan({ tree: { maxDescendants: 10, maxDepth: 2 } }), [
    'cgroup.max.descendants <- 10',
    'cgroup.max.depth <- 2',
  ]);
});

test('the tree needs no controller, and a device that loses its limits is lifted by itself', (t) => {
  t.deepEqual(controllersNeeded({ tree: { maxDepth: 1 }, io: { weight: 1 }, hugetlb: { '2MB': 0 } }), [
    'io',
    'hugetlb',
  ]);
  const both = {
    io: {
      devices: [
        { device: '8:0', readBps: 1, weight: 2, latencyUsec: 3 },
        { device: '8:16', readBps: 1 },
      ],
    },
  };
  t.deepEqual(planChange(both, { io: { devices: both.io.devices.slice(1) } }), [
    { file: 'io.weight', value: '8:0 default' },
    { file: 'io.max', value: '8:0 rbps=max wbps=max riops=max wiops=max' },
    { file: 'io.latency', value: '8:0 target=0' },
  ]);
});
