import test from 'ava';
import { planPins } from '../../../agent/placement/vcpus.js';

const threads = (...tids: number[]) => tids.map((tid) => ({ tid }));

test('each vCPU has a cpu of its own, and the VMM what is left', (t) => {
  t.deepEqual(planPins(threads(10, 11, 12, 13), [12, 11], [4, 5, 6]), [
    { tid: 10, cpus: [6] },
    { tid: 11, cpus: [5] },
    { tid: 12, cpus: [4] },
    { tid: 13, cpus: [6] },
  ]);
});

test('where nothing is left the VMM may use all', (t) => {
  t.deepEqual(planPins(threads(10, 11, 12), [11, 12], [4, 5]), [
    { tid: 10, cpus: [4, 5] },
    { tid: 11, cpus: [4] },
    { tid: 12, cpus: [5] },
  ]);
});

test('one thread of several vCPUs has the cpus of all', (t) => {
  t.deepEqual(planPins(threads(10, 11), [11, 11], [4, 5]), [
    { tid: 10, cpus: [4, 5] },
    { tid: 11, cpus: [4, 5] },
  ]);
});

test('more vCPUs than cpus float', (t) => {
  t.deepEqual(planPins(threads(10, 11, 12), [11, 12], [4]), [
    { tid: 10, cpus: [4] },
    { tid: 11, cpus: [4] },
    { tid: 12, cpus: [4] },
  ]);
  t.deepEqual(planPins(threads(10), [10], []), []);
});
