// Real stalls of this machine's cpus. A window of 2 s is what the kernel allows without CAP_SYS_RESOURCE.
import { existsSync, rmdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { CgroupSignal } from '../../../cgroups/signals/types.js';
import { SysError } from '../../../linux/errors.js';
import { ABLE, newCgroup, newChild, newSignals, Told } from './fixture.js';

const TRIGGER = { kind: 'some', stallUsec: 50_000, windowUsec: 2_000_000 } as const;

const pressure = existsSync('/proc/pressure/cpu') && ABLE ? test.serial : test.skip;

/** More than there are cpus, so that one always waits. */
async function press(t: ExecutionContext, dir?: string): Promise<void> {
  const count = availableParallelism() + 1;
  for (let i = 0; i < count; i++) await newChild(t, ['sh', '-c', 'while :; do :; done'], dir);
}

pressure('stalls of the host and of a cgroup are told', async (t) => {
  const dir = newCgroup(t);
  const signals = newSignals(t);
  const [host, cgroup] = [new Told<void>(), new Told<void>()];
  signals.pressure('/proc/pressure/cpu', TRIGGER, host.listener);
  signals.pressure(join(dir, 'cpu.pressure'), TRIGGER, cgroup.listener);
  await press(t, dir);
  await Promise.all([host.until(), cgroup.until()]);
  // Once more: nothing has to be armed anew.
  await cgroup.until(undefined, 1);
  t.true(cgroup.all.length >= 2);
});

pressure('a trigger whose cgroup goes falls silent', async (t) => {
  const dir = newCgroup(t);
  const signals = newSignals(t);
  const told = new Told<CgroupSignal>();
  signals.watch(dir, told.listener);
  const watch = signals.pressure(join(dir, 'cpu.pressure'), TRIGGER, () => t.fail('nothing was pressed'));
  rmdirSync(dir);
  await told.until(({ kind }) => kind === 'gone');
  t.deepEqual(told.all, [{ kind: 'gone' }], 'a trigger is no change by somebody');
  watch.close();
});

pressure('what the kernel does not take is an error that says so', (t) => {
  const signals = newSignals(t);
  const open = (file: string, windowUsec: number) => () =>
    signals.pressure(file, { ...TRIGGER, windowUsec }, () => undefined);
  const window = t.throws(open('/proc/pressure/memory', 100), { instanceOf: SysError });
  t.is(window?.errnoName, 'EINVAL');
  t.regex(window?.message ?? '', /some 50000 100.*500 ms to 10 s/);
  const missing = t.throws(open('/proc/pressure/nothing', 2_000_000), { instanceOf: SysError });
  t.is(missing?.errnoName, 'ENOENT');
});
