// Device nodes can be made by root only.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { diskOf } from '../../../agent/limits/io.js';
import { temporaryDirectory } from '../../runner/temporary.js';

test('a name that points to another device later means the other one, and none when it has gone', (t) => {
  const root = temporaryDirectory('disks');
  for (const minor of [5, 6]) {
    t.is(spawnSync('mknod', [join(root, `loop${minor}`), 'b', '7', String(minor)]).status, 0);
    mkdirSync(join(root, `sys/dev/block/7:${minor}`), { recursive: true });
    writeFileSync(join(root, `sys/dev/block/7:${minor}/dev`), `7:${minor}\n`);
  }
  const alias = join(root, 'disk-x');
  const device = (): string | undefined => diskOf(alias, join(root, 'sys'));
  t.is(device(), undefined);
  for (const minor of [5, 6]) {
    rmSync(alias, { force: true });
    symlinkSync(`loop${minor}`, alias);
    t.is(device(), `7:${minor}`);
  }
  rmSync(join(root, 'sys/dev/block/7:6'), { recursive: true });
  t.is(device(), undefined, 'the node is there and the device is not');
});
