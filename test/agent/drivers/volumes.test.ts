// Named volumes as directories: made once, given away whole or not at all.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { withVolumes } from '../../../agent/drivers/mounts.js';
import { Volumes } from '../../../agent/drivers/volumes.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o750 };
const DATA = { tenant: 'acme', name: 'data' };

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
  await next.sweep();
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
  await all.sweep();
  t.false(existsSync(left));
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
