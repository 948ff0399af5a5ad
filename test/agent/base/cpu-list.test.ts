import test from 'ava';
import { formatCpuList, parseCpuList } from '../../../agent/base/cpu-list.js';
import { fc } from '../../runner/property.js';

test('lists are read as the kernel prints them', (t) => {
  t.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11]);
  t.deepEqual(parseCpuList('5,1,1-2'), [1, 2, 5]);
  t.deepEqual(parseCpuList(''), []);
});

test('what is no list is undefined', (t) => {
  for (const text of ['-1', '3-1', 'a', '1,', '1 2', '0-99999', '0-7:2/4', '1.5'])
    t.is(parseCpuList(text), undefined, text);
});

test('a printed list is read back as the same set', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1023)), (cpus) => {
      t.deepEqual(
        parseCpuList(formatCpuList(cpus)),
        [...cpus].sort((a, b) => a - b),
      );
    }),
  );
  t.is(formatCpuList([8, 0, 2, 1, 3, 11, 10]), '0-3,8,10-11');
});
