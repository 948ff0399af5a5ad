// A guest of an image, with the double for Firecracker: what it boots from, and who may read it. That a guest of an image runs is tested
// with QEMU (image-guest.kernel.test.ts): kernel, initrd and drives are the same.
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { loadConfig } from '../../../../agent/config/load.js';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { createDrivers } from '../../../../agent/drivers/index.js';
import type { ImageRoot } from '../../../../agent/model/image.js';
import { parseSpec } from '../../../../agent/model/spec.js';
import { specOf } from '../fixture.js';
import { eventually } from '../host.js';
import { bench, NOTHING, READY, traces, withKvm } from './bench.js';
import { doubleBinaries } from './binaries.js';
import type { Config } from './double/machine.js';
import { UIDS } from './fixture.js';

const DOCUMENT = fileURLToPath(new URL('../../../../../docs/microvms.md', import.meta.url));

const imageOf = (directory: string): ImageRoot => ({
  ...{ digest: 'sha256:x', directory, layers: ['one'], writable: '../w', disk: join(directory, 'disk') },
  config: {
    ...{ env: [], entrypoint: ['/bin/app'], command: [], user: '', workingDirectory: '/' },
    ...{ stopSignal: 'SIGINT', exposedPorts: [] },
  },
  stopSignal: 'SIGINT',
});

test.serial('the guest of an image boots the kernel of the node from two drives that it only reads', async (t) => {
  t.timeout(60_000);
  const { host, assets, driver } = await bench(t);
  const image = imageOf(assets);
  await mkdir(join(assets, 'one'));
  // As an earlier agent made it.
  await writeFile(join(assets, 'disk'), 'hsqs', { mode: 0o600 });
  const spec = {
    ...specOf({ driver: 'firecracker', image: 'docker://example.org/app:v1', firecracker: { memory: '64Mi' } }),
    id: 'fc-1',
  };
  const running = await host.run(driver, spec, null, { image });
  const { directory } = running.context;
  await eventually(async () => (READY.test(await running.output()) ? true : undefined));
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as Config;
  t.regex(config['boot-source'].boot_args, /^console=ttyS0 quiet reboot=k panic=-1 pci=off$/);
  t.deepEqual(
    config.drives.map(({ path_on_host, is_read_only }) => [path_on_host, is_read_only]),
    [
      ['/drive0', true],
      ['/drive1', true],
    ],
  );
  const uid = uidOf('fc-1', UIDS);
  t.like(await stat(join(directory, 'settings.img')), { uid, gid: uid, mode: 0o100600 });
  t.true(await driver.stop?.(spec, running.context));
  await running.exit;
  const said = '\nberth: the program ended with exit code 7\r\n[    2.0] reboot: Restarting system\n';
  t.is(driver.vm?.exitCode?.(spec, said), 7);
  t.is(driver.vm?.explainEnd(spec, said, { code: 0, signal: null }), undefined);
  t.regex(driver.vm?.explainEnd(spec, '', { code: 0, signal: null })?.detail ?? '', /before the program of its image/);
  t.regex(driver.vm?.explainEnd(spec, '', { code: 148, signal: null })?.detail ?? '', /seccomp filter/);
  await host.remove(driver, spec, running, null);
  t.deepEqual(await traces(host), NOTHING);
});

/** What the document says to put into berth.toml, and the specification that it shows. */
async function recipe() {
  const text = (await readFile(DOCUMENT, 'utf8')).split(/^# /m).find((part) => part.startsWith('An image as')) ?? '';
  const lines = (driver: string) =>
    new RegExp(`^ +\\[drivers\\.${driver}\\]\n +kernel = "(.+)"$`, 'm').exec(text) ?? [];
  const [toml = '', kernel = ''] = lines('firecracker');
  return {
    toml,
    kernel,
    qemu: lines('qemu')[1] ?? '',
    spec: JSON.parse(/^ {4}\{$[\s\S]*?^ {4}\}$/m.exec(text)?.[0] ?? ''),
  };
}

test.serial('the lines of the document boot the image of driver qemu with the kernel of that tree', async (t) => {
  t.timeout(60_000);
  const { host, assets } = await bench(t);
  const { toml, kernel: documented, qemu, spec: shown } = await recipe();
  const release = basename(documented).replace('vmlinux-', '');
  t.is(qemu, join(dirname(documented), `vmlinuz-${release}`), 'one tree, one release');
  const kernel = join(assets, documented);
  const modules = join(assets, dirname(dirname(documented)), 'usr/lib/modules', release);
  for (const directory of [dirname(kernel), modules, join(assets, 'one')]) await mkdir(directory, { recursive: true });
  await writeFile(join(modules, 'squashfs.ko'), '\x7fELF\0name=squashfs\0depends=\0');
  await writeFile(kernel, `\x7fELF Linux version ${release} (debian-kernel@lists.debian.org)`, { mode: 0o600 });
  await writeFile(join(assets, 'disk'), 'hsqs', { mode: 0o644 });

  const file = join(assets, 'berth.toml');
  await writeFile(file, toml.replace(documented, kernel));
  const { binary, jailer } = await doubleBinaries(join(assets, 'newer'), '1.17.0');
  const flags = Object.entries({
    ...{ 'drivers.firecracker.binary': binary, 'drivers.firecracker.jailer': jailer },
    ...{ 'paths.state': join(assets, 'state'), 'paths.runtime': host.runtime },
  }).map(([name, value]) => ({ name, value }));
  const { config } = await loadConfig({ env: {}, flags, defaults: { file, dropIns: '/none' } });
  const driver = withKvm(createDrivers(config).get('firecracker'));
  const { qemu: section, ...rest } = shown;
  const spec = parseSpec({ ...rest, driver: 'firecracker', firecracker: section });
  const image = imageOf(assets);
  await t.throwsAsync(host.run(driver, spec, null, { image }), { code: 'image_missing', message: /chmod o\+r/ });
  await chmod(kernel, 0o644);
  const running = await host.run(driver, spec, null, { image });
  await eventually(async () => (READY.test(await running.output()) ? true : undefined));
  const boot = JSON.parse(await readFile(join(running.context.directory, 'config.json'), 'utf8')) as Config;
  const inJail = (path: string) => readFile(`/proc/${running.process.pid}/root${path}`, 'latin1');
  const { kernel_image_path, initrd_path = '' } = boot['boot-source'];
  t.is(await inJail(kernel_image_path), await readFile(kernel, 'latin1'));
  t.regex(await inJail(initrd_path), /modules\/squashfs\.ko/, 'with the modules of the tree');
  t.true(await driver.stop?.(spec, running.context));
  await running.exit;
  await host.remove(driver, spec, running, null);
  t.deepEqual(await traces(host), NOTHING);
});

test('what cannot be beside an image is told with its field', (t) => {
  const spec = (firecracker: Record<string, unknown>, image?: string) =>
    t.throws(() => specOf({ driver: 'firecracker', firecracker, ...(image === undefined ? {} : { image }) }))
      ?.message ?? '';
  for (const [field, value] of Object.entries({ initrd: '/i', root: { path: '/r' }, drives: [{ path: '/d' }] }))
    t.regex(
      spec({ [field]: value }, 'docker://example.org/app'),
      new RegExp(`firecracker\\.${field}: does not go with an image`),
    );
  t.regex(spec({ initrd: '/i' }), /firecracker\.kernel: is needed without an image/);
  t.regex(spec({ kernel: '/k' }), /needs an image, an initrd or a root drive/);
});
