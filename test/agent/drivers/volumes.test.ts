// Named volumes as directories: made once, given away whole or not at all.
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { removeTree } from '../../../agent/base/remove-tree.js';
import { withVolumes } from '../../../agent/drivers/mounts.js';
import { Volumes } from '../../../agent/drivers/volumes.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o750 };
const DATA = { tenant: 'acme', name: 'data' };

const tellNothing = (t: ExecutionContext) => (left: object) => t.fail(JSON.stringify(left));

async function volumes(): Promise<{ readonly state: string; readonly all: Volumes }> {
  const state = temporaryDirectory('volumes');
  const all = new Volumes(state);
  await all.setup();
  return { state, all };
}

test('made once, however many ask, with owner and mode of the first; kept by the next agent', async (t) => {
  const { state, all } = await volumes();
  await Promise.all([all.make(DATA, OWNER), all.make(DATA, { ...OWNER, mode: 0o777 })]);
  const path = join(all.of('acme'), 'data');
  t.is(statSync(path).mode & 0o7777, 0o750);
  writeFileSync(join(path, 'kept'), 'x');
  const next = new Volumes(state);
  await next.setup();
  await next.sweep(tellNothing(t));
  await next.make(DATA, OWNER);
  t.true(existsSync(join(path, 'kept')));
});

test('listed by tenant and name, as far as one sees', async (t) => {
  const { all } = await volumes();
  for (const [tenant, name] of [
    ['b', 'x'],
    ['a', 'z'],
    ['a', 'y'],
  ] as const)
    await all.make({ tenant, name }, OWNER);
  const names = async (sees: (tenant: string) => boolean) =>
    (await all.list(sees)).map(({ tenant, name }) => `${tenant}/${name}`);
  t.deepEqual(await names(() => true), ['a/y', 'a/z', 'b/x']);
  t.deepEqual(await names((tenant) => tenant === 'b'), ['b/x']);
});

test('removed whole; refused, it stays; one that is made meanwhile is a new one', async (t) => {
  const { all } = await volumes();
  t.false(await all.remove(DATA, () => t.fail('there is nothing to refuse')));
  await all.make(DATA, OWNER);
  const path = join(all.of('acme'), 'data');
  writeFileSync(join(path, 'old'), 'x');
  const refuse = (): void => {
    throw new Error('in use');
  };
  await t.throwsAsync(all.remove(DATA, refuse), { message: 'in use' });
  t.true(existsSync(join(path, 'old')));
  const removing = all.remove(DATA, () => undefined);
  await all.make(DATA, OWNER);
  t.true(await removing);
  t.deepEqual([existsSync(path), existsSync(join(path, 'old'))], [true, false]);
});

test('what a crash has left half made or half removed goes with the next start', async (t) => {
  const { state, all } = await volumes();
  const left = join(state, 'volumes', '.passing', 'abc');
  mkdirSync(join(left, 'deep'), { recursive: true });
  t.deepEqual(await all.list(() => true), []);
  await all.sweep(tellNothing(t));
  t.false(existsSync(left));
});

test('what cannot be removed is told, and all else goes', async (t) => {
  const { state } = await volumes();
  const all = new Volumes(state, async (path) => {
    if (basename(path) === 'b') throw new Error('busy');
    await removeTree(path);
  });
  const passing = join(state, 'volumes', '.passing');
  for (const name of ['a', 'b', 'c']) mkdirSync(join(passing, name));
  const left: string[] = [];
  await all.sweep(({ path, problem }) => left.push(`${basename(path)} ${problem}`));
  t.deepEqual(left, ['b cannot be removed: busy']);
  t.deepEqual(readdirSync(passing), ['b']);
});

test('one that is deeper than a path is long is removed', async (t) => {
  const { state, all } = await volumes();
  await all.make(DATA, OWNER);
  const half = Array.from({ length: 12 }, () => 'x'.repeat(250));
  const [volume, other] = [join(all.of('acme'), 'data'), join(state, 'other')];
  for (const top of [volume, other]) mkdirSync(join(top, ...half), { recursive: true });
  renameSync(other, join(volume, ...half, 'more'));
  t.true(await all.remove(DATA, () => undefined));
  t.deepEqual(readdirSync(join(state, 'volumes', '.passing')), []);
});

test('a mount of a volume becomes a bind of its directory; others stay as they are', async (t) => {
  const { all } = await volumes();
  const mounts = [
    { type: 'tmpfs', target: '/t' },
    { type: 'volume', name: 'data', target: '/d', readOnly: true },
    { type: 'volume', name: 'wide', target: '/w', mode: '1777' },
  ];
  const spec = parseSpec({ id: 'w', tenant: 'acme', driver: 'exec', exec: { command: ['/bin/true'] }, mounts });
  const { mounts: found } = await withVolumes(spec, all, OWNER);
  t.deepEqual(
    found.map(({ source, readOnly }) => [source, readOnly]),
    [
      [undefined, false],
      [join(all.of('acme'), 'data'), true],
      [join(all.of('acme'), 'wide'), false],
    ],
  );
  t.is(statSync(join(all.of('acme'), 'data')).mode & 0o7777, 0o755);
  t.is(statSync(join(all.of('acme'), 'wide')).mode & 0o7777, 0o1777);
});
