import test from 'ava';
import { controllersNeeded, planChange, planValues } from '../../cgroups/controllers.js';

test('limits become writes in the kernel’s own words', (t) => {
  const limits = {
    cpu: { max: 1.5, weight: 200 },
    memory: { max: 268435456, swapMax: 0 },
    pids: { max: 128 },
  };
  t.deepEqual(planValues(limits), [
    { file: 'cpu.max', value: '150000 100000' },
    { file: 'cpu.weight', value: '200' },
    { file: 'memory.max', value: '268435456' },
    { file: 'memory.swap.max', value: '0' },
    { file: 'memory.oom.group', value: '1' },
    { file: 'pids.max', value: '128' },
  ]);
  t.deepEqual(controllersNeeded(limits), ['cpu', 'memory', 'pids']);
});

test('no limits need no controller and no write', (t) => {
  t.deepEqual(planValues({}), []);
  t.deepEqual(controllersNeeded({ cpu: {} }), []);
});

test('a sliver of cpu is raised to the smallest quota the kernel takes', (t) => {
  t.deepEqual(planValues({ cpu: { max: 0.001 } }), [{ file: 'cpu.max', value: '1000 100000' }]);
});

test('oom.group can be refused', (t) => {
  t.deepEqual(planValues({ memory: { oomGroup: false } }), [{ file: 'memory.oom.group', value: '0' }]);
});

test('a change writes what differs and the default for what was taken away', (t) => {
  const before = { cpu: { max: 2, weight: 50 }, pids: { max: 10 } };
  const after = { cpu: { weight: 50 }, pids: { max: 20 } };
  t.deepEqual(planChange(before, after), [
    { file: 'pids.max', value: '20' },
    { file: 'cpu.max', value: 'max 100000' },
  ]);
  t.deepEqual(planChange(after, after), []);
});
