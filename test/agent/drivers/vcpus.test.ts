import test from 'ava';
import { threadsOf } from '../../../agent/drivers/qemu/vcpus.js';

test('threads come in the order of the vCPUs', (t) => {
  const reply = [
    {
      'thread-id': 25628,
      props: { 'core-id': 1 },
      'qom-path': '/machine/unattached/device[2]',
      'cpu-index': 1,
      target: 'x86_64',
    },
    {
      'thread-id': 25627,
      props: { 'core-id': 0 },
      'qom-path': '/machine/unattached/device[0]',
      'cpu-index': 0,
      target: 'x86_64',
    },
  ];
  t.deepEqual(threadsOf(reply), [25627, 25628]);
});

test('another answer is an error', (t) => {
  t.throws(() => threadsOf({ status: 'running' }));
  t.throws(() => threadsOf([{ 'cpu-index': 0 }]));
});
