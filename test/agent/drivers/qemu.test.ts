import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parseVersion } from '../../../agent/drivers/program-version.js';
import { kernelArguments, machineArguments } from '../../../agent/drivers/qemu/arguments.js';
import { uidFor } from '../../../agent/drivers/qemu/identity.js';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import type { Sandbox } from '../../../agent/model/record.js';
import { BerthError } from '../../../protocol/errors.js';
import { conformance } from './conformance.js';
import { contextFor, NO_DNS, ROUTED, specOf } from './fixture.js';

const qemu = (section: Record<string, unknown>, more = {}) => specOf({ driver: 'qemu', qemu: section, ...more });
const driver = () => qemuDriver({ accel: 'auto', overheadBytes: 160 * 2 ** 20, dns: NO_DNS, runtime: '/run/berth' });
const needed = ['/usr/bin/qemu-system-x86_64', '/usr/bin/setpriv'];

conformance({
  driver,
  needs: () => needed.find((path) => !existsSync(path)),
  assets: async (directory) => {
    for (const name of ['kernel', 'initrd', 'root']) await writeFile(join(directory, name), name);
  },
  spec: (assets) => qemu({ kernel: join(assets, 'kernel'), initrd: join(assets, 'initrd') }),
  missing: [
    {
      what: 'QEMU',
      spec: (assets) => qemu({ kernel: join(assets, 'kernel'), initrd: join(assets, 'initrd') }),
      code: 'binary_missing',
      names: 'qemu-system-x86_64',
      without: ['qemu-system-x86_64'],
    },
    {
      what: 'the kernel',
      spec: (assets) => qemu({ kernel: join(assets, 'x'), initrd: join(assets, 'initrd') }),
      code: 'image_missing',
      names: 'qemu.kernel',
    },
    {
      what: 'the initrd',
      spec: (assets) => qemu({ kernel: join(assets, 'kernel'), initrd: assets }),
      code: 'image_missing',
      names: 'qemu.initrd',
    },
    {
      what: 'the root image',
      spec: (assets) => qemu({ kernel: join(assets, 'kernel'), root: join(assets, 'x') }),
      code: 'image_missing',
      names: 'qemu.root',
    },
  ],
});

const spec = qemu({ kernel: '/k', root: '/a,b.img', memory: 100 * 2 ** 20 + 1, vcpus: 2 });
const sandbox = { ...ROUTED, tap: 'tap0' };
const options = {
  id: 'w',
  sandbox,
  servers: [],
  directory: '/run/a,b',
  uid: 1879048192,
  accel: 'tcg' as const,
  ksm: false,
};

function argumentsOf(version: readonly [number, number], more: Partial<Sandbox> = {}): string[] {
  if (spec.qemu === undefined) throw new Error('unreachable');
  return machineArguments({ ...options, sandbox: { ...sandbox, ...more }, qemu: spec.qemu, version });
}

test('the command line', (t) => {
  const line = argumentsOf([7, 2]).join(' ');
  t.regex(line, /-m 101M -smp 2 /);
  t.regex(line, /ifname=tap0,script=no,downscript=no,vhost=off/);
  t.regex(line, /virtio-net-device,netdev=n0,mac=02:00:00:00:00:07/);
  t.regex(line, /"filename":"\/a,b.img"/);
  t.regex(line, /unix:\/run\/a,,b\/qmp.sock,server=on/);
  t.regex(line, /-runas 1879048192:1879048192 -chroot \/run\/a,b\/jail$/);
  t.regex(argumentsOf([10, 0]).join(' '), /-run-with user=1879048192:1879048192,chroot=\/run\/a,,b\/jail$/);
  t.regex(argumentsOf([9, 0]).join(' '), /-runas /);
});

test('without a tap there is no card and no address', (t) => {
  const line = argumentsOf([7, 2], { tap: null }).join(' ');
  t.notRegex(line, /netdev|ip=/);
});

test('with a vsock id there is a device for it', (t) => {
  t.notRegex(argumentsOf([7, 2]).join(' '), /vsock/);
  t.regex(
    argumentsOf([7, 2], { tap: null, vsockId: 70_000 }).join(' '),
    / -device vhost-vsock-device,guest-cid=70000 /,
  );
});

test('kernel arguments', (t) => {
  const base = { append: 'console=ttyS0' };
  t.is(
    kernelArguments({ id: 'w', servers: ['9.9.9.9'], sandbox, qemu: { ...base, initrd: '/i' } }),
    'console=ttyS0 reboot=t panic=-1 ip=10.9.8.7::169.254.1.1:255.255.255.255:w:eth0:off:9.9.9.9',
  );
  t.true(kernelArguments({ id: 'w', servers: [], sandbox, qemu: base }).includes(' root=/dev/vda rw '));
  t.false(
    kernelArguments({ id: 'w', servers: [], sandbox, qemu: { ...base, append: 'root=LABEL=x' } }).includes('/dev/vda'),
  );
});

test('an image: two drives that cannot be written to, and a port', (t) => {
  if (spec.qemu === undefined) throw new Error('unreachable');
  const boot = { ...spec.qemu, root: undefined, initrd: '/i' };
  const image = { disk: '/d', settings: '/s' };
  const line = machineArguments({ ...options, qemu: boot, image, version: [7, 2] }).join(' ');
  for (const path of ['/d', '/s'])
    t.true(line.includes(`"read-only":true,"file":{"driver":"file","filename":"${path}","read-only":true}`), line);
  t.regex(line, /-chardev pipe,id=control,path=\/run\/a,,b\/control /);
  t.regex(line, /-append console=ttyS0 quiet reboot=t panic=-1 /, 'the address is on the drive');
});

test('an image: what a host lacks is named before anything is made', async (t) => {
  const image = { driver: 'qemu', image: 'docker://debian:13' };
  const missing = async (kernel: string | undefined, without?: string) => {
    const of = qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth', kernel });
    const which = (name: string) => (name === without ? undefined : `/usr/bin/${name}`);
    return await of.check(specOf(image), await contextFor(t, { which })).then(
      () => undefined,
      (error: unknown) => (error instanceof BerthError ? { code: error.code, hint: error.hint } : error),
    );
  };
  t.like(await missing(undefined), { code: 'image_missing' });
  t.regex(JSON.stringify(await missing(undefined)), /drivers\.qemu\.kernel.*linux-image-cloud-amd64/);
  t.like(await missing('/no/kernel'), { code: 'image_missing' });
  t.like(await missing('/etc/passwd', 'mksquashfs'), { code: 'binary_missing' });
  t.like(await missing('/etc/passwd', 'busybox'), { code: 'binary_missing' });
});

test('KVM is used when it can be, and missed when it is demanded', async (t) => {
  const assets = { kernel: '/etc/passwd', initrd: '/etc/passwd' };
  const kvm = qemuDriver({ accel: 'kvm', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' });
  const error = await t.throwsAsync(kvm.check(qemu(assets), await contextFor(t)), { instanceOf: BerthError });
  t.is(error?.code, 'device_missing');
  await kvm.check(qemu(assets), await contextFor(t, { kvmUsable: true }));
});

test('an id whose socket the kernel would not take is refused before anything is made, with how much is too long', async (t) => {
  const assets = { kernel: '/etc/passwd', initrd: '/etc/passwd' };
  const of = (runtime: string) => qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime });
  const spec = { ...qemu(assets), id: 'x'.repeat(63) };
  await of(`/${'r'.repeat(23)}`).check(spec, await contextFor(t));
  const long = of(`/${'r'.repeat(25)}`);
  const error = await t.throwsAsync(long.check(spec, await contextFor(t)), { instanceOf: BerthError });
  t.like(error, { code: 'invalid_spec' });
  t.regex(error?.message ?? '', /id is too long by 2: the kernel takes 107 bytes/);
  await long.check({ ...spec, id: 'x'.repeat(61) }, await contextFor(t));
  // What runs has its socket.
  await long.check(spec, { ...(await contextFor(t)), live: true });
});

test('vsock needs its device, and who has none is told how to get it', async (t) => {
  const driver = qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' });
  const check = async () =>
    driver.check(qemu({ kernel: '/etc/passwd', initrd: '/etc/passwd', vsock: true }), await contextFor(t));
  if (existsSync('/dev/vhost-vsock')) return t.notThrowsAsync(check());
  const error = await t.throwsAsync(check(), { instanceOf: BerthError });
  t.like(error, { code: 'device_missing', data: { device: '/dev/vhost-vsock' } });
  t.regex(error?.hint ?? '', /modprobe vhost_vsock/);
});

test('every microVM has a user of its own', (t) => {
  t.is(uidFor('a'), uidFor('a'));
  const uids = new Set(Array.from({ length: 1000 }, (_, i) => uidFor(`w-${i}`)));
  t.true(uids.size >= 999);
  for (const uid of uids) t.true(uid >= 0x70000000 && uid <= 0x7fffffff);
  t.deepEqual(driver().tap(spec), {
    name: 'tap0',
    uid: uidFor('w'),
    multiQueue: false,
    vnetHeader: true,
    guestAddress: null,
  });
  t.is(driver().tap(qemu({ kernel: '/k', initrd: '/i' }, { network: { mode: 'none' } })), null);
});

test('what is QEMU’s own is all but the one mapping that is as large as the guest, or is not told', (t) => {
  const MIB = 2 ** 20;
  const mapping = (size: number, pss: number, mode = 'rw-p', swapPss = 0) => ({ size, pss, mode, swapPss });
  const ram = mapping(101 * MIB, 90 * MIB, 'rw-p', 5 * MIB);
  const own = [mapping(4096, 4096, 'r-xp'), mapping(64 * MIB, 10 * MIB, 'rwxp'), mapping(8192, 4096, 'rw-p', 4096)];
  const told = (...mappings: ReturnType<typeof mapping>[]) => driver().vm?.ownMemory(spec, mappings);
  t.is(told(own[0] ?? ram, ram, ...own.slice(1)), 10 * MIB + 12_288);
  t.is(told(...own, ram, mapping(101 * MIB, 7, 'rwxp')), 10 * MIB + 12_295, 'translated code of the very same size');
  t.is(told(...own), undefined);
  t.is(told(...own, ram, mapping(101 * MIB, 1)), undefined, 'which of the two it is');
  t.is(driver().vm?.overhead(spec), 160 * MIB);
});

test('versions', (t) => {
  t.deepEqual(parseVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)'), [7, 2]);
  t.deepEqual(parseVersion('QEMU emulator version 10.0.2'), [10, 0]);
  t.is(parseVersion('x'), undefined);
});
