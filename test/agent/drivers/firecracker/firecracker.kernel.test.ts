// A microVM from its start to the last trace of it: real cgroup, network namespace, tap and jail, with the double for the VMM.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { callApi } from '../../../../agent/drivers/firecracker/api.js';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { jailOf } from '../../../../agent/drivers/firecracker/jail.js';
import { getXattr } from '../../../../linux/xattr.js';
import { makeNames } from '../../../netns/lab.js';
import { contextFor } from '../fixture.js';
import { eventually } from '../host.js';
import { bench, NOTHING, READY, traces } from './bench.js';
import { UIDS } from './fixture.js';

const names = makeNames(21);
const LENT = 'trusted.berth.lent';

test.serial('a microVM runs in its jail as a user of its own, answers, and leaves nothing', async (t) => {
  t.timeout(60_000);
  const { host, image, assets, driver, spec } = await bench(t);
  const network = names.sandbox(1);
  const root = await image('root.img');
  const before = await stat(root);
  const one = spec('fc-1', {
    root: { path: root },
    drives: [{ path: join(assets, 'data'), readOnly: true }],
    ...{ vcpus: 2, vsock: true, mmds: { metadata: { a: 1 } } },
  });
  const uid = uidOf('fc-1', UIDS);
  const running = await host.run(driver, one, network);
  const { pid } = running.process;
  await eventually(async () => (READY.test(await running.output()) ? true : undefined));

  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  t.regex(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
  t.regex(status, new RegExp(`^Gid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
  t.regex(status, /^Groups:\s*$/m);
  t.regex(status, /^CapEff:\s+0+$/m);
  t.regex(status, /^NoNewPrivs:\s+1$/m);
  t.regex(status, /^NSpid:\s+\d+\s+1$/m);
  t.true((await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(`0::${host.cgroup}\n`));
  t.deepEqual(
    (await readdir(host.cgroupDirectory, { withFileTypes: true })).filter((one) => one.isDirectory()),
    [],
  );
  t.like(await stat(root), { uid, gid: uid });

  const threads = (await driver.vm?.vcpuThreads(one, { ...running.context, pid })) ?? [];
  t.is(new Set(threads).size, 2);
  for (const [index, thread] of threads.entries())
    t.is(await readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8'), `fc_vcpu ${index}\n`);

  const ask = (path: string) =>
    callApi(jailOf(running.context.directory).apiSocket, { method: 'GET', path }, { deadlineMs: 5000 });
  t.like(await ask('/'), { state: 'Running' });
  await driver.vm?.balloon(one, running.context, 16 * 2 ** 20);
  t.like(await ask('/balloon'), { amount_mib: 16 });
  await driver.vm?.balloon(one, running.context, 0);
  t.like(await ask('/balloon'), { amount_mib: 0 });

  t.true(await driver.stop?.(one, running.context));
  t.is((await running.exit).exit?.code, 0);
  t.false(await driver.stop?.(one, running.context));
  await host.remove(driver, one, running, network);
  t.like(await stat(root), { uid: before.uid, gid: before.gid });
  t.is(getXattr(root, LENT), undefined);
  t.is((await readFile(root)).toString('latin1', 0, 12), 'berth-double');
  t.is(await readFile(join(assets, 'data'), 'utf8'), 'data');
  t.is(await readFile(join(assets, 'kernel'), 'utf8'), 'kernel');
  t.deepEqual(await traces(host), NOTHING);
});

for (const [what, name] of Object.entries({ 'drive that it writes to': 'root.img', drive: 'data', kernel: 'kernel' }))
  test.serial(`another file in the place of its ${what} is not shown to it, put there after the check`, async (t) => {
    t.timeout(60_000);
    const { host, image, assets, driver, spec } = await bench(t);
    const [path, kept] = [join(assets, name), join(assets, 'kept')];
    const root = { path: await image('root.img') };
    const one = spec('fc-1', { root, drives: [{ path: join(assets, 'data'), readOnly: true }] });
    const exchanging = {
      ...driver,
      prepare: async (...args: Parameters<typeof driver.prepare>) => {
        const launch = await driver.prepare(...args);
        await rename(path, kept);
        await writeFile(path, 'another', { mode: 0o666 });
        return launch;
      },
    };
    const error = await t.throwsAsync(host.run(exchanging, one, null));
    t.true(error?.message.includes(`${path} was exchanged while it was mounted`), error?.message);
    t.deepEqual(await host.supervisor.list(), []);
    await rename(kept, path);
    const directory = join(host.runtime, 'workloads', 'fc-1');
    await driver.cleanup(one, { ...(await contextFor(t)), directory });
    await rm(directory, { recursive: true });
    t.like(await stat(root.path), { uid: 0, gid: 0 });
    t.deepEqual(await traces(host), NOTHING);
  });

test.serial(
  'a start that comes again while the microVM runs leaves it alone, and the one after its end is fresh',
  async (t) => {
    t.timeout(60_000);
    const { host, image, driver, spec } = await bench(t);
    const one = spec('fc-1', { root: { path: await image('root.img') } });
    const running = await host.run(driver, one, null);
    await eventually(async () => (READY.test(await running.output()) ? true : undefined));
    const launch = await driver.prepare(one, running.context);
    const { argv = [], env = {}, pidFile = '' } = launch ?? {};
    const again = {
      id: one.id,
      argv,
      env,
      pidFile,
      cgroup: host.cgroupDirectory,
      output: join(host.runtime, 'again.log'),
    };
    t.is((await host.supervisor.spawn(again)).pid, running.process.pid);
    await launch?.release?.();
    const { apiSocket } = jailOf(running.context.directory);
    t.like(await callApi(apiSocket, { method: 'GET', path: '/' }, { deadlineMs: 5000 }), { state: 'Running' });

    process.kill(running.process.pid, 'SIGKILL');
    await running.exit;
    t.true(existsSync(apiSocket), 'the socket of the one that was killed is left over');
    const next = await host.run(driver, one, null);
    await eventually(async () => callApi(apiSocket, { method: 'GET', path: '/' }, { deadlineMs: 5000 }));
    process.kill(next.process.pid, 'SIGKILL');
    await next.exit;
    await host.remove(driver, one, next, null);
    t.deepEqual(await traces(host), NOTHING);
  },
);

test.serial('a microVM that dies at once, hangs, or writes garbage is seen for what it is', async (t) => {
  t.timeout(120_000);
  const { host, driver, spec } = await bench(t);
  const ends: readonly (readonly [string, number, RegExp])[] = [
    ['double.exit=148', 148, /seccomp filter forbids: as it was told/],
    ['double.exit=1', 1, /Firecracker failed/],
    ['double.panic', 0, /kernel gave up: as it was told/],
  ];
  for (const [word, code, words] of ends) {
    const one = spec('fc-1', {}, word);
    const running = await host.run(driver, one, null);
    const { exit } = await running.exit;
    t.is(exit?.code, code, word);
    const end = driver.vm?.explainEnd(one, await running.output(), { code, signal: null });
    t.regex(end?.detail ?? '', words, word);
    await host.remove(driver, one, running, null);
  }
  const warned: string[] = [];
  for (const [word, warns] of [
    ['double.hang', true],
    ['double.silent', false],
    ['double.nonsense double.garbage double.deaf', false],
  ] as const) {
    warned.length = 0;
    const one = spec('fc-1', {}, word);
    const running = await host.run(driver, one, null);
    await eventually(async () => (READY.test(await running.output()) ? true : undefined));
    const context = { ...running.context, warn: (message: string) => void warned.push(message) };
    t.is(await driver.stop?.(one, context), word.includes('deaf') && !word.includes('nonsense'), word);
    t.is(warned.length > 0, warns, word);
    process.kill(running.process.pid, 'SIGKILL');
    await running.exit;
    await host.remove(driver, one, running, null);
  }
  t.deepEqual(await traces(host), NOTHING);
});

test.serial('an image that one microVM writes to is refused to another, until the first has ended', async (t) => {
  t.timeout(60_000);
  const { host, image, driver, spec } = await bench(t);
  const root = { path: await image('root.img') };
  const [one, two] = [spec('fc-1', { root }), spec('fc-2', { root })];
  const running = await host.run(driver, one, null);
  await t.throwsAsync(host.run(driver, two, null), { code: 'start_failed', message: /in use by workload fc-1/ });
  process.kill(running.process.pid, 'SIGKILL');
  await running.exit;
  const context = { ...running.context, directory: join(host.runtime, 'workloads', 'fc-2') };
  await driver.cleanup(two, context);
  t.not(getXattr(root.path, LENT), undefined, 'who does not have it does not give it back');
  await driver.cleanup(one, running.context);
  const next = await host.run(driver, two, null);
  process.kill(next.process.pid, 'SIGKILL');
  await next.exit;
  await driver.cleanup(two, next.context);
  t.like(await stat(root.path), { uid: 0, gid: 0 });
});

test.serial('a uid that another workload has is not shared', async (t) => {
  const { host, driver, spec } = await bench(t);
  const one = spec('fc-1');
  const claims = join(host.runtime, 'uids');
  await mkdir(claims, { recursive: true });
  await symlink('somebody', join(claims, String(uidOf('fc-1', UIDS))));
  await t.throwsAsync(host.run(driver, one, null), { code: 'start_failed', message: /drivers\.firecracker\.uids/ });
});
