// Firecracker itself, where BERTH_FIRECRACKER names a directory with `firecracker`, `jailer` and a `vmlinux` for its guest: booted by
// the driver's own command in a lab host, which has KVM.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { uidOf } from '../../../../agent/drivers/firecracker/index.js';
import { parseVersion } from '../../../../agent/drivers/program-version.js';
import { NO_NETWORK, type Sandbox } from '../../../../agent/model/record.js';
import { parseSmaps } from '../../../../linux/smaps.js';
import { guestAssets } from '../../../lab/guest.js';
import { type Host, quote } from '../../../lab/host.js';
import { contextFor } from '../fixture.js';
import { testDriver, UIDS, vm } from './fixture.js';

const PLACE = '/srv/firecracker';
const KERNEL = `${PLACE}/vmlinux`;
const INITRD = `${PLACE}/initrd`;
const READY_MS = 300_000;

const sandbox: Sandbox = {
  ...NO_NETWORK,
  ...{ cgroup: 'default/w', netns: 'berth-fc', hostLink: null, tap: 'tap0' },
  ...{ address: '10.9.8.9', mac: '02:00:00:00:00:09' },
};

/** The same paths in the lab as here, where the driver writes its files. */
async function prepared(t: ExecutionContext, version: string) {
  await mkdir(PLACE, { recursive: true });
  t.teardown(() => rm(PLACE, { recursive: true, force: true }));
  for (const path of [KERNEL, INITRD]) await writeFile(path, '', { mode: 0o644 });
  const driver = testDriver({
    runtime: PLACE,
    identify: async (path) => ({ path, version: parseVersion(version) ?? [0, 0] }),
  });
  const spec = vm({ kernel: KERNEL, initrd: INITRD, vcpus: 2, vsock: true, mmds: { metadata: { hello: 'guest' } } });
  const context = await contextFor(t, {
    sandbox,
    kvmUsable: true,
    which: (name) => (['firecracker', 'jailer'].includes(name) ? join(PLACE, name) : join('/usr/bin', name)),
  });
  const launch = await driver.prepare(spec, context);
  await launch?.release?.();
  // What is held open is held on this machine.
  const argv = launch?.argv.map((word) => (/^\/proc\/\d+\/fd\//.test(word) ? '' : word)) ?? [];
  return { driver, spec, context, argv, pidFile: launch?.pidFile ?? '' };
}

async function furnish(host: Host, binaries: string, directory: string): Promise<void> {
  const { initrd } = await guestAssets();
  for (const name of ['firecracker', 'jailer', 'vmlinux']) await host.put(join(binaries, name), join(PLACE, name));
  await host.put(initrd, INITRD);
  for (const name of ['config.json', 'metadata.json']) await host.put(join(directory, name), join(directory, name));
  const link = [
    'ip netns add berth-fc',
    `ip -n berth-fc tuntap add tap0 mode tap user ${uidOf('w', UIDS)} vnet_hdr`,
    'ip -n berth-fc link set tap0 up',
  ];
  await host.ssh([`chmod 644 ${KERNEL} ${INITRD}`, 'modprobe kvm_amd', 'modprobe tun', ...link].join(' && '));
}

export async function bootsAndEnds(t: ExecutionContext, host: Host, binaries: string): Promise<void> {
  await host.put(join(binaries, 'firecracker'), join(PLACE, 'firecracker'));
  const { stdout: version } = await host.ssh(`${PLACE}/firecracker --version`);
  t.log(version.split('\n')[0]);
  const { driver, spec, context, argv, pidFile } = await prepared(t, version);
  const { directory } = context;
  await furnish(host, binaries, directory);
  const inCgroup = 'mkdir -p /sys/fs/cgroup/fc && echo $$ > /sys/fs/cgroup/fc/cgroup.procs';
  const command = argv.map(quote).join(' ');
  await host.ssh(
    `${inCgroup} && nsenter --net=/run/netns/berth-fc ${command} > ${PLACE}/log 2>&1 < /dev/null || { cat ${PLACE}/log; false; }`,
  );
  await host.waitFor(`grep -q 'berth-guest ready' ${PLACE}/log`, { timeoutMs: READY_MS });
  const pid = (await host.ssh(`cat ${pidFile}`)).stdout.trim();
  const uid = uidOf('w', UIDS);
  const status = (await host.ssh(`cat /proc/${pid}/status`)).stdout;
  t.regex(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
  for (const line of [/^CapEff:\s+0+$/m, /^Seccomp:\s+2$/m, /^NoNewPrivs:\s+1$/m, /^NSpid:\s+\d+\s+1$/m])
    t.regex(status, line);
  t.is((await host.ssh(`cat /proc/${pid}/cgroup`)).stdout, '0::/fc\n');
  t.is(
    (await host.ssh(`grep -c '^fc_vcpu [01]$' /dev/null /proc/${pid}/task/*/comm | grep -c ':1$'`)).stdout.trim(),
    '2',
  );
  t.is((await host.ssh(`grep -c ${directory} /proc/mounts || true`)).stdout.trim(), '0');
  const own = driver.vm?.ownMemory(spec, parseSmaps((await host.ssh(`cat /proc/${pid}/smaps`)).stdout));
  t.log(`Firecracker's own: ${((own ?? 0) / 2 ** 20).toFixed(1)} MiB`);
  t.true(own !== undefined && own > 2 ** 20 && own < 16 * 2 ** 20);
  const socket = join(directory, 'jail/firecracker/vm/root/api.sock');
  const press = `-X PUT -H 'Content-Type: application/json' -d '{"action_type":"SendCtrlAltDel"}'`;
  await host.ssh(`curl -sf --unix-socket ${socket} ${press} http://localhost/actions`);
  await host.waitFor(`! test -e /proc/${pid}`);
  t.regex((await host.ssh(`tail -c 4096 ${PLACE}/log`)).stdout, /reboot: /);
  await host.ssh(`rm -r ${directory} && test -s ${KERNEL} && test ! -e ${directory}`);
  t.is((await readFile(KERNEL)).length, 0, 'this machine ran nothing');
}
