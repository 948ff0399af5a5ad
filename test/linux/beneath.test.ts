// Nothing outside of the root is ever held, whatever the tree is made of and however it changes meanwhile.
import { mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openBeneath } from '../../linux/beneath.js';
import { codeOf } from '../../linux/errors.js';
import { temporaryDirectory } from '../runner/temporary.js';

/** What is held, as the kernel names it; an errno where nothing is. */
async function held(root: string, path: string): Promise<string> {
  try {
    const handle = await openBeneath(root, path);
    const place = realpathSync(`/proc/self/fd/${handle.fd}`);
    await handle.close();
    return place;
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}

function tree(): { readonly root: string; readonly outside: string } {
  const top = temporaryDirectory('beneath');
  const [root, outside] = [join(top, 'root'), join(top, 'outside')];
  mkdirSync(join(root, 'a/b'), { recursive: true });
  mkdirSync(join(outside, 'b'), { recursive: true });
  for (const place of [root, join(root, 'a/b'), outside, join(outside, 'b')]) writeFileSync(join(place, 'file'), place);
  return { root, outside };
}

test('files and directories beneath are held, the root itself, and a root that is a link', async (t) => {
  const { root } = tree();
  t.is(await held(root, ''), root);
  t.is(await held(root, 'a/b'), join(root, 'a/b'));
  t.is(await held(root, 'a/b/file'), join(root, 'a/b/file'));
  symlinkSync('root', `${root}-link`);
  t.is(await held(`${root}-link`, 'a'), join(root, 'a'));
});

test('links, climbing and what is not there are errors', async (t) => {
  const { root, outside } = tree();
  symlinkSync(outside, join(root, 'absolute'));
  symlinkSync('../outside', join(root, 'relative'));
  symlinkSync('a', join(root, 'within'));
  symlinkSync('nowhere', join(root, 'dangling'));
  for (const name of ['absolute', 'relative', 'within', 'dangling', 'absolute/b', 'relative/file', 'within/b'])
    t.is(await held(root, name), 'ELOOP', name);
  for (const name of ['..', '../outside', 'a/../..', './a', 'a//b', '/a']) t.is(await held(root, name), 'EINVAL', name);
  t.is(await held(root, 'none'), 'ENOENT');
  t.is(await held(root, 'file/x'), 'ENOTDIR');
  t.is(await held(join(root, 'file'), ''), 'ENOTDIR');
});

test('while a directory and a link change places all the time, nothing outside is held', async (t) => {
  const { root, outside } = tree();
  symlinkSync(outside, join(root, 'link'));
  let turns = 0;
  const exchange = (): void => {
    renameSync(join(root, 'a'), join(root, 'kept'));
    renameSync(join(root, 'link'), join(root, 'a'));
    renameSync(join(root, 'a'), join(root, 'link'));
    renameSync(join(root, 'kept'), join(root, 'a'));
    turns++;
  };
  const flips = [
    () => renameSync(join(root, 'a'), join(root, 'kept')),
    () => renameSync(join(root, 'link'), join(root, 'a')),
    () => renameSync(join(root, 'a'), join(root, 'link')),
    () => renameSync(join(root, 'kept'), join(root, 'a')),
  ];
  const seen = new Set<string>();
  for (let round = 0; round < 400; round++) {
    const opening = held(root, 'a/b/file');
    // Between the steps, which are asynchronous.
    for (const flip of flips) {
      flip();
      await new Promise((resolve) => setImmediate(resolve));
    }
    seen.add(await opening);
    exchange();
  }
  t.is(turns, 400);
  const right = [join(root, 'a/b/file'), join(root, 'kept/b/file'), 'ELOOP', 'ENOENT'];
  t.deepEqual(
    [...seen].filter((one) => !right.includes(one)),
    [],
  );
  rmSync(root, { recursive: true });
});
