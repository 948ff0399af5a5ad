// What deletes what it does not know looks behind no link.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { namesOfReal } from '../../../agent/base/real-directory.js';
import { sweepSaves } from '../../../agent/drivers/firecracker/snapshots.js';
import { Snapshots } from '../../../agent/snapshots/store.js';
import { temporaryDirectory } from '../../runner/temporary.js';

test('names of a directory; none of what is missing, a file or behind a link', async (t) => {
  const root = temporaryDirectory('real');
  mkdirSync(join(root, 'there/b'), { recursive: true });
  writeFileSync(join(root, 'there/a'), '');
  symlinkSync(join(root, 'there'), join(root, 'link'));
  t.deepEqual(await namesOfReal(join(root, 'there')), ['a', 'b']);
  for (const name of ['link', 'missing', 'there/a', 'there/a/x']) t.deepEqual(await namesOfReal(join(root, name)), []);
});

for (const [what, name, sweep] of [
  ['saves of workloads that are gone', 'firecracker', (state: string) => sweepSaves(state, new Set())],
  ['snapshots without a manifest', 'snapshots', (state: string) => new Snapshots(state).load(() => undefined)],
] as const) {
  test(`${what} are removed, and nothing behind a link`, async (t) => {
    const state = temporaryDirectory('state');
    const others = temporaryDirectory('others');
    for (const path of [join(state, name, 'web-1/0001'), join(others, 'vm-1/0001')]) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'file'), '');
    }
    await sweep(state);
    t.false(existsSync(join(state, name, 'web-1/0001')));
    // As a whole, or below it.
    const linked = temporaryDirectory('linked');
    symlinkSync(others, join(linked, name));
    await sweep(linked);
    symlinkSync(join(others, 'vm-1'), join(state, name, 'vm-1'));
    await sweep(state);
    t.true(existsSync(join(others, 'vm-1/0001/file')));
  });
}

test('what berth has not named is no snapshot, and stays', async (t) => {
  const state = temporaryDirectory('state');
  for (const name of ['certs', '1', 'x0001']) mkdirSync(join(state, 'snapshots/ssl', name), { recursive: true });
  await new Snapshots(state).load(() => undefined);
  for (const name of ['certs', '1', 'x0001']) t.true(existsSync(join(state, 'snapshots/ssl', name)), name);
});
