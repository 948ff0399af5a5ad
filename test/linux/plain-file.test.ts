import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readPlain } from '../../linux/plain-file.js';

const directory = mkdtempSync(join(tmpdir(), 'bp-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

test('a plain file is read whole, up to the bound', async (t) => {
  const path = join(directory, 'plain');
  for (const length of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const bytes = Buffer.alloc(length, 'x');
    writeFileSync(path, bytes);
    t.deepEqual(await readPlain(path, 200_000), bytes);
  }
  writeFileSync(path, Buffer.alloc(200_001));
  await t.throwsAsync(readPlain(path, 200_000), { message: /read .*plain: EFBIG: more than 200000 bytes/ });
});

test('what is no plain file is an error at once, and nobody waits for its other end', async (t) => {
  const [fifo, folder, socket] = ['fifo', 'folder', 'socket'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  execFileSync('mkfifo', [fifo]);
  mkdirSync(folder);
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  for (const path of [fifo, folder, '/dev/zero', '/dev/null'])
    await t.throwsAsync(readPlain(path, 1024), { message: `read ${path}: EINVAL: not a regular file` });
  await t.throwsAsync(readPlain(socket, 1024), { message: `read ${socket}: ENXIO` });
  await t.throwsAsync(readPlain(join(directory, 'none'), 1024), { message: /read .*none: ENOENT/ });
});

test('a file whose size says nothing is bounded by what it holds', async (t) => {
  t.regex((await readPlain('/proc/self/status', 65_536)).toString(), /^Name:/);
  await t.throwsAsync(readPlain('/proc/kallsyms', 1024), { message: /EFBIG/ });
});
