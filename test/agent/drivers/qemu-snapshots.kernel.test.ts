// A guest under TCG goes to disk and comes back. That it did not boot again shows in its output.
import { existsSync, statSync } from 'node:fs';
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { VmSnapshots } from '../../../agent/drivers/driver.js';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import { connectQmp } from '../../../agent/drivers/qemu/qmp.js';
import type { WorkloadSpec } from '../../../agent/model/spec.js';
import { isSameProcess } from '../../../linux/proc.js';
import { guestAssets, tcgGuestArguments } from '../../lab/guest.js';
import { makeNames } from '../../netns/lab.js';
import { when } from '../workload/draining-life.js';
import { NO_DNS, specOf, temporary } from './fixture.js';
import { command, eventually, type Running, startHost } from './host.js';

const names = makeNames(19);
const driver = qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' });
const snapshots = driver.vm?.snapshots as VmSnapshots;
const BOOT_MS = 90_000;
const READY = 'berth-guest ready';

async function guestSpec(): Promise<WorkloadSpec> {
  const append = `console=ttyS0 ${await tcgGuestArguments()}`;
  return specOf({ driver: 'qemu', qemu: { ...(await guestAssets()), append } });
}

function alive({ process }: Running): () => boolean {
  return () => isSameProcess(process.pid, process.startTime);
}

async function statusOf({ context }: Running): Promise<string> {
  const qmp = await connectQmp(join(context.directory, 'qmp.sock'), { deadlineMs: 5000 });
  const { status } = (await qmp.execute('query-status')) as { readonly status: string };
  qmp.close();
  return status;
}

const answers = (address: string) => eventually(async () => (await fetch(`http://${address}/`)).text(), BOOT_MS);

async function room(t: ExecutionContext, name: string): Promise<string> {
  const directory = join(await temporary(t), name);
  await mkdir(directory);
  return directory;
}

test.serial('a guest is saved, goes on, is saved again, and comes back in another process', async (t) => {
  t.timeout(240_000);
  const host = await startHost(t);
  const network = names.sandbox(1);
  const spec = await guestSpec();
  const first = await host.run(driver, spec, network);
  await eventually(async () => ((await first.output()).includes(READY) ? true : undefined), BOOT_MS);

  const early = await room(t, 'early');
  t.deepEqual(await snapshots.save(spec, first.context, early), ['state']);
  t.is(await statusOf(first), 'postmigrate');
  await snapshots.resume(spec, first.context);
  await snapshots.resume(spec, first.context);
  t.is(await statusOf(first), 'running');
  t.regex(await answers(network.address ?? ''), /hello from guest/);

  const late = await room(t, 'late');
  await snapshots.save(spec, first.context, late);
  t.true((await stat(join(late, 'state'))).size > 2 ** 20);
  process.kill(first.process.pid, 'SIGKILL');
  await first.exit;
  const before = (await first.output()).length;

  const second = await host.run(driver, spec, network, { snapshot: late });
  await snapshots.loaded(spec, second.context, alive(second));
  t.is(await statusOf(second), 'paused', 'it waits to be told');
  await snapshots.resume(spec, second.context);
  t.regex(await answers(network.address ?? ''), /hello from guest/);
  t.false((await second.output()).slice(before).includes(READY), 'it has not booted');
  await host.remove(driver, spec, second, network);
});

test.serial(
  'a snapshot that cannot be written lets the guest go on, and one that is cut short does not start',
  async (t) => {
    t.timeout(240_000);
    const host = await startHost(t);
    const spec = { ...(await guestSpec()), network: { mode: 'none' } } as WorkloadSpec;
    const first = await host.run(driver, spec, null);
    await eventually(async () => ((await first.output()).includes(READY) ? true : undefined), BOOT_MS);
    const directory = await room(t, 'full');
    await writeFile(join(directory, 'state'), '');
    await t.throwsAsync(snapshots.save(spec, first.context, directory), { message: /EEXIST/ });
    t.is(await statusOf(first), 'running', 'nothing was asked of it yet');

    const small = await room(t, 'small');
    await command('mount', '-t', 'tmpfs', '-o', 'size=2m', 'berth-test', small);
    t.teardown(() => command('umount', small));
    await t.throwsAsync(snapshots.save(spec, first.context, small), { code: 'snapshot_failed' });
    await snapshots.resume(spec, first.context);
    t.is(await statusOf(first), 'running', 'a full disk stops no guest');

    const off = await room(t, 'off');
    const stop = new AbortController();
    const context = { ...first.context, signal: stop.signal };
    const saving = snapshots.save(spec, context, off).catch((error: unknown) => error);
    // While QEMU writes, unless it is quicker.
    await when(() => existsSync(join(off, 'state')) && statSync(join(off, 'state')).size > 0);
    stop.abort();
    const outcome = await saving;
    t.true(outcome === stop.signal.reason || Array.isArray(outcome));
    await snapshots.resume(spec, first.context);
    t.is(await statusOf(first), 'running', 'a save that is called off stops no guest');

    const cut = await room(t, 'cut');
    await snapshots.save(spec, first.context, cut);
    await truncate(join(cut, 'state'), 2 ** 20);
    process.kill(first.process.pid, 'SIGKILL');
    await first.exit;
    const second = await host.run(driver, spec, null, { snapshot: cut });
    await t.throwsAsync(snapshots.loaded(spec, second.context, alive(second)), { message: /ended while it read/ });
    await second.exit;
    await host.remove(driver, spec, second, null);
  },
);
