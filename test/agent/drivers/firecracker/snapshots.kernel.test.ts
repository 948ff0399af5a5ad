// A microVM goes to disk and comes back, with the double for Firecracker: real jail, cgroup, network namespace and tap. Each request is
// judged by the API document of the version.
import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Driver, VmSnapshots } from '../../../../agent/drivers/driver.js';
import { callApi } from '../../../../agent/drivers/firecracker/api.js';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { jailOf, launchCommand } from '../../../../agent/drivers/firecracker/jail.js';
import { saveDirectory } from '../../../../agent/drivers/firecracker/snapshots.js';
import { isSameProcess } from '../../../../linux/proc.js';
import { makeNames } from '../../../netns/lab.js';
import { temporary } from '../fixture.js';
import { command, eventually, type Running } from '../host.js';
import { snapshotConformance } from '../snapshot-conformance.js';
import { VERSIONS } from './api-document.js';
import { bench, NOTHING, READY, traces } from './bench.js';
import { UIDS } from './fixture.js';

const names = makeNames(23);
const MIB = 2 ** 20;

const snapshotsOf = ({ vm }: Driver) => vm?.snapshots as VmSnapshots;

const alive =
  ({ process }: Running) =>
  () =>
    isSameProcess(process.pid, process.startTime);

const ask = ({ context }: Running, path: string) =>
  callApi(jailOf(context.directory).apiSocket, { method: 'GET', path }, { deadlineMs: 5000 });

async function room(t: ExecutionContext, name: string): Promise<string> {
  const directory = join(await temporary(t), name);
  await mkdir(directory, { mode: 0o700 });
  return directory;
}

const ready = (one: Running) => eventually(async () => (READY.test(await one.output()) ? true : undefined));

async function end({ process: { pid }, exit }: Running): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await exit;
}

snapshotConformance({
  name: 'firecracker',
  async open(t) {
    const { host, another, spec } = await bench(t);
    const of = (id: string, snapshot?: string) => spec(id, { memory: '2Mi', ...(snapshot && { snapshot }) });
    return { host, driver: another, spec: of };
  },
  network: (number) => names.sandbox(10 + number),
  booted: READY,
  runs: async (running) => ((await ask(running, '/')) as { readonly state: string }).state === 'Running',
  writes: (_into, host) => readdirSync(saveDirectory(host.runtime, 'vm-1')).length > 0,
  file: 'memory',
  limits: { testMs: 120_000, bootMs: 15_000 },
});

for (const [index, version] of VERSIONS.entries())
  test.serial(`Firecracker ${version}: a guest is saved, goes on, is saved again, and comes back`, async (t) => {
    t.timeout(120_000);
    const { host, assets, image, driver, spec } = await bench(t, `${version}.0`);
    const snapshots = snapshotsOf(driver);
    const network = names.sandbox(index + 1);
    const root = { path: await image('root.img') };
    const drives = [{ path: join(assets, 'data'), readOnly: true }];
    const section = { root, drives, memory: '2Mi', vcpus: 2, mmds: { metadata: { who: 'first' } } };
    const one = spec('fc-1', section);
    const first = await host.run(driver, one, network);
    await ready(first);
    await driver.vm?.balloon(one, first.context, MIB);

    const early = await room(t, 'early');
    t.deepEqual(await snapshots.save(one, first.context, early), ['state', 'memory']);
    t.like(await ask(first, '/'), { state: 'Paused' });
    await snapshots.resume(one, first.context);
    await snapshots.resume(one, first.context);
    t.like(await ask(first, '/'), { state: 'Running' });
    const late = await room(t, 'late');
    await snapshots.save(one, first.context, late);
    t.like(await stat(join(late, 'memory')), { size: 2 * MIB, uid: 0, gid: 0, mode: 0o100444 });
    t.deepEqual(await readdir(saveDirectory(host.runtime, 'fc-1')), []);
    await end(first);

    const again = spec('fc-1', { ...section, mmds: { metadata: { who: 'second' } } });
    const second = await host.run(driver, again, network, { snapshot: late });
    await snapshots.loaded(again, second.context, alive(second));
    await snapshots.loaded(again, second.context, alive(second));
    t.like(await ask(second, '/'), { state: 'Paused' }, 'it waits to be told');
    t.deepEqual(await ask(second, '/mmds'), { who: 'second' });
    await snapshots.resume(again, second.context);
    t.like(await ask(second, '/balloon'), { amount_mib: 1 });
    const { pid } = second.process;
    const uid = uidOf('fc-1', UIDS);
    t.regex(await readFile(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'));
    t.is(new Set(await driver.vm?.vcpuThreads(again, { ...second.context, pid })).size, 2);
    t.true(await driver.stop?.(again, second.context));
    await second.exit;
    await host.remove(driver, again, second, network);
    t.deepEqual(await traces(host), NOTHING);
  });

test.serial('what is left of a save that was cut off is no snapshot, and nor is half of the memory', async (t) => {
  t.timeout(120_000);
  const { host, driver, spec } = await bench(t);
  const snapshots = snapshotsOf(driver);
  const one = spec('fc-1', { memory: '8Mi' });
  const first = await host.run(driver, one, null);
  await ready(first);
  const place = saveDirectory(host.runtime, 'fc-1');
  await writeFile(join(place, 'state'), 'of a save that was cut off');
  const whole = await room(t, 'whole');
  await snapshots.save(one, first.context, whole);
  await writeFile(join(place, 'memory'), 'of another one');
  await snapshots.resume(one, first.context);
  t.deepEqual(await readdir(place), [], 'a guest that goes on keeps nothing');
  await end(first);
  await host.remove(driver, one, first, null);

  const short = spec('fc-2', { memory: '8Mi' }, 'double.short');
  const third = await host.run(driver, short, null);
  await ready(third);
  await t.throwsAsync(snapshots.save(short, third.context, await room(t, 'short')), {
    ...{ code: 'snapshot_failed', message: /524288 bytes of a guest memory of 8388608/ },
  });
  await end(third);
  await host.remove(driver, short, third, null);
});

test.serial('a full disk ends the save and not the guest', async (t) => {
  t.timeout(60_000);
  const small = await room(t, 'small');
  await command('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0755', 'berth-test', small);
  t.teardown(() => command('umount', small));
  const { host, driver, spec } = await bench(t, '1.7.0', { state: small });
  const snapshots = snapshotsOf(driver);
  const one = spec('fc-1', { memory: '8Mi' }, 'double.fill');
  const first = await host.run(driver, one, null);
  await ready(first);
  const into = await room(t, 'into');
  await t.throwsAsync(snapshots.save(one, first.context, into), { code: 'snapshot_failed', message: /ENOSPC/ });
  t.deepEqual(await readdir(into), []);
  await snapshots.resume(one, first.context);
  t.like(await ask(first, '/'), { state: 'Running' });
  await end(first);
  await host.remove(driver, one, first, null);
});

test.serial('many begin with one snapshot, each as its own user, and none can write to it', async (t) => {
  t.timeout(120_000);
  const { host, driver, spec } = await bench(t);
  const snapshots = snapshotsOf(driver);
  const one = spec('fc-1', { memory: '2Mi' });
  const first = await host.run(driver, one, null);
  await ready(first);
  const kept = await room(t, 'kept');
  await snapshots.save(one, first.context, kept);
  await snapshots.resume(one, first.context);
  const before = await readFile(join(kept, 'memory'));
  for (const id of ['fc-2', 'fc-3']) {
    const clone = spec(id, { memory: '2Mi', snapshot: 'fc-1/0001' });
    const running = await host.run(driver, clone, null, { snapshot: kept });
    await snapshots.loaded(clone, running.context, alive(running));
    await snapshots.resume(clone, running.context);
    t.like(await ask(running, '/'), { state: 'Running' });
    const inJail = join('/proc', String(running.process.pid), 'root');
    const uid = String(uidOf(id, UIDS));
    for (const path of ['memory', 'state', 'save/state'])
      await t.throwsAsync(
        command('setpriv', '--reuid', uid, '--regid', uid, '--clear-groups', '--', 'sh', '-c', `: >>${inJail}/${path}`),
      );
    await end(running);
    await host.remove(driver, clone, running, null);
  }
  t.deepEqual(await readFile(join(kept, 'memory')), before);
  await end(first);
  await host.remove(driver, one, first, null);
});

test.serial('a snapshot that its VMM keeps open for writing is none', async (t) => {
  t.timeout(60_000);
  const { host, driver, spec } = await bench(t);
  const snapshots = snapshotsOf(driver);
  const one = spec('fc-1', { memory: '2Mi' }, 'double.keep');
  const first = await host.run(driver, one, null);
  await ready(first);
  await t.throwsAsync(snapshots.save(one, first.context, await room(t, 'into')), {
    ...{ code: 'snapshot_failed', message: /memory open for writing/ },
  });
  await snapshots.resume(one, first.context);
  await end(first);
  await host.remove(driver, one, first, null);
});

test.serial('a guest without a directory to be saved to is told apart before it stands still', async (t) => {
  t.timeout(60_000);
  const { host, driver, spec } = await bench(t);
  const one = spec('fc-1', { memory: '2Mi' });
  const place = saveDirectory(host.runtime, 'fc-1');
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'memory'), 'of a save that a power loss cut off');
  const first = await host.run(driver, one, null);
  await ready(first);
  t.deepEqual(await readdir(place), []);
  await rmdir(place);
  await t.throwsAsync(snapshotsOf(driver).save(one, first.context, await room(t, 'into')), {
    code: 'snapshot_unsupported',
  });
  t.like(await ask(first, '/'), { state: 'Running' });
  await end(first);
  await host.remove(driver, one, first, null);
});

test.serial('a full disk keeps no microVM from its start, and what cannot be saved writes no large file', async (t) => {
  t.timeout(60_000);
  const small = await room(t, 'small');
  await command('mount', '-t', 'tmpfs', '-o', 'nr_inodes=1,mode=0755', 'berth-test', small);
  t.teardown(() => command('umount', small));
  const { host, driver, spec } = await bench(t, '1.7.0', { state: small });
  const one = spec('fc-1', { memory: '8Mi' });
  const first = await host.run(driver, one, null);
  await ready(first);
  const told: string[] = [];
  const context = { ...first.context, warn: (message: string) => void told.push(message) };
  t.true((await driver.prepare(one, context))?.argv.includes(`fsize=${8 * MIB}`));
  t.regex(told.join(), /the disk is full/);
  const clone = spec('fc-1', { memory: '8Mi', snapshot: 'fc-2/0001' });
  t.true((await driver.prepare(clone, { ...context, snapshot: small }))?.argv.includes(`fsize=${MIB}`));
  await end(first);
  await host.remove(driver, one, first, null);
});

test.serial('a directory in the place of a drive is not shown to a microVM', async (t) => {
  const directory = await temporary(t);
  const launch = (name: string) => {
    const programs = { unshare: 'unshare', sh: 'sh', setpriv: 'true', jailer: 'true', firecracker: '/bin/true' };
    const files = [{ host: directory, name, readOnly: false }];
    const [program = '', ...args] = launchCommand({
      ...{
        jail: jailOf(join(directory, name)),
        programs,
        files,
        held: new Map(),
        uid: 0,
        largestFile: MIB,
        begins: 'boot' as const,
      },
    });
    return command(program, ...args);
  };
  await t.notThrowsAsync(launch('save'));
  await t.throwsAsync(launch('drive0'), { message: /drive0/ });
});

test('what cannot be saved is told with its field', async (t) => {
  const { image, driver, spec } = await bench(t);
  const { problem } = snapshotsOf(driver);
  const root = { path: await image('root.img') };
  t.is(problem(spec('fc-1', { root }), false), undefined);
  t.regex(problem(spec('fc-1', { root }), true) ?? '', /^firecracker\.root: /);
  t.is(problem(spec('fc-1', { root: { ...root, readOnly: true } }), true), undefined);
  t.regex(problem(spec('fc-1', { hugepages: '2Mi' }), false) ?? '', /^firecracker\.hugepages: /);
  t.throws(() => spec('fc-1', { root, snapshot: 'fc-2/0001' }), { message: /firecracker\.snapshot/ });
  t.notThrows(() => spec('fc-1', { root: { ...root, readOnly: true }, snapshot: 'fc-2/0001' }));
});
