import test from 'ava';
import { explainEnd } from '../../../../agent/drivers/firecracker/ends.js';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { jailOf, launchCommand } from '../../../../agent/drivers/firecracker/jail.js';
import {
  bootFiles,
  driveFiles,
  kernelArguments,
  machineConfig,
} from '../../../../agent/drivers/firecracker/machine-config.js';
import { guestRegions, ownMemory } from '../../../../agent/drivers/firecracker/own-memory.js';
import { requireVersion, unknownVersion } from '../../../../agent/drivers/firecracker/version.js';
import type { Version } from '../../../../agent/drivers/program-version.js';
import { parseSpec } from '../../../../agent/model/spec.js';
import { fc, holds } from '../../../runner/property.js';
import { specs } from '../../workload/spec-generator.js';
import { ROUTED } from '../fixture.js';
import { openDocument, VERSIONS } from './api-document.js';
import { sectionOf, UIDS, vm } from './fixture.js';

const sandbox = { ...ROUTED, tap: 'tap0' };
const FULL = vm({
  kernel: '/srv/vmlinux',
  initrd: '/srv/initrd',
  root: { path: '/srv/root.img' },
  drives: [{ path: '/srv/data.img', readOnly: true, rateLimiter: { bandwidth: '1Mi', ops: 100 } }],
  ...{ vcpus: 2, smt: true, memory: 100 * 2 ** 20 + 1, cpuTemplate: 'T2', vsock: true },
  ...{ mmds: { metadata: { a: 1 } }, balloon: { statistics: 5 } },
});
const configOf = (spec = FULL) =>
  machineConfig({ id: spec.id, firecracker: sectionOf(spec), sandbox, servers: ['9.9.9.9'] });

test('the configuration file', (t) => {
  t.deepEqual(configOf(), {
    'boot-source': {
      kernel_image_path: '/kernel',
      boot_args: 'console=ttyS0 reboot=k panic=-1 pci=off ip=10.9.8.7::169.254.1.1:255.255.255.255:w:eth0:off:9.9.9.9',
      initrd_path: '/initrd',
    },
    'machine-config': { vcpu_count: 2, smt: true, mem_size_mib: 101, cpu_template: 'T2' },
    logger: { level: 'Warning' },
    drives: [
      { drive_id: 'root', path_on_host: '/root', is_root_device: true, is_read_only: false, cache_type: 'Writeback' },
      {
        ...{ drive_id: 'drive0', path_on_host: '/drive0', is_root_device: false, is_read_only: true },
        rate_limiter: { bandwidth: { size: 2 ** 20, refill_time: 1000 }, ops: { size: 100, refill_time: 1000 } },
      },
    ],
    'network-interfaces': [{ iface_id: 'eth0', guest_mac: '02:00:00:00:00:07', host_dev_name: 'tap0' }],
    vsock: { guest_cid: 3, uds_path: '/v.sock' },
    balloon: { amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 5 },
    entropy: {},
    'mmds-config': { version: 'V2', network_interfaces: ['eth0'] },
  });
});

test('without a tap there is no card and no address', (t) => {
  const config = machineConfig({
    id: 'w',
    firecracker: sectionOf(FULL),
    sandbox: { ...sandbox, tap: null },
    servers: [],
  });
  t.deepEqual(config['network-interfaces'], []);
  t.notRegex(JSON.stringify(config['boot-source']), /ip=/);
});

for (const version of VERSIONS) {
  const document = openDocument(version);
  test(`the API document of ${version} knows every field of the configuration, and finds what is wrong`, (t) => {
    const config = configOf();
    t.deepEqual(document.configProblems(config), []);
    const machine = config['machine-config'] as object;
    const wrong: readonly Record<string, unknown>[] = [
      { ...config, 'machine-config': { ...machine, vcpu_count: 33 } },
      { ...config, 'machine-config': { ...machine, mem_size_mib: '128' } },
      { ...config, 'machine-config': { ...machine, huge_pages: '1G' } },
      { ...config, balloon: { amount_mib: 0 } },
      { ...config, drives: [{ drive_id: 'a', is_root_device: true, of_tomorrow: 1 }] },
      { ...config, of_tomorrow: 1 },
      { 'boot-source': config['boot-source'] },
    ];
    for (const one of wrong) t.is(document.configProblems(one).length, 1, JSON.stringify(one));
  });

  test(`every acceptable spec becomes a configuration that ${version} takes, within the kernel's command line`, async (t) => {
    const property = fc.property(specs(parseSpec, ['firecracker']), (spec) => {
      const firecracker = sectionOf(spec);
      if (version === '1.7' && firecracker.balloon.freePageReporting) return;
      const options = { id: spec.id, firecracker, sandbox, servers: ['255.255.255.255', '255.255.255.254'] };
      const problems = document.configProblems(machineConfig(options));
      if (problems.length > 0) throw new Error(problems.join('; '));
      // `virtio_mmio.device=4K@0xd0000000:5 ` for each device, `root=/dev/vda ro `.
      const line = kernelArguments(options).length + 40 * 14 + 20;
      if (line > 2047) throw new Error(`a command line of ${line} bytes`);
    });
    holds(t, property);
  });
}

test('a field is refused by name where the version lacks it, and versions that nobody read are told', (t) => {
  const plain = sectionOf(vm({ kernel: '/k', initrd: '/i' }));
  const newer = sectionOf(vm({ kernel: '/k', initrd: '/i', balloon: { freePageReporting: true } }));
  const rows: readonly (readonly [Version, 'runs' | 'refused', 'known' | 'unknown'])[] = [
    [[0, 25], 'refused', 'known'],
    [[1, 6], 'refused', 'known'],
    [[1, 7], 'runs', 'known'],
    [[1, 13], 'runs', 'known'],
    [[1, 17], 'runs', 'known'],
    [[1, 18], 'runs', 'unknown'],
    [[2, 0], 'refused', 'unknown'],
  ];
  for (const [version, verdict, knowledge] of rows) {
    if (verdict === 'runs') t.notThrows(() => requireVersion(version, plain), version.join('.'));
    else t.throws(() => requireVersion(version, plain), { code: 'binary_missing' }, version.join('.'));
    t.is(unknownVersion(version) !== undefined, knowledge === 'unknown', version.join('.'));
  }
  t.throws(() => requireVersion([1, 13], newer), {
    code: 'invalid_spec',
    message: /balloon\.freePageReporting.*1\.14/,
  });
  t.notThrows(() => requireVersion([1, 14], newer));
});

test('the command makes the jail for itself, and the jailer makes no cgroup', (t) => {
  const programs = { unshare: '/u', sh: '/s', setpriv: '/p', jailer: '/j', firecracker: '/opt/firecracker-v1.7' };
  const command = launchCommand({
    held: new Map([['/srv/root.img', '/proc/9/fd/5']]),
    ...{ jail: jailOf('/run/w'), programs, uid: 7, largestFile: 9, begins: 'boot with metadata' },
    files: [...bootFiles(sectionOf(FULL)), ...driveFiles(sectionOf(FULL))],
  });
  const line = command.join(' ');
  t.deepEqual(command.slice(command.indexOf('/srv/vmlinux') - 1, command.indexOf('--', 5)), [
    ...['bind,ro', '/srv/vmlinux', 'kernel', ''],
    ...['bind,ro', '/srv/initrd', 'initrd', ''],
    ...['bind', '/srv/root.img', 'root', '/proc/9/fd/5'],
    ...['bind,ro', '/srv/data.img', 'drive0', ''],
  ]);
  t.regex(
    line,
    /--id vm --exec-file \/run\/w\/jail\/bin\/firecracker --uid 7 --gid 7 --chroot-base-dir \/run\/w\/jail --new-pid-ns/,
  );
  t.regex(
    line,
    /--resource-limit fsize=9 -- --api-sock \/api.sock --config-file \/config.json --metadata \/metadata.json$/,
  );
  t.notRegex(line, /cgroup/);
  t.is(jailOf('/run/w').pidFile, '/run/w/jail/firecracker/vm/root/firecracker.pid');
});

test('every microVM has a user of the range, always the same', (t) => {
  t.is(uidOf('a', UIDS), uidOf('a', UIDS));
  const uids = new Set(Array.from({ length: 1000 }, (_, i) => uidOf(`w-${i}`, UIDS)));
  t.true(uids.size >= 999);
  for (const uid of uids) t.true(uid >= UIDS.first && uid <= UIDS.last);
  t.is(uidOf('a', { first: 5, last: 5 }), 5);
});

test('each exit code of Firecracker is explained, with what it said', (t) => {
  const rows: readonly (readonly [number | null, string, RegExp | undefined])[] = [
    [0, 'whatever', undefined],
    [null, 'error: of a VMM that was killed', undefined],
    [77, '', undefined],
    [
      1,
      'RunWithoutApiError error: Failed to build\nError: RunWithoutApiError(Elf)\n',
      /^Firecracker failed: RunWithoutApiError\(Elf\)$/,
    ],
    [2, '', /impossible$/],
    [148, '', /seccomp/],
    [149, '', /SIGBUS/],
    [150, '', /SIGSEGV/],
    [151, '', /SIGXFSZ/],
    [152, '', /configuration/],
    [153, '', /command line/],
    [154, '', /SIGXCPU/],
    [155, '', /SIGPIPE/],
    [156, '', /SIGHUP/],
    [157, '', /SIGILL/],
  ];
  for (const [code, tail, words] of rows) {
    const end = explainEnd(tail, code);
    if (words === undefined) t.is(end, undefined, String(code));
    else {
      t.is(end?.by, 'vmm');
      t.regex(end?.detail ?? '', words, String(code));
    }
  }
  const panic = 'Kernel panic - not syncing: VFS: Unable to mount root fs\n';
  t.deepEqual(explainEnd(panic, 0), {
    by: 'guest',
    detail: "the guest's kernel gave up: VFS: Unable to mount root fs",
  });
});

test('memory of Firecracker is all but the regions of the guest, or unknown', (t) => {
  const GIB = 2 ** 30;
  for (const arch of ['x64', 'arm64']) t.deepEqual(guestRegions(GIB, arch), [GIB]);
  t.deepEqual(guestRegions(4 * GIB, 'x64'), [0xd000_0000, 4 * GIB - 0xd000_0000]);
  t.deepEqual(guestRegions(4 * GIB, 'arm64'), [4 * GIB]);
  const mapping = (size: number, pss: number, mode = 'rw-p') => ({ size, mode, pss, swapPss: 1 });
  t.is(ownMemory(GIB, [mapping(GIB, 700), mapping(4096, 10), mapping(8192, 20, 'r-xp')]), 32);
  t.is(ownMemory(GIB, [mapping(4096, 10)]), undefined);
  t.is(ownMemory(GIB, [mapping(GIB, 1), mapping(GIB, 2)]), undefined);
});
