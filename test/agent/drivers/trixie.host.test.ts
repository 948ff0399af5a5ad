// The commands the drivers make, on what users run: crun on cgroup v2 alone, a newer QEMU, and KVM.
import test from 'ava';
import { defaultConfig } from '../../../agent/drivers/oci/default.js';
import { parseVersion } from '../../../agent/drivers/program-version.js';
import { machineArguments } from '../../../agent/drivers/qemu/arguments.js';
import { setprivArguments, uidFor } from '../../../agent/drivers/qemu/identity.js';
import { NO_NETWORK, type Sandbox } from '../../../agent/model/record.js';
import { guestAssets } from '../../lab/guest.js';
import { freshHost, type Host, quote } from '../../lab/host.js';
import { bootsAndEnds } from './firecracker/real.js';
import { specOf } from './fixture.js';

const sandbox: Sandbox = {
  ...NO_NETWORK,
  ...{ cgroup: 'default/w', netns: 'berth-w', hostLink: null, tap: 'tap0' },
  ...{ address: '10.9.8.7', mac: '02:00:00:00:00:07' },
};
const INTO_CGROUP = 'mkdir -p /sys/fs/cgroup/drv && echo $$ > /sys/fs/cgroup/drv/cgroup.procs';

function shell(argv: readonly string[]): string {
  return argv.map(quote).join(' ');
}

async function addNetwork(host: Host): Promise<void> {
  await host.ssh(
    [
      'ip netns add berth-w',
      `ip -n berth-w tuntap add tap0 mode tap user ${uidFor('w')} vnet_hdr`,
      'ip -n berth-w addr add 169.254.1.1/32 dev tap0',
      'ip -n berth-w link set tap0 up',
      'ip -n berth-w link set lo up',
      'ip -n berth-w route add 10.9.8.7/32 dev tap0',
    ].join(' && '),
  );
}

test.serial('crun stays in its cgroup, and QEMU boots with KVM as a user of its own', async (t) => {
  t.timeout(1_200_000);
  const host = await freshHost({ name: 'drivers' });
  try {
    await addNetwork(host);

    const script =
      'busybox cat /proc/self/mountinfo; busybox ls /sys/fs/cgroup; busybox dd if=/zero bs=1 count=1; sleep 1; exit 7';
    const oci = specOf({
      driver: 'oci',
      oci: { rootfs: '/srv/rootfs', command: ['/bin/busybox', 'sh', '-c', script] },
    });
    if (oci.oci === undefined) return t.fail();
    const names = { resolvConf: '/run/w/resolv.conf', hosts: '/run/w/hosts', hostname: '/run/w/hostname' };
    const files = { names, mount: '/usr/bin/mount', maxFiles: 1024 };
    const command = oci.oci.command ?? [];
    const config = defaultConfig({
      spec: oci,
      oci: oci.oci,
      argv: command,
      env: {},
      process: { env: {}, user: { uid: 0, gid: 0 }, cwd: '/', home: '/root' },
      mounts: [],
      rootfs: '/srv/rootfs',
      sandbox,
      ...files,
    });
    await host.write('/run/w/config.json', JSON.stringify(config));
    await host.ssh(
      'touch /run/w/hosts /run/w/resolv.conf /run/w/hostname; mkdir -p /srv/rootfs/bin; cp /bin/busybox /srv/rootfs/bin; mknod -m 666 /srv/rootfs/zero c 1 5',
    );
    const crun = 'crun --root /run/w/crun --cgroup-manager=disabled';
    await host.ssh(
      `${INTO_CGROUP}; ${crun} run --detach --pid-file /run/w/pid --bundle /run/w w > /run/w/log 2>&1 < /dev/null`,
    );
    t.is((await host.ssh('cat /proc/$(cat /run/w/pid)/cgroup')).stdout, '0::/drv\n');
    await host.waitFor('! test -e /proc/$(cat /run/w/pid)');
    const log = (await host.ssh('cat /run/w/log')).stdout;
    t.regex(log, / \/ \S*nosuid,nodev/);
    t.regex(log, /^cgroup\.procs$/m);
    t.regex(log, /zero.*(Permission|Operation)/);
    await host.ssh(`${crun} delete --force w; test ! -e /run/w/crun/w`);

    await host.ssh('modprobe kvm_amd; modprobe tun');
    const assets = await guestAssets();
    await host.put(assets.kernel, '/srv/kernel');
    await host.put(assets.initrd, '/srv/initrd');
    const version = parseVersion((await host.ssh('qemu-system-x86_64 --version')).stdout) ?? [0, 0];
    t.true(version[0] >= 10);
    const vm = specOf({ driver: 'qemu', qemu: { kernel: '/srv/kernel', initrd: '/srv/initrd' } });
    if (vm.qemu === undefined) return t.fail();
    const uid = uidFor('w');
    const machine = machineArguments({
      id: 'w',
      qemu: vm.qemu,
      ksm: false,
      sandbox,
      servers: [],
      directory: '/run/w',
      accel: 'kvm',
      uid,
      version,
    });
    const argv = ['/usr/bin/setpriv', ...setprivArguments(), '--', '/usr/bin/qemu-system-x86_64', ...machine];
    await host.ssh('mkdir -p /run/w/jail');
    await host.ssh(`${INTO_CGROUP}; setsid ip netns exec berth-w ${shell(argv)} > /run/w/vm 2>&1 < /dev/null &`);
    await host.waitFor('grep -q "berth-guest ready" /run/w/vm || { cat /run/w/vm; false; }', { timeoutMs: 300_000 });
    await host.waitFor('ip netns exec berth-w curl -fsS -m 5 http://10.9.8.7/ | grep "hello from guest"');
    const pid = '$(cat /sys/fs/cgroup/drv/cgroup.procs)';
    const { stdout } = await host.ssh(`cat /proc/${pid}/status; ls -A /proc/${pid}/root/ | wc -l; cat /run/w/vm`);
    t.regex(stdout, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'));
    t.regex(stdout, /^CapEff:\s+0+$/m);
    t.regex(stdout, /^Seccomp:\s+2$/m);
    t.regex(stdout, /^0$/m);
    t.notRegex(stdout, /deprecated/);
    await host.ssh(`kill ${pid}`);
    await host.waitFor('grep -q "populated 0" /sys/fs/cgroup/drv/cgroup.events');
  } finally {
    await host.stop();
  }
});

const firecracker = process.env.BERTH_FIRECRACKER;
if (firecracker !== undefined)
  test.serial('Firecracker itself boots a guest in its jail as a user of its own, and leaves nothing', async (t) => {
    t.timeout(1_200_000);
    const host = await freshHost({ name: 'firecracker' });
    try {
      await bootsAndEnds(t, host, firecracker);
    } finally {
      await host.stop();
    }
  });
