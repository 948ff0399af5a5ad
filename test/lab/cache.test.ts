import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { once } from './cache.js';
import { identify, isAlive } from './process.js';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-lab-cache-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('many who ask at once get one build', async (t) => {
  const root = await folder(t);
  const target = join(root, 'a', 'thing');
  let builds = 0;
  const ask = () =>
    once(
      target,
      () => existsSync(target),
      async (temporary) => {
        builds++;
        await delay(50);
        await writeFile(temporary, 'built');
      },
    );
  await Promise.all([ask(), ask(), ask()]);
  t.is(builds, 1);
  t.is(await readFile(target, 'utf8'), 'built');
  t.deepEqual(await readdir(join(root, 'a')), ['thing']);
});

test('a build that fails leaves nothing, and the next one starts over', async (t) => {
  const root = await folder(t);
  const target = join(root, 'thing');
  const failing = once(
    target,
    () => existsSync(target),
    async (temporary) => {
      await writeFile(temporary, 'half');
      throw new Error('no space');
    },
  );
  await t.throwsAsync(failing, { message: 'no space' });
  t.deepEqual(await readdir(root), []);
});

test('the lock and the half-built thing of a dead builder are taken over', async (t) => {
  const root = await folder(t);
  const target = join(root, 'thing');
  // This process's number with another start time: what a reused pid looks like.
  await writeFile(`${target}.lock`, JSON.stringify({ pid: process.pid, started: '1' }));
  await writeFile(`${target}.part-1`, 'half');
  await once(
    target,
    () => existsSync(target),
    (temporary) => writeFile(temporary, 'whole'),
  );
  t.is(await readFile(target, 'utf8'), 'whole');
  t.deepEqual(await readdir(root), ['thing']);
});

test('whoever waits for the lock can be told to stop', async (t) => {
  const root = await folder(t);
  const target = join(root, 'thing');
  await writeFile(`${target}.lock`, JSON.stringify(identify(process.pid)));
  const told: number[] = [];
  const waiting = once(
    target,
    () => false,
    async () => {},
    {
      signal: AbortSignal.timeout(100),
      onWait: (pid) => told.push(pid),
    },
  );
  await t.throwsAsync(waiting);
  t.deepEqual(told, [process.pid]);
});

test('a process is known by its number and its start', (t) => {
  const me = identify(process.pid);
  t.truthy(me);
  if (me !== undefined) t.true(isAlive(me));
  t.false(isAlive({ pid: process.pid, started: '1' }));
});
