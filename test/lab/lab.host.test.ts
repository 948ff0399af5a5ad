import { createServer } from 'node:http';
import test from 'ava';
import { guestArguments } from './guest.js';
import { freshHost, type Host } from './host.js';

// That an orderly restart keeps what it should is seen in test/host/recovery.host.test.ts.
test.serial('a fresh host is what users run, crashes, and boots nested microVMs', async (t) => {
  t.timeout(900_000);
  const host = await freshHost({ name: 'lab-test' });
  try {
    await t.notThrowsAsync(systemAsUsersHaveIt(host));
    await checkWays(t.is, host);
    await nestedGuest(host);

    const before = await host.bootId();
    await host.ssh('echo synced > /root/synced; sync; mkdir /dev/shm/lost');
    t.not(await host.crash(), before);
    t.is((await host.ssh('cat /root/synced; ls /dev/shm')).stdout, 'synced\n');
    await host.ssh('test -e /dev/kvm');
  } finally {
    await host.stop();
  }
});

async function systemAsUsersHaveIt(host: Host): Promise<void> {
  await host.waitFor('test "$(systemctl is-system-running)" = running', { what: 'systemd is running' });
  const { stdout } = await host.ssh(
    'cat /sys/fs/cgroup/cgroup.controllers; cat /proc/pressure/memory; hostname; date +%s',
  );
  const [controllers = '', some = '', , hostname, seconds] = stdout.split('\n');
  for (const name of ['cpu', 'io', 'memory', 'pids']) {
    if (!controllers.split(' ').includes(name)) throw new Error(`no ${name} in: ${controllers}`);
  }
  if (!some.startsWith('some avg10=')) throw new Error(`no PSI: ${some}`);
  if (hostname !== 'lab-test') throw new Error(`host name is ${hostname}`);
  if (Math.abs(Number(seconds) - Date.now() / 1000) > 60) throw new Error(`the clock says ${seconds}`);
}

/** Files in, ports out, ports in, and failures that tell. */
async function checkWays(is: (actual: unknown, expected: unknown) => unknown, host: Host): Promise<void> {
  await host.write('/srv/www/page', 'from the lab');
  await host.ssh('systemd-run --unit=www busybox httpd -f -p 127.0.0.1:8080 -h /srv/www');
  await host.waitFor('curl -fsS http://127.0.0.1:8080/page', { what: 'the web server answers' });
  const port = await host.forward(8080);
  is(await (await fetch(`http://127.0.0.1:${port}/page`)).text(), 'from the lab');

  const server = createServer((_, response) => response.end('from outside'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const outer = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    is((await host.ssh(`curl -fsS http://${host.reverse(outer)}/`)).stdout, 'from outside');
  } finally {
    server.close();
  }
  const failed = await host.ssh('echo out; echo err >&2; exit 3', { check: false });
  is(`${failed.code} ${failed.stdout.trim()} ${failed.stderr.trim()}`, '3 out err');
}

async function nestedGuest(host: Host): Promise<void> {
  const lease = guestArguments({ address: '10.0.2.15', gateway: '10.0.2.2', mask: '255.255.255.0' });
  const qemu = [
    'qemu-system-x86_64 -M microvm -accel kvm -cpu host -m 128 -nodefaults -no-user-config -display none -no-reboot',
    `-kernel /usr/share/berth-lab/vmlinuz -initrd /usr/share/berth-lab/initrd.cpio.gz -append "${lease}"`,
    '-serial file:/run/guest.log -netdev user,id=n0,hostfwd=tcp:127.0.0.1:8081-:80 -device virtio-net-device,netdev=n0',
  ];
  await host.ssh(`systemd-run --unit=guest ${qemu.join(' ')}`);
  try {
    const what = 'the nested guest boots';
    await host.waitFor('grep "berth-guest ready" /run/guest.log', { what, timeoutMs: 180_000 });
    await host.waitFor('curl -fsS -m 5 http://127.0.0.1:8081/ | grep "hello from guest"', { what: 'it answers' });
  } finally {
    await host.ssh('tail -20 /run/guest.log; systemctl stop guest', { check: false });
  }
}
