import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { parseCpuList } from '../../agent/base/cpu-list.js';
import { getAffinity, readThreads, setAffinity } from '../../linux/affinity.js';
import { SysError } from '../../linux/errors.js';

async function allowed(pid: number, tid: number): Promise<number[] | undefined> {
  const status = await readFile(`/proc/${pid}/task/${tid}/status`, 'utf8');
  return parseCpuList(/^Cpus_allowed_list:\s+(.*)$/m.exec(status)?.[1] ?? 'none');
}

test('a thread is allowed what it was given, and the kernel says so', async (t) => {
  const child = spawn('sleep', ['600']);
  t.teardown(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const all = getAffinity(pid) ?? [];
  t.deepEqual(await allowed(pid, pid), all);
  const [first] = all;
  const last = all.at(-1);
  if (first === undefined || last === undefined) return t.fail('no cpu is allowed');
  for (const cpu of [first, last]) {
    t.true(setAffinity(pid, [cpu]));
    t.deepEqual(getAffinity(pid), [cpu]);
    t.deepEqual(await allowed(pid, pid), [cpu]);
  }
  t.deepEqual(
    readThreads(pid).map(({ tid }) => tid),
    [pid],
  );
  // Beyond 1024 cpus the mask is longer than glibc's; what this kernel does not have is left out.
  t.true(setAffinity(pid, [first, 2000]));
  t.deepEqual(getAffinity(pid), [first]);
  const error = t.throws(() => setAffinity(pid, [2000]), { instanceOf: SysError });
  t.is(error?.errnoName, 'EINVAL');
});

test('a thread that has ended is no error', async (t) => {
  const child = spawn('true');
  await once(child, 'exit');
  t.false(setAffinity(child.pid ?? 0, [0]));
  t.is(getAffinity(child.pid ?? 0), undefined);
  t.deepEqual(readThreads(child.pid ?? 0), []);
});
