// On the real hierarchy of this machine, whatever controllers it has.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { planValues } from '../../cgroups/controllers.js';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { restoreValues } from '../../cgroups/order.js';
import { support } from '../../cgroups/probe.js';
import { CgroupReader } from '../../cgroups/stats.js';
import { openTree, type Tree } from '../../cgroups/tree.js';
import { differences, readValues } from '../../cgroups/values.js';
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
  t.false(existsSync(join(tree.root, 'acme/frozen')));
});

kernel('as many cgroups as allowed, and no deeper', async (t) => {
  const tree = await newTree(t);
  await tree.createTenant('acme');
  await tree.apply('acme', planValues({ tree: { maxDescendants: 2, maxDepth: 1 } }));
  await tree.create('acme/one');
  const deep = await t.throwsAsync(tree.create('acme/one/below'), { instanceOf: SysError });
  await tree.create('acme/two');
  const many = await t.throwsAsync(tree.create('acme/three'), { instanceOf: SysError });
  t.deepEqual([deep?.errnoName, many?.errnoName], ['EAGAIN', 'EAGAIN']);
});

kernel('what is there without any controller is there', async (t) => {
  const tree = await newTree(t);
  await tree.create('acme/bare');
  const files = support(tree.path('acme/bare'));
  t.true(files.has('cgroup.max.depth') && files.has('cpu.stat'));
  t.false(files.has('no_such.max'));
});

kernel('what could not be removed is a leak until it is gone, or wanted again', async (t) => {
  const tree = await newTree(t);
  const dir = await tree.create('acme/stuck');
  const child = await sleeper(t, dir);
  await t.throwsAsync(tree.remove('acme/stuck'), { instanceOf: SysError });
  t.like(tree.leaks.list(), [{ dir, attempts: 0, dying: 0 }]);
  t.regex(tree.leaks.list()[0]?.error ?? '', /rmdir .*EBUSY/);
  await tree.create('acme/stuck');
  t.deepEqual(tree.leaks.list(), []);
  await t.throwsAsync(tree.remove('acme/stuck'), { instanceOf: SysError });
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  for (let i = 0; i < 500 && existsSync(dir); i++) await sleep(10);
  t.false(existsSync(dir));
  for (let i = 0; i < 100 && tree.leaks.list().length > 0; i++) await sleep(10);
  t.deepEqual(tree.leaks.list(), []);
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
  const values = planValues({ tree: { maxDescendants: 7 } });
  const held = [{ file: 'cgroup.max.descendants', value: '7', previous: 'max' }];
  t.deepEqual(await tree.apply('acme', values), held);
  t.deepEqual(differences(tree.path('acme'), values), []);
  writeFileSync(join(tree.path('acme'), 'cgroup.max.descendants'), '9', { flag: 'r+' });
  t.deepEqual(differences(tree.path('acme'), values), values);
  await tree.apply('acme', restoreValues(held));
  t.deepEqual(readValues(tree.path('acme'), values), [{ file: 'cgroup.max.descendants', value: 'max' }]);
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
  const full = reader.read();
  t.true((full?.cpu?.usageUsec ?? -1) >= 0);
  t.deepEqual(full?.descendants, { live: 0, dying: 0 });
  await sleeper(t, dir);
  const hot = reader.read({ full: false });
  t.true((hot?.cpu?.usageUsec ?? -1) >= (full?.cpu?.usageUsec ?? 0));
  t.deepEqual(hot?.descendants, full?.descendants);
  await tree.kill('acme/sampled');
  await tree.waitEmpty('acme/sampled', { timeoutMs: 5000 });
  await tree.remove('acme/sampled');
  t.is(reader.read(), undefined);
});
