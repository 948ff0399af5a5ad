import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { ReadBuffer } from '../../linux/read-buffer.js';

test('reads from the beginning each time, no more than it holds, and says what failed', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-read-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'file');
  writeFileSync(path, 'first words');
  const fd = openSync(path, 'r');
  const [small, large] = [new ReadBuffer(5), new ReadBuffer(65_536)];
  t.is(small.read(fd, path), 5);
  t.is(small.bytes.toString('latin1'), 'first');
  t.is(large.bytes.toString('latin1', 0, large.read(fd, path)), 'first words');
  writeFileSync(path, '2nd');
  t.is(large.bytes.toString('latin1', 0, large.read(fd, path)), '2nd');
  closeSync(fd);
  // Open, and not for reading: the number of a closed one may be another's by now, as tests share a process.
  const writeOnly = openSync(path, 'a');
  t.teardown(() => closeSync(writeOnly));
  const error = t.throws(() => large.read(writeOnly, path), { instanceOf: SysError });
  t.deepEqual([error?.op, error?.path, error?.errnoName], ['read', path, 'EBADF']);
});
