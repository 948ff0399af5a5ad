import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { requireApart } from '../../../agent/drivers/own-files.js';
import { specOf, temporary } from './fixture.js';

test('no source has files of berth in it, is one of them or leads to one', async (t) => {
  const root = await temporary(t);
  const state = join(root, 'lib', 'berth');
  await mkdir(join(state, 'journal'), { recursive: true });
  await mkdir(join(root, 'lib', 'berth-data'));
  await symlink(join(root, 'lib'), join(root, 'link'));
  const of = (spec: object, trees: string[] = [root]) =>
    requireApart(specOf({ driver: 'exec', exec: { command: ['true'] }, ...spec }), trees, [state]);
  const mounting = (source: string) => ({ mounts: [{ type: 'bind', source, target: '/data' }] });
  const refused = { code: 'not_permitted', message: new RegExp(`files of berth itself \\(${state}\\)`) } as object;
  for (const source of [state, join(state, 'journal'), join(root, 'lib'), root])
    await t.throwsAsync(of(mounting(source)), refused, source);
  await t.throwsAsync(of({ envFile: join(state, 'journal', 'w.json') }), refused);
  // A tree may be a link: the operator has made it.
  const link = join(root, 'link');
  await t.throwsAsync(of(mounting(join(link, 'berth')), [link]), refused);
  for (const source of [join(root, 'lib', 'berth-data'), join(root, 'lib', 'ber'), join(root, 'other')])
    await t.notThrowsAsync(of(mounting(source)), source);
  await t.notThrowsAsync(of(mounting(join(link, 'berth-data')), [link]));
});
