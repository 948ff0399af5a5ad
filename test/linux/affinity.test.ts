import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readThreads } from '../../linux/affinity.js';

test('threads are read with their names; a process that is not there has none', async (t) => {
  const proc = await mkdtemp(join(tmpdir(), 'berth-threads-'));
  t.teardown(() => rm(proc, { recursive: true }));
  for (const [tid, comm] of [
    [7, 'qemu'],
    [9, 'CPU 0/KVM'],
  ] as const) {
    await mkdir(join(proc, '7/task', String(tid)), { recursive: true });
    await writeFile(join(proc, '7/task', String(tid), 'comm'), `${comm}\n`);
  }
  // One that ended between the two reads.
  await mkdir(join(proc, '7/task/11'));
  t.deepEqual(readThreads(7, proc), [
    { tid: 7, comm: 'qemu' },
    { tid: 9, comm: 'CPU 0/KVM' },
  ]);
  t.deepEqual(readThreads(8, proc), []);
});
