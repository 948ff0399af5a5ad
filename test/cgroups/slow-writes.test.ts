import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { reclaimMemory } from '../../cgroups/reclaim.js';
import { SlowWrites } from '../../cgroups/slow-writes.js';

/** As the real one, but each write waits until the shared memory says go: a kernel that reclaims for as long as it likes. */
const STUCK = `
const { parentPort } = require('node:worker_threads');
const { existsSync } = require('node:fs');
const cell = new Int32Array(new SharedArrayBuffer(4));
parentPort.on('message', ({ text }) => {
  while (!existsSync(text)) Atomics.wait(cell, 0, 0, 5);
  parentPort.postMessage(null);
});
`;

function directoryOf(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'slow-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a write arrives, and a refusal of the kernel is an error of node:fs', async (t) => {
  const path = join(directoryOf(t), 'memory.max');
  writeFileSync(path, '');
  const writes = new SlowWrites();
  const fd = openSync(path, 'r+');
  await writes.write(fd, '4096');
  closeSync(fd);
  t.is(readFileSync(path, 'utf8'), '4096');
  const full = openSync('/dev/full', 'r+');
  const error = await t.throwsAsync(writes.write(full, 'x'));
  t.like(error, { code: 'ENOSPC', syscall: 'write' });
  closeSync(full);
  t.is(writes.threads, 1, 'and the thread is used again');
});

test('stuck writes hold up no file of others, and a ninth waits for the first', async (t) => {
  const go = join(directoryOf(t), 'go');
  const writes = new SlowWrites(STUCK);
  const done: number[] = [];
  const stuck = Array.from({ length: 20 }, (_, at) => writes.write(0, go).then(() => done.push(at)));
  t.is(writes.threads, 8);
  // More than the pool of libuv has threads.
  for (let at = 0; at < 20; at++) t.true((await readFile('/proc/self/stat')).length > 0);
  t.deepEqual(done, []);
  writeFileSync(go, '');
  await Promise.all(stuck);
  t.is(done.length, 20);
});

test('memory.reclaim goes this way: less than asked for is no error, anything else is', async (t) => {
  const directory = directoryOf(t);
  writeFileSync(join(directory, 'memory.reclaim'), '');
  const written: string[] = [];
  await reclaimMemory(directory, 4096.4, async (_fd, text) => {
    written.push(text);
    throw Object.assign(new Error('again'), { code: 'EAGAIN', errno: -11 });
  });
  t.deepEqual(written, ['4096']);
  const refuse = (): Promise<void> => Promise.reject(Object.assign(new Error('no'), { code: 'EINVAL', errno: -22 }));
  await t.throwsAsync(reclaimMemory(directory, 4096, refuse), { message: /memory.reclaim.*EINVAL/ });
});
