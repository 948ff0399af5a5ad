import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isOpenForWriting } from '../../linux/lease.js';
import { temporaryDirectory } from '../runner/temporary.js';

test('a file tells whether anybody has it open for writing', (t) => {
  const path = join(temporaryDirectory('lease'), 'file');
  writeFileSync(path, 'x');
  const fd = openSync(path, 'r');
  const reader = openSync(path, 'r');
  t.false(isOpenForWriting(fd));
  const writer = openSync(path, 'r+');
  t.true(isOpenForWriting(fd));
  closeSync(writer);
  t.false(isOpenForWriting(fd));
  t.notThrows(() => closeSync(openSync(path, 'r+')), 'no lease is left');
  closeSync(reader);
  closeSync(fd);
});
