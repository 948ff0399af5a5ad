// On the real hierarchy of this machine, whatever controllers it has.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import type { CgroupSignal } from '../../../cgroups/signals/types.js';
import { SysError } from '../../../linux/errors.js';
import { scratch } from '../fixture.js';
import { ABLE, inotifyWatches, isEvents, isWritten, newCgroup, newChild, newSignals, Told } from './fixture.js';

const kernel = ABLE ? test.serial : test.skip;

kernel('a cgroup tells of filling and emptying', async (t) => {
  const dir = newCgroup(t);
  const told = new Told<CgroupSignal>();
  const watch = newSignals(t).watch(dir, told.listener);
  t.deepEqual(watch.events, { populated: false, frozen: false });
  const child = await newChild(t, ['sleep', '60'], dir);
  await told.until(isEvents({ populated: true }));
  t.true(watch.events.populated);
  child.kill('SIGKILL');
  await told.until(isEvents({ populated: false }));
  t.false(watch.events.populated);
});

kernel('what somebody writes to a control file is told with its name, and what follows from it', async (t) => {
  const dir = newCgroup(t);
  const told = new Told<CgroupSignal>();
  const signals = newSignals(t);
  signals.watch(dir, told.listener);
  const writer = spawn('sh', ['-c', `echo 7 > ${dir}/cgroup.max.depth`], { stdio: 'ignore' });
  await once(writer, 'exit');
  await told.until(isWritten('cgroup.max.depth'));
  writeFileSync(join(dir, 'cgroup.freeze'), '1', { flag: 'r+' });
  await told.until(isEvents({ frozen: true }));
  await told.until(isWritten('cgroup.freeze'));
  readFileSync(join(dir, 'cgroup.max.depth'));
  writeFileSync(join(dir, 'cgroup.max.descendants'), '9', { flag: 'r+' });
  await told.until(isWritten('cgroup.max.descendants'));
  t.is(told.all.filter(isWritten('cgroup.max.depth')).length, 1, 'reading is no writing');
});

kernel('a cgroup that goes is told once; one of the same name is another', async (t) => {
  const dir = newCgroup(t);
  const signals = newSignals(t);
  const [old, young] = [new Told<CgroupSignal>(), new Told<CgroupSignal>()];
  signals.watch(dir, old.listener);
  // All of it before the loop can read what the kernel has queued for the old one.
  rmdirSync(dir);
  mkdirSync(dir);
  signals.watch(dir, young.listener);
  await old.until(({ kind }) => kind === 'gone');
  t.deepEqual(old.all, [{ kind: 'gone' }]);
  writeFileSync(join(dir, 'cgroup.max.depth'), '7', { flag: 'r+' });
  await young.until(isWritten('cgroup.max.depth'));
  rmdirSync(dir);
  await young.until(({ kind }) => kind === 'gone');
  t.is(old.all.length, 1);
  const error = t.throws(() => signals.watch(dir, old.listener), { instanceOf: SysError });
  t.is(error?.errnoName, 'ENOENT');
});

kernel('a parent may be watched as well, and a whole branch may go', async (t) => {
  const dir = newCgroup(t);
  const inner = join(dir, 'inner');
  mkdirSync(inner);
  const signals = newSignals(t);
  const [outside, inside] = [new Told<CgroupSignal>(), new Told<CgroupSignal>()];
  signals.watch(inner, inside.listener);
  signals.watch(dir, outside.listener);
  const child = await newChild(t, ['sleep', '60'], inner);
  await Promise.all([outside, inside].map((told) => told.until(isEvents({ populated: true }))));
  child.kill('SIGKILL');
  await Promise.all([outside, inside].map((told) => told.until(isEvents({ populated: false }))));
  rmdirSync(inner);
  rmdirSync(dir);
  await Promise.all([outside, inside].map((told) => told.until(({ kind }) => kind === 'gone')));
  t.true(outside.all.every(({ kind }) => kind !== 'lost'));
});

kernel('one watch for each cgroup and one for the parent, and none is left', async (t) => {
  const dir = newCgroup(t);
  const dirs = ['a', 'b', 'c'].map((name) => join(dirname(dir), name));
  for (const each of dirs) mkdirSync(each);
  const all = [dirname(dir), dir, ...dirs];
  const signals = newSignals(t);
  const watches = [dir, dir, ...dirs].map((each) => signals.watch(each, () => undefined));
  t.deepEqual(inotifyWatches(all), [1, 1, 1, 1, 1]);
  watches[0]?.close();
  watches[0]?.close();
  t.deepEqual(inotifyWatches(all), [1, 1, 1, 1, 1], 'the directory is watched for another');
  watches[1]?.close();
  t.deepEqual(inotifyWatches(all), [1, 0, 1, 1, 1]);
  for (const watch of watches) watch.close();
  t.deepEqual(inotifyWatches(all), [0, 0, 0, 0, 0]);
});

kernel('a full queue is told, and the counters are read again', async (t) => {
  const dir = newCgroup(t);
  const told = new Told<CgroupSignal>();
  newSignals(t).watch(dir, told.listener);
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'));
  // The same file twice in a row would be one event. Nobody reads the queue before this loop gives way.
  const files = ['cgroup.max.depth', 'cgroup.max.descendants'].map((file) => openSync(join(dir, file), 'r+'));
  for (let count = 0; count <= limit; count += files.length) for (const fd of files) writeSync(fd, '7', 0);
  writeFileSync(join(dir, 'cgroup.freeze'), '1', { flag: 'r+' });
  for (const fd of files) closeSync(fd);
  await told.until(({ kind }) => kind === 'lost');
  await told.until(isEvents({ frozen: true }));
  t.false(told.all.some(isWritten('cgroup.freeze')), 'it did not fit');
  const from = told.all.length;
  writeFileSync(join(dir, 'cgroup.freeze'), '0', { flag: 'r+' });
  await told.until(isWritten('cgroup.freeze'), from);
});

kernel('a listener that throws is reported and hurts no other', async (t) => {
  const errors = new Told<unknown>();
  const signals = newSignals(t, { onError: errors.listener });
  const dir = newCgroup(t);
  const told = new Told<CgroupSignal>();
  const wrong = new Error('of the listener');
  signals.watch(dir, () => {
    throw wrong;
  });
  signals.watch(dir, told.listener);
  writeFileSync(join(dir, 'cgroup.max.depth'), '7', { flag: 'r+' });
  await told.until();
  await errors.until((error) => error === wrong);
  t.is(errors.all.length, 1);
});

kernel('a thread that dies is replaced, and nothing is missed', async (t) => {
  const dir = newCgroup(t);
  const threadUrl = new URL('./dying-thread.js', import.meta.url);
  const errors = new Told<unknown>();
  const onError = (error: unknown): void => {
    // A thread gets its environment from the one that starts it.
    process.env.BERTH_TEST_THREAD_DIED = 'yes';
    errors.listener(error);
  };
  const signals = newSignals(t, { onError, threadUrl });
  const cgroup = new Told<CgroupSignal>();
  signals.watch(dir, cgroup.listener);
  const child = await newChild(t, ['sleep', '60'], dir);
  child.kill('SIGKILL');
  await errors.until((error) => error instanceof Error && error.message === 'died of the first event');
  await cgroup.until(({ kind }) => kind === 'lost');
  writeFileSync(join(dir, 'cgroup.max.depth'), '7', { flag: 'r+' });
  await cgroup.until(isWritten('cgroup.max.depth'));
  t.is(errors.all.length, 1);
});

kernel('closing tells nothing more, may be repeated, and leaves nothing to use', async (t) => {
  const dir = newCgroup(t);
  const signals = newSignals(t);
  const watch = signals.watch(dir, () => t.fail('closed'));
  writeFileSync(join(dir, 'cgroup.max.depth'), '7', { flag: 'r+' });
  await setImmediate();
  await Promise.all([signals.close(), signals.close()]);
  watch.close();
  await signals.close();
  const error = t.throws(() => signals.watch(dir, () => undefined), { instanceOf: SysError });
  t.is(error?.errnoName, 'ECANCELED');
});

test('a process that ends without closing does not wait for the thread', async (t) => {
  const index = new URL('../../../cgroups/signals/index.js', import.meta.url);
  const code = `const { openSignals } = await import('${index}');
openSignals({ onError: console.error }).watch('${scratch(t, 'bare')}', () => undefined);
setTimeout(() => process.exit(7), 1);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  t.deepEqual(await once(child, 'exit'), [7, null]);
});
