import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Leaks } from '../../cgroups/leaks.js';
import { scratch } from './fixture.js';

/** A directory that cannot be removed until `release`; `tried` resolves with each attempt. */
function stuck(t: ExecutionContext) {
  const dir = join(scratch(t), 'stuck');
  mkdirSync(dir);
  t.teardown(() => existsSync(dir) && rmdirSync(dir));
  // The timers of the list do not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  let busy = true;
  let waiting: (() => void)[] = [];
  return {
    dir,
    release: () => {
      busy = false;
    },
    tried: async () => new Promise<void>((resolve) => waiting.push(resolve)),
    remove: async (path: string) => {
      const told = waiting;
      waiting = [];
      try {
        if (busy) throw new Error('EBUSY, still');
        await rmdir(path);
      } finally {
        for (const tell of told) tell();
      }
    },
  };
}

/** Until the list says so; it is changed by timers. */
async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('a leak is told of, tried again, and off the list when it is gone', async (t) => {
  const { dir, release, tried, remove } = stuck(t);
  const leaks = new Leaks({ firstMs: 1, mostMs: 2, remove });
  leaks.add(dir, new Error('EBUSY'));
  leaks.add(dir, new Error('again'));
  t.like(leaks.list(), [{ dir, attempts: 0, error: 'EBUSY', dying: 0 }]);
  await tried();
  await tried();
  await until(() => (leaks.list()[0]?.attempts ?? 0) >= 2);
  t.is(leaks.list()[0]?.error, 'EBUSY, still');
  t.true(leaks.list().length === 1 && existsSync(dir));
  release();
  await until(() => leaks.list().length === 0);
  t.false(existsSync(dir));
});

test('a directory that is wanted again, or its parent, is left alone', async (t) => {
  for (const wanted of [(dir: string) => dir, (dir: string) => join(dir, '..'), (dir: string) => join(dir, 'below')]) {
    const { dir, release, tried, remove } = stuck(t);
    const leaks = new Leaks({ firstMs: 1, mostMs: 1, remove });
    leaks.add(dir, 'busy');
    await tried();
    await leaks.forget(wanted(dir));
    t.deepEqual(leaks.list(), []);
    release();
    await new Promise((resolve) => setTimeout(resolve, 10));
    t.true(existsSync(dir));
  }
});

test('one with a like name is not meant', async (t) => {
  const leaks = new Leaks({ firstMs: 60_000 });
  leaks.add('/nowhere/a', 'busy');
  await leaks.forget('/nowhere/ab');
  t.is(leaks.list().length, 1);
});

test('what was made anew under the same name is not removed', async (t) => {
  const { dir, release, remove } = stuck(t);
  release();
  const leaks = new Leaks({ firstMs: 5, remove });
  leaks.add(dir, 'busy');
  rmdirSync(dir);
  // These take the inode, should the file system give it again; a cgroup's is never given twice.
  const others = Array.from({ length: 64 }, (_, n) => `${dir}-other-${n}`);
  for (const other of others) mkdirSync(other);
  mkdirSync(dir);
  t.teardown(() => others.forEach((other) => void rmdirSync(other)));
  await until(() => leaks.list().length === 0);
  t.true(existsSync(dir));
});

test('a signal ends the retries, and the list still says what is there', async (t) => {
  const { dir, tried, remove } = stuck(t);
  const stop = new AbortController();
  const leaks = new Leaks({ firstMs: 1, mostMs: 1, remove, signal: stop.signal });
  leaks.add(dir, 'busy');
  await tried();
  await until(() => leaks.list()[0]?.attempts === 1);
  stop.abort();
  const { attempts } = leaks.list()[0] ?? {};
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.true((leaks.list()[0]?.attempts ?? 0) <= (attempts ?? 0) + 1);
  t.is(leaks.list().length, 1);
});
