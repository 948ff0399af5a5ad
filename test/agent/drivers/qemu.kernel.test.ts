import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { uidFor } from '../../../agent/drivers/qemu/identity.js';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import { connectQmp } from '../../../agent/drivers/qemu/qmp.js';
import { readSmaps } from '../../../linux/smaps.js';
import { guestAssets, tcgGuestArguments } from '../../lab/guest.js';
import { makeNames } from '../../netns/lab.js';
import { NO_DNS, specOf, temporary } from './fixture.js';
import { eventually, startHost } from './host.js';

const names = makeNames(9);
const driver = qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' });
const BOOT_MS = 90_000;
const MIB = 2 ** 20;

/** Until the guest has, or has given back, what its balloon was told. */
async function balloonIs(directory: string, actual: number): Promise<void> {
  await eventually(async () => {
    const qmp = await connectQmp(join(directory, 'qmp.sock'), { deadlineMs: 5000 });
    const answer = (await qmp.execute('query-balloon')) as { readonly actual: number };
    qmp.close();
    return answer.actual === actual ? true : undefined;
  }, BOOT_MS);
}

test.serial('a guest boots in its network as a user of its own, answers, and ends', async (t) => {
  t.timeout(240_000);
  const host = await startHost(t);
  const network = names.sandbox(1);
  const image = join(await temporary(t), 'root,1.img');
  await writeFile(image, Buffer.alloc(2 ** 20), { mode: 0o600 });
  const assets = await guestAssets();
  const append = `console=ttyS0 ${await tcgGuestArguments()}`;
  const spec = specOf({ driver: 'qemu', qemu: { ...assets, root: image, append } });
  const running = await host.run(driver, spec, network);
  const { pid } = running.process;

  await eventually(async () => ((await running.output()).includes('berth-guest ready') ? true : undefined), BOOT_MS);
  const answer = await eventually(async () => (await fetch(`http://${network.address}/`)).text(), BOOT_MS);
  t.regex(answer, /hello from guest/);

  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const uid = uidFor(spec.id);
  t.regex(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
  t.regex(status, new RegExp(`^Gid:\\s+${uid}\\s`, 'm'));
  t.regex(status, /^CapEff:\s+0+$/m);
  t.regex(status, /^CapPrm:\s+0+$/m);
  t.regex(status, /^Seccomp:\s+2$/m);
  t.regex(status, /^NoNewPrivs:\s+1$/m);
  t.deepEqual(await readdir(`/proc/${pid}/root/`), []);
  t.true((await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(`0::${host.cgroup}\n`));
  t.is((await stat(join(running.context.directory, 'qmp.sock'))).uid, 0);

  const mappings = (await readSmaps(pid)) ?? [];
  const own = driver.vm?.ownMemory(spec, mappings) ?? 0;
  t.true(own > 8 * MIB && own < 160 * MIB, `${own} bytes of QEMU's own are what is configured for it, or less`);
  const guest = mappings.reduce((sum, { pss, swapPss }) => sum + pss + swapPss, 0) - own;
  t.log(`QEMU's own: ${Math.round(own / MIB)} MiB, the guest's: ${Math.round(guest / MIB)} MiB`);
  t.true(guest > 16 * MIB && guest <= (spec.qemu?.memory ?? 0), `${guest} bytes of the guest, which has booted`);

  const qmp = await connectQmp(join(running.context.directory, 'qmp.sock'), { deadlineMs: 5000 });
  t.like(await qmp.execute('query-status'), { status: 'running' });
  t.like(await qmp.execute('query-kvm'), { enabled: false });
  qmp.close();

  const taken = 16 * 2 ** 20;
  await driver.vm?.balloon(spec, running.context, taken);
  await balloonIs(running.context.directory, (spec.qemu?.memory ?? 0) - taken);
  await driver.vm?.balloon(spec, running.context, 0);
  await balloonIs(running.context.directory, spec.qemu?.memory ?? 0);

  t.true(await driver.stop?.(spec, running.context));
  process.kill(pid, 'SIGTERM');
  t.is((await running.exit).exit?.code, 0);
  t.false((await driver.stop?.(spec, running.context)) ?? true);
  await host.remove(driver, spec, running, network);
});

test.serial('a guest that gives up ends QEMU', async (t) => {
  t.timeout(240_000);
  const host = await startHost(t);
  const { kernel, initrd } = await guestAssets();
  const append = `console=ttyS0 rdinit=/nothing init=/nothing ${await tcgGuestArguments()}`;
  const spec = specOf({ driver: 'qemu', qemu: { kernel, initrd, append }, network: { mode: 'none' } });
  const running = await host.run(driver, spec, null);
  const ended = await running.exit;
  t.is(ended.exit?.code, 0);
  t.regex(await running.output(), /Kernel panic/);
  await host.remove(driver, spec, running, null);
});

test.serial('what QEMU cannot use is in the output, and the exit code tells', async (t) => {
  const host = await startHost(t);
  const spec = specOf({ driver: 'qemu', qemu: { kernel: '/etc/passwd', initrd: '/etc/passwd' } });
  const running = await host.run(driver, spec, names.sandbox(2));
  t.not((await running.exit).exit?.code, 0);
  t.regex(await running.output(), /^qemu.*: /m);
});
