// On the real hierarchy of this machine, whatever controllers it has.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { CgroupReader } from '../../cgroups/stats.js';
import { openTree, type Tree } from '../../cgroups/tree.js';
import { SysError } from '../../linux/errors.js';

const hierarchy = findHierarchy();
const able = process.getuid?.() === 0 && hierarchy !== undefined;
const kernel = able ? test : test.skip;
const mount = hierarchy?.mount ?? '';

async function newTree(t: ExecutionContext): Promise<Tree> {
  const root = join(mount, `berth-test-${process.pid}-${t.title.replace(/\W+/g, '-').slice(0, 40)}`);
  const tree = await openTree(root, { controllers: ['cpu', 'memory', 'pids', 'no_such'] });
  t.teardown(async () => {
    for (const tenant of await tree.tenants()) {
      await tree.kill(tenant);
      await tree.waitEmpty(tenant, { timeoutMs: 5000 });
      await tree.remove(tenant);
    }
    rmdirSync(root);
  });
  return tree;
}

async function sleeper(t: ExecutionContext, dir: string): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  writeFileSync(join(dir, 'cgroup.procs'), String(child.pid), { flag: 'r+' });
  return child;
}

kernel('reports a controller that is not there and works without', async (t) => {
  const tree = await newTree(t);
  t.true(tree.missing.some(({ controller, reason }) => controller === 'no_such' && reason.includes('not offered')));
  t.false(tree.controllers.includes('no_such'));
  const again = await openTree(tree.root, { controllers: ['no_such'] });
  t.deepEqual(again.controllers, []);
});

kernel('create, tag and list may be repeated', async (t) => {
  const tree = await newTree(t);
  t.is(await tree.create('acme/web-1'), join(tree.root, 'acme', 'web-1'));
  await tree.create('acme/web-1');
  await tree.create('acme/web-2');
  t.is(tree.readTag('acme/web-1'), undefined);
  tree.tag('acme/web-1', 'node-1/acme/web-1');
  tree.tag('acme/web-1', 'node-1/acme/web-1 again');
  t.deepEqual(
    (await tree.list()).sort((a, b) => a.id.localeCompare(b.id)),
    [
      { tenant: 'acme', id: 'web-1', name: 'acme/web-1', tag: 'node-1/acme/web-1 again' },
      { tenant: 'acme', id: 'web-2', name: 'acme/web-2', tag: undefined },
    ],
  );
  await tree.remove('acme');
  await tree.remove('acme');
  t.is(tree.readTag('acme/web-1'), undefined);
  t.deepEqual(await tree.list(), []);
});

kernel('a process is frozen, thawed, killed, and then the cgroup can be removed', async (t) => {
  const tree = await newTree(t);
  const dir = await tree.create('acme/victim');
  const child = await sleeper(t, dir);
  t.true(tree.populated('acme/victim'));
  t.deepEqual(tree.processes('acme/victim'), [child.pid]);
  await tree.freeze('acme/victim', { timeoutMs: 5000 });
  t.true(tree.frozen('acme/victim'));
  await tree.thaw('acme/victim', { timeoutMs: 5000 });
  t.false(tree.frozen('acme/victim'));

  const busy = await t.throwsAsync(tree.waitEmpty('acme/victim', { timeoutMs: 30 }), { instanceOf: SysError });
  t.is(busy?.errnoName, 'ETIMEDOUT');
  const given = new Error('given up');
  const aborted = tree.waitEmpty('acme/victim', { signal: AbortSignal.abort(given) });
  t.is(await t.throwsAsync(aborted), given);

  const empty = tree.waitEmpty('acme/victim', { timeoutMs: 5000 });
  const exited = once(child, 'exit');
  await tree.kill('acme/victim');
  await empty;
  t.deepEqual(await exited, [null, 'SIGKILL']);
  await tree.remove('acme/victim');
  t.false(existsSync(dir));
  await tree.kill('acme/victim');
  await tree.waitEmpty('acme/victim');
});

kernel('a frozen process dies all the same', async (t) => {
  const tree = await newTree(t);
  await sleeper(t, await tree.create('acme/frozen'));
  await tree.freeze('acme/frozen', { timeoutMs: 5000 });
  await tree.kill('acme/frozen');
  await tree.waitEmpty('acme/frozen', { timeoutMs: 5000 });
  await tree.remove('acme/frozen');
  t.pass();
});

kernel('a busy cgroup is not removed, and says so', async (t) => {
  const tree = await newTree(t);
  await sleeper(t, await tree.create('acme/busy'));
  const error = await t.throwsAsync(tree.remove('acme/busy'), { instanceOf: SysError });
  t.is(error?.errnoName, 'EBUSY');
  t.is(error?.op, 'rmdir');
});

kernel('values are read back; a missing controller’s file is named', async (t) => {
  const tree = await newTree(t);
  await tree.create('acme/limits');
  const values = [{ file: 'cgroup.max.descendants', value: '7' }];
  t.deepEqual(await tree.apply('acme', values), values);
  const error = await t.throwsAsync(tree.apply('acme/limits', [{ file: 'no_such.max', value: '1' }]));
  t.regex(error?.message ?? '', /no_such\.max.*"1".*ENOENT/);
});

kernel('names cannot lead out of the tree', async (t) => {
  const tree = await newTree(t);
  for (const name of ['', '..', '../x', 'acme/../../x', '/abs', 'acme//x']) {
    t.throws(() => tree.path(name), { instanceOf: SysError });
  }
});

kernel('a reader samples a live cgroup until it vanishes', async (t) => {
  const tree = await newTree(t);
  const dir = await tree.create('acme/sampled');
  const reader = new CgroupReader(dir);
  t.teardown(() => reader.close());
  t.true((reader.read()?.cpu?.usageUsec ?? -1) >= 0);
  await tree.remove('acme/sampled');
  t.is(reader.read(), undefined);
});
