import test from 'ava';
import { TenantGroups, type TenantGroupsOptions, type TenantKernelLimits } from '../../../agent/limits/tenants.js';
import { BerthError } from '../../../protocol/errors.js';
import { FakeHost, shrunk } from '../workload/fake-host.js';
import { ALL_FILES } from './files.js';

const MIB = 2 ** 20;
const DEFAULTS = {
  ...{ 'cgroup.max.descendants': 'max', 'cpu.max': 'max 100000', 'cpu.weight': '100', 'memory.min': '0' },
  ...{ 'memory.low': '0', 'memory.max': 'max', 'memory.swap.max': 'max', 'pids.max': 'max' },
};

async function tenant(limits: TenantKernelLimits, over: Partial<TenantGroupsOptions['cgroups']> = {}) {
  const host = new FakeHost();
  const port = host.cgroupPort();
  await port.create('acme/web');
  await port.apply(
    'acme',
    Object.entries(DEFAULTS).map(([file, value]) => ({ file, value })),
  );
  let now = limits;
  const open = (): TenantGroups =>
    new TenantGroups({
      cgroups: { ...port, ...over },
      context: { files: ALL_FILES, device: (path) => path },
      limits: () => now,
    });
  const groups = open();
  const setLimits = (next: TenantKernelLimits): void => {
    now = next;
  };
  return { groups, again: open, setLimits, files: () => Object.fromEntries(host.cgroups.get('acme') ?? []) };
}

test('limits of a tenant are written to its cgroup, and taken away again when nobody asks for them', async (t) => {
  const { groups, setLimits, files } = await tenant({
    memory: 64 * MIB,
    cpu: 1.5,
    cpuWeight: 300,
    pids: 50,
    descendants: 9,
  });
  await groups.apply('acme');
  t.like(files(), {
    ...{ 'memory.max': String(64 * MIB), 'cpu.max': '150000 100000', 'cpu.weight': '300' },
    ...{ 'pids.max': '50', 'cgroup.max.descendants': '9' },
  });
  setLimits({});
  await groups.apply('acme');
  t.like(files(), DEFAULTS);
});

test('limits that left the configuration while no agent ran are taken back by the next one, those of devices too', async (t) => {
  const { groups, again, setLimits, files } = await tenant({
    ...{ pids: 50, cpu: 2 },
    io: [
      { device: '254:0', readBps: MIB, latency: 5000, weight: 200 },
      { device: '8:0', writeIops: 9 },
    ],
  });
  await groups.apply('acme');
  t.like(files(), { 'io.max 254:0': `254:0 rbps=${MIB} wbps=max riops=max wiops=max`, 'pids.max': '50' });
  setLimits({ cpu: 2, io: [{ device: '8:0', writeIops: 7 }] });
  await again().apply('acme');
  t.like(files(), {
    ...{ 'pids.max': 'max', 'cpu.max': '200000 100000' },
    'io.max 254:0': '254:0 rbps=max wbps=max riops=max wiops=max',
    ...{ 'io.latency 254:0': '254:0 target=0', 'io.weight 254:0': '254:0 default' },
    'io.max 8:0': '8:0 rbps=max wbps=max riops=max wiops=7',
  });
  t.deepEqual(
    again()
      .desired('acme')
      .filter(({ file, value }) => file.startsWith('io.') && value.startsWith('254:')),
    [],
  );
});

test('a tenant is protected by the sum of what its workloads are promised', async (t) => {
  const { groups, files } = await tenant({});
  groups.promise('a', 'acme', { memory: { min: 10 * MIB } });
  groups.promise('b', 'acme', { memory: { min: 5 * MIB, low: 7 * MIB } });
  groups.promise('c', 'globex', { memory: { low: MIB } });
  groups.promise('b', 'acme', { memory: { min: 6 * MIB, low: 7 * MIB } });
  await groups.apply('acme');
  t.like(files(), { 'memory.min': String(16 * MIB), 'memory.low': String(7 * MIB) });
  t.deepEqual(groups.total(), { min: 16 * MIB, low: 8 * MIB });
  groups.promise('a', 'acme', null);
  groups.promise('b', 'acme', null);
  await groups.apply('acme');
  t.like(files(), { 'memory.min': '0', 'memory.low': '0' });
});

test('memory that cannot go down leaves the rest applied, and says so until it can', async (t) => {
  let refuse = true;
  const { groups, files } = await tenant(
    { memory: MIB, pids: 5 },
    {
      shrinkMemory: async (_name, limit) => {
        return refuse ? { ...shrunk(limit), outcome: 'refused', why: 'futile', current: 2 * MIB } : shrunk(limit);
      },
    },
  );
  await groups.apply('acme');
  t.is(files()['pids.max'], '5');
  t.regex(groups.refused().get('acme') ?? '', /cannot become 1Mi: 2Mi are in use/);
  refuse = false;
  await groups.apply('acme');
  t.is(groups.refused().size, 0);
});

test('a kernel that says no is an error of the caller, and the next turn comes all the same', async (t) => {
  let fail = true;
  const { groups } = await tenant(
    { pids: 5 },
    {
      apply: async () => {
        if (fail) throw new BerthError('internal', 'EIO');
        return [];
      },
    },
  );
  await t.throwsAsync(groups.apply('acme'), { message: 'EIO' });
  fail = false;
  await t.notThrowsAsync(groups.apply('acme'));
});
