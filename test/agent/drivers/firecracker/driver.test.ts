import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { conformance } from '../conformance.js';
import { contextFor, temporary } from '../fixture.js';
import { testDriver, vm } from './fixture.js';

const driver = () => testDriver({ runtime: join(tmpdir(), `berth-firecracker-${process.pid}`) });
const needed = ['/usr/bin/unshare', '/usr/bin/setpriv'];
const plain = (assets: string, more = {}) =>
  vm({ kernel: join(assets, 'kernel'), initrd: join(assets, 'initrd'), ...more });

conformance({
  driver,
  context: { kvmUsable: true },
  needs: () => needed.find((path) => !existsSync(path)),
  assets: async (directory) => {
    for (const name of ['kernel', 'initrd', 'root']) await writeFile(join(directory, name), name, { mode: 0o644 });
    await writeFile(join(directory, 'secret'), 'secret', { mode: 0o600 });
  },
  spec: (assets) => plain(assets, { mmds: { metadata: {} }, drives: [{ path: join(assets, 'root'), readOnly: true }] }),
  missing: [
    { what: 'Firecracker', spec: plain, code: 'binary_missing', names: 'firecracker', without: ['firecracker'] },
    { what: 'the jailer', spec: plain, code: 'binary_missing', names: 'jailer', without: ['jailer'] },
    {
      what: 'the kernel',
      spec: (assets) => plain(assets, { kernel: join(assets, 'x') }),
      ...{ code: 'image_missing', names: 'firecracker.kernel' },
    },
    {
      what: 'a drive',
      spec: (assets) => plain(assets, { drives: [{ path: join(assets, 'x') }] }),
      ...{ code: 'image_missing', names: 'firecracker.drives.0.path' },
    },
    {
      what: 'a kernel that only root can read',
      spec: (assets) => plain(assets, { kernel: join(assets, 'secret') }),
      ...{ code: 'image_missing', names: 'chmod o+r' },
    },
  ],
});

test('KVM that does not run a guest is missed, with the words of the probe', async (t) => {
  const assets = await temporary(t);
  for (const name of ['kernel', 'initrd']) await writeFile(join(assets, name), name, { mode: 0o644 });
  const context = await contextFor(t, { kvmReason: 'a 64-bit test guest hung for 5000 ms' });
  await t.throwsAsync(driver().check(plain(assets), context), {
    ...{ code: 'device_missing', message: /a 64-bit test guest hung for 5000 ms/ },
  });
  await driver().check(plain(assets), { ...context, kvmUsable: true });
});

test('an image that its owner may not write is refused as a drive to write to', async (t) => {
  const assets = await temporary(t);
  for (const name of ['kernel', 'initrd', 'root']) await writeFile(join(assets, name), name, { mode: 0o644 });
  await chmod(join(assets, 'root'), 0o444);
  const context = await contextFor(t, { kvmUsable: true });
  const root = { path: join(assets, 'root') };
  await t.throwsAsync(driver().check(plain(assets, { root }), context), {
    code: 'image_missing',
    message: /chmod u\+rw/,
  });
  await driver().check(plain(assets, { root: { ...root, readOnly: true } }), context);
});

test('what is left of a save goes with the record of its workload', async (t) => {
  const state = await temporary(t);
  const driver = testDriver({ state });
  await driver.sweep?.(new Set());
  for (const id of ['fc-1', 'fc-2']) {
    await mkdir(join(state, 'firecracker', id), { recursive: true });
    await writeFile(join(state, 'firecracker', id, 'memory'), 'of a guest');
  }
  await driver.sweep?.(new Set(['fc-1', 'other']));
  t.deepEqual(await readdir(join(state, 'firecracker')), ['fc-1']);
});

test('what cannot be is refused with its field', (t) => {
  const base = { kernel: '/k', initrd: '/i' };
  const field = (input: () => unknown) => t.throws(input, { code: 'invalid_spec' })?.message ?? '';
  t.regex(
    field(() => vm({ kernel: '/k' })),
    /needs an image, an initrd or a root drive/,
  );
  t.regex(
    field(() => vm({ ...base, smt: true, vcpus: 3 })),
    /firecracker\.vcpus/,
  );
  t.regex(
    field(() => vm({ ...base, hugepages: '2Mi', memory: '3Mi' })),
    /firecracker\.memory/,
  );
  t.regex(
    field(() => vm(base, { network: { mode: 'host' } })),
    /network\.mode/,
  );
  t.regex(
    field(() => vm({ ...base, mmds: { metadata: {} } }, { network: { mode: 'none' } })),
    /firecracker\.mmds/,
  );
  t.regex(
    field(() => vm(base, { resources: { memory: { ksm: true } } })),
    /memory\.ksm/,
  );
});
