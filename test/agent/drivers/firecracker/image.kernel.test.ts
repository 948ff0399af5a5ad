// A guest of an image, with the double for Firecracker: what it boots from, and who may read it. That a guest of an image runs is tested
// with QEMU (image-guest.kernel.test.ts): kernel, initrd and drives are the same.
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import type { ImageRoot } from '../../../../agent/model/image.js';
import { specOf } from '../fixture.js';
import { eventually } from '../host.js';
import { bench, NOTHING, READY, traces } from './bench.js';
import type { Config } from './double/machine.js';
import { UIDS } from './fixture.js';

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
