import test from 'ava';
import { planChange, planValues } from '../../cgroups/controllers.js';
import { changeValues, restoreValues } from '../../cgroups/order.js';
import type { Limits } from '../../cgroups/types.js';
import { fc } from '../runner/property.js';
import { ModelKernel } from './model.js';

/** An object with some of the keys, each present or not. */
function some<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [] }) as unknown as fc.Arbitrary<Partial<T>>;
}

const weight = fc.integer({ min: 1, max: 10_000 });
const bytes = fc.nat({ max: 2 ** 40 }).map((value) => value - (value % 4096));
const device = fc.constantFrom('8:0', '8:16', '254:0').chain((name) =>
  some({ readBps: fc.integer({ min: 1, max: 1e9 }), writeIops: weight, weight, latencyUsec: weight }).map((rest) => ({
    device: name,
    ...rest,
  })),
);

const limits = some<Required<Limits>>({
  cpu: some({
    max: fc.double({ min: 0.01, max: 8, noNaN: true }),
    period: fc.constantFrom(20_000, 100_000),
    burst: fc.nat({ max: 500_000 }),
    weight,
    idle: fc.boolean(),
    uclampMin: fc.nat({ max: 100 }),
  }),
  cpuset: fc.oneof(
    fc.record({ cpus: fc.constantFrom('0', '0-1', '2,3') }),
    fc.record({ cpus: fc.constantFrom('0', '1'), partition: fc.constantFrom('member', 'root', 'isolated') }),
  ),
  memory: some({
    min: bytes,
    low: bytes,
    high: bytes,
    max: bytes,
    swapMax: bytes,
    zswapWriteback: fc.boolean(),
    oomGroup: fc.boolean(),
  }),
  io: some({ weight, devices: fc.uniqueArray(device, { selector: (each) => each.device }) }),
  pids: some({ max: weight }),
  hugetlb: fc.dictionary(fc.constantFrom('2MB', '1GB'), bytes, { noNullPrototype: true }),
  misc: fc.dictionary(fc.constantFrom('sev', 'sev_es'), weight, { noNullPrototype: true }),
  rdma: fc.dictionary(fc.constantFrom('mlx5_0'), some({ hcaHandle: weight, hcaObject: weight }), {
    noNullPrototype: true,
  }),
  dmem: fc.dictionary(fc.constantFrom('drm/card0/vram0'), bytes, { noNullPrototype: true }),
  tree: some({ maxDescendants: weight, maxDepth: weight }),
}) as fc.Arbitrary<Limits>;

function holding(wanted: Limits): ModelKernel {
  const kernel = new ModelKernel();
  kernel.apply(planValues(wanted));
  return kernel;
}

test('every change is one that the kernel takes, step by step, and ends where a fresh cgroup would be', (t) => {
  fc.assert(
    fc.property(limits, limits, (before, after) => {
      const kernel = holding(before);
      kernel.apply(planChange(before, after));
      t.deepEqual(kernel.touched(), holding(after).touched());
    }),
    { numRuns: 500 },
  );
});

test('taking all limits away leaves a cgroup as if nobody had touched it', (t) => {
  fc.assert(
    fc.property(limits, (before) => {
      const kernel = holding(before);
      kernel.apply(planChange(before, {}));
      t.deepEqual(kernel.touched(), {});
    }),
  );
});

test('what apply answered puts back what was there, after one change or several', (t) => {
  fc.assert(
    fc.property(limits, limits, limits, (before, first, second) => {
      const kernel = holding(before);
      const was = kernel.touched();
      const held = [...kernel.apply(planChange(before, first)), ...kernel.apply(planChange(first, second))];
      kernel.apply(restoreValues(held));
      t.deepEqual(kernel.touched(), was);
    }),
    { numRuns: 500 },
  );
});

test('nothing to change is nothing to write', (t) => {
  fc.assert(fc.property(limits, (same) => t.deepEqual(planChange(same, same), [])));
});

test('a layer that makes a group idle takes its weight, and gives it back', (t) => {
  const base = planValues({ cpu: { weight: 200, max: 1 } });
  const layered = [...base, { file: 'cpu.idle', value: '1' }];
  t.deepEqual(changeValues(base, layered), [{ file: 'cpu.idle', value: '1' }]);
  t.deepEqual(changeValues(layered, base), [
    { file: 'cpu.idle', value: '0' },
    { file: 'cpu.weight', value: '200' },
  ]);
});

test('a burst falls before its quota and rises after it', (t) => {
  const small = { cpu: { max: 0.1, burst: 10_000 } };
  const large = { cpu: { max: 1, burst: 100_000 } };
  const files = (from: Limits, to: Limits) => planChange(from, to).map(({ file }) => file);
  t.deepEqual(files(large, small), ['cpu.max.burst', 'cpu.max']);
  t.deepEqual(files(small, large), ['cpu.max', 'cpu.max.burst']);
});

test('a partition that has become invalid is asked for anew', (t) => {
  const held = [{ file: 'cpuset.cpus.partition', value: 'member', previous: 'root' }];
  t.deepEqual(restoreValues(held), [{ file: 'cpuset.cpus.partition', value: 'root' }]);
});
